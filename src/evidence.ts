/**
 * Proof that the table of this host was full, and only for as long as it says something about the present max: log lines
 * and counters outlive a repair. Pure.
 */
import { isNearlyFull } from './kernel.ts';
import { type ChangeRecord, type Facts, isKnown, known, type LogLine, type Plan } from './model.ts';
import { byMemory, nextBoot } from './nextboot.ts';
import { overflowHere } from './overflow.ts';
import { duration, grouped } from './render/numbers.ts';

export type Evidence = {
  /** what proves that the table was full, as sentences; [] when nothing counts */
  readonly full: readonly string[];
  /** what was seen and does not count, and why */
  readonly notes: readonly string[];
  readonly unknowns: Plan['unknowns'];
};

/**
 * What counts as evidence of a full table:
 * - count at 95 % of max or more, now;
 * - "table full" lines of this boot about this namespace, and evictions (early_drop), that are newer than the last
 *   raise of max that is still in force. Where somebody else raised it at a time unknown only counters that rise while
 *   we look count.
 */
export function evidenceOf(facts: Facts): Evidence {
  const since = baseline(facts);
  const lines = fromLog(facts, since);
  return {
    full: [...fromCount(facts), ...lines.full, ...fromCounters(facts, since), ...fromDrops(facts, since)],
    notes: lines.notes,
    unknowns: unknownsOf(facts),
  };
}

/** From when on old signs count: from the boot, from a change of ours, or not at all. */
type Since =
  | { readonly since: 'boot' }
  | { readonly since: 'change'; readonly change: ChangeRecord }
  | { readonly since: 'now'; readonly why: string };

function baseline(facts: Facts): Since {
  const { lastChange, table } = facts;
  const max = known(table.max);
  if (max === 0) return { since: 'now', why: 'the table has no limit now' };
  if (lastChange !== undefined && lastChange.outcome === 'applied' && inForce(facts, lastChange)) {
    const bootId = known(facts.machine.bootId);
    if (bootId === undefined) return { since: 'now', why: 'whether they are older than the last change is unknown' };
    if (bootId === lastChange.bootId) return { since: 'change', change: lastChange };
  }
  const { boot, load } = nextBoot(facts);
  // Where nothing tells what else gives it, what is more than the kernel takes by itself was set by somebody.
  const own = byMemory(facts).max?.value ?? 0;
  const given = [boot.max, load.max].map((held) => (held?.by === 'kube-proxy' ? 0 : (held?.value ?? own)));
  if (max !== undefined && !given.includes(0) && max > Math.max(...given)) {
    return { since: 'now', why: `max was raised to ${grouped(max)} at a time unknown, maybe after them` };
  }
  return { since: 'boot' };
}

/** Whether what a change of ours promised for max still holds: live, or for the next load where only files were written. */
function inForce(facts: Facts, { targets, strategy }: ChangeRecord): boolean {
  const holds = (max: number | undefined) =>
    max !== undefined && (max === 0 || (targets.max !== 0 && max >= targets.max));
  return holds(known(facts.table.max)) || (strategy === 'persist' && holds(nextBoot(facts).load.max?.value));
}

/** The log lines that count, of this namespace and of others. */
export function countedLines(facts: Facts): readonly LogLine[] {
  const since = baseline(facts);
  return (known(facts.log)?.full ?? []).filter((line) => counts(line, since));
}

function fromCount({ table }: Facts): string[] {
  const [count, max] = [known(table.count), known(table.max)];
  if (count === undefined || max === undefined || !isNearlyFull(count, max)) return [];
  return [`${grouped(count)} of ${grouped(max)} flows are tracked now, 95 % or more of the table`];
}

function fromLog({ log }: Facts, since: Since): { full: string[]; notes: string[] } {
  if (!isKnown(log) || log.full.length === 0) return { full: [], notes: [] };
  const here = log.full.filter((line) => line.netns === undefined);
  const counted = here.filter((line) => counts(line, since));
  return { full: sentence(counted, log.total - log.full.length), notes: notesOf(log.full, here, counted, since) };
}

function counts({ at }: LogLine, since: Since): boolean {
  return since.since === 'boot' || (since.since === 'change' && at > since.change.uptime);
}

/** @param before lines that came before the ones that were kept: older, and of any namespace */
function sentence(counted: readonly LogLine[], before: number): string[] {
  const last = counted.at(-1);
  if (last === undefined) return [];
  const atLeast = before > 0 ? 'at least ' : '';
  const many = counted.length === 1 ? 'once' : `${atLeast}${grouped(counted.length)} times`;
  return [`the kernel logged ${many} that the table is full, last ${duration(last.at)} after the boot`];
}

function notesOf(
  all: readonly LogLine[],
  here: readonly LogLine[],
  counted: readonly LogLine[],
  since: Since,
): string[] {
  const foreign = [...new Set(all.flatMap(({ netns }) => (netns === undefined ? [] : [netns])))];
  const why =
    since.since === 'change' ? `they are older than the change ${since.change.id}` : 'why' in since ? since.why : '';
  const old = here.length - counted.length;
  return [
    ...(old > 0 ? [`${grouped(old)} log lines about a full table do not count: ${why}`] : []),
    ...foreign.map(
      (netns) => `the table of another network namespace was full (inode ${netns}): its own count, the same max`,
    ),
  ];
}

function fromCounters({ table }: Facts, since: Since): string[] {
  const first = known(table.counters)?.early_drop;
  const last = known(table.countersLater)?.early_drop ?? first;
  if (last === undefined) return [];
  if (since.since === 'boot') return evictions(last, 'since the module was loaded');
  const before = since.since === 'change' ? (since.change.counters?.early_drop ?? first) : first;
  // A counter below its old self was reset by a load of the module: then all of it is new.
  return evictions(before === undefined || last < before ? last : last - before, 'lately');
}

/** Drops have other causes, too (see overflowOf): they count only together with log lines, and only while they rise. */
function fromDrops({ table, log }: Facts, since: Since): string[] {
  if (since.since !== 'now' || !isKnown(log) || log.full.every(({ netns }) => netns !== undefined)) return [];
  const { drop } = overflowHere(table);
  return drop > 0 ? [`${grouped(drop)} packets were dropped for want of room while we looked (drop)`] : [];
}

function evictions(many: number, when: string): string[] {
  return many > 0 ? [`the kernel evicted ${grouped(many)} flows from a full table ${when} (early_drop)`] : [];
}

function unknownsOf({ log, table }: Facts): Plan['unknowns'] {
  const loaded = isKnown(table.max);
  const unknown = (what: string, value: unknown, costs: string) =>
    typeof value === 'object' && value !== null && 'unknown' in value
      ? [{ what: `${what}: ${String((value as { unknown: unknown }).unknown)}`, costs }]
      : [];
  return [
    ...unknown('the kernel log', log, 'whether the table was full since the boot, where no other sign says so'),
    ...(loaded ? unknown('the counters', table.counters, 'whether flows were evicted from a full table') : []),
  ];
}
