/** A table that is full, or was: here, or in another network namespace. Pure. */
import { countedLines } from '../evidence.ts';
import { isNearlyFull } from '../kernel.ts';
import { type Facts, known, type NamespaceTable } from '../model.ts';
import { neverOverflowed, overflowHere, overflowOf, unclashedDrops } from '../overflow.ts';
import { duration, grouped, percent, plural } from '../render/numbers.ts';
import type { Finding, Remedy, Seen } from './finding.ts';
import { letCtfix, SEE_PLAN } from './remedy.ts';

/** The table of this namespace is full now, or was since the last raise of max that is still in force. */
export function tableFull(seen: Seen): Finding | undefined {
  const { facts, evidence } = seen;
  if (evidence.full.length === 0 || ofOthers(facts)) return undefined;
  const [count, max] = [known(facts.table.count), known(facts.table.max)];
  const full = count !== undefined && max !== undefined && isNearlyFull(count, max);
  const rises = overflow(facts);
  const now = full || rises.length > 0;
  const size = max === undefined ? 'the table' : `the table of ${grouped(max)} flows`;
  return {
    code: 'table-full',
    severity: now ? 'critical' : 'warning',
    what: now ? `${size} is full: new connections fail` : `${size} was full and has not been made larger since`,
    proof: [...evidence.full, ...rises, ...logRows(facts), ...(now ? [] : silentHere(facts))],
    remedies: [...room(seen), { say: 'see who fills it', command: 'sudo ctfix top' }],
  };
}

/** By which counters the table went over its max between the two looks; [] where it did not. */
function overflow({ table }: Facts): string[] {
  return Object.entries(overflowHere(table)).flatMap(([name, rise]) =>
    rise > 0 ? [`${name} rose by ${grouped(rise)} in half a second`] : [],
  );
}

/** Not full, and so near to it that a plan makes it larger. */
export function tableFilling(seen: Seen): Finding | undefined {
  const { demand, evidence, facts } = seen;
  const [count, max] = [known(facts.table.count), known(facts.table.max)];
  if (evidence.full.length > 0 || demand.value === 0 || count === undefined || max === undefined) return undefined;
  return {
    code: 'table-filling',
    severity: 'warning',
    what: `${percent(count / max)} of the table is in use, and a burst may fill it`,
    proof: demand.why,
    remedies: [...room(seen), { say: 'see who fills it', command: 'sudo ctfix top' }],
  };
}

/** What the plan says: a larger table, or why there is none. */
function room(seen: Seen): Remedy[] {
  const { sizing, facts } = seen;
  const { targets, notes } = sizing;
  const max = known(facts.table.max);
  if (known(facts.table.namespace) === 'child') {
    return letCtfix(facts, 'max is set outside this network namespace: raise it', { max: 2 * (max ?? 0) });
  }
  const to = `max ${grouped(targets.max)} with ${grouped(targets.buckets)} buckets`;
  const larger = targets.max === max ? [] : letCtfix(facts, `make it larger, without a reload: ${to}`, {});
  if (larger.length > 0) return larger;
  return notes.length > 0 ? notes.map((say) => ({ say })) : [SEE_PLAN];
}

function logRows(facts: Facts): string[] {
  const last = countedLines(facts).findLast(({ netns }) => netns === undefined);
  if (last === undefined) return [];
  const uptime = known(facts.machine.uptime);
  return [`${uptime === undefined ? '' : `${duration(uptime - last.at)} ago: `}${last.text}`];
}

/** Every packet that is dropped with that line is counted in its own namespace (nf_conntrack_in). */
function neverHere({ table }: Facts): boolean {
  const counters = known(table.countersLater) ?? known(table.counters);
  const [count, max] = [known(table.count) ?? 0, known(table.max) ?? 0];
  return counters !== undefined && neverOverflowed(counters) && !isNearlyFull(count, max);
}

function silentHere(facts: Facts): string[] {
  if (!neverHere(facts)) return [];
  return [
    'but no packet was dropped for want of room in this network namespace since the module was loaded: the line may be about another one',
  ];
}

/** Kernels before 6.17 do not say which namespace a line is about: then it is the one where packets were dropped. */
function ofOthers(facts: Facts): boolean {
  return neverHere(facts) && troubled(facts).length > 0;
}

type Trouble = { readonly table: NamespaceTable; readonly now: boolean; readonly proof: readonly string[] };

/** The other namespaces in which packets were dropped or flows evicted, or that are full now. */
function troubled(facts: Facts): Trouble[] {
  const max = known(facts.table.max) ?? 0;
  return (known(facts.diagnosis?.namespaces ?? []) ?? []).flatMap((table): Trouble[] => {
    const first = known(table.counters);
    const later = known(table.countersLater) ?? first;
    if (first === undefined || later === undefined) return [];
    const { entries = 0, early_drop: early = 0 } = later;
    const rises = overflowOf({ count: later.entries, max: known(facts.table.max), first, later });
    const [rise, drops] = [rises.drop + rises.early_drop, unclashedDrops(first) + unclashedDrops(later, first)];
    const full = isNearlyFull(entries, max);
    if (!full && rise === 0 && early === 0 && drops === 0) return [];
    const share = max > 0 ? ` of ${grouped(max)} (${percent(entries / max)})` : '';
    const proof = [
      `${nameOf(table)}: ${plural(entries, 'flow')}${share}, ${grouped(drops)} packets dropped, ${grouped(early)} flows evicted`,
      ...(rise > 0 ? [`${nameOf(table)}: ${grouped(rise)} of them in half a second`] : []),
    ];
    return [{ table, now: full || rise > 0, proof }];
  });
}

function nameOf({ inode, name, processes }: Pick<NamespaceTable, 'inode' | 'name' | 'processes'>): string {
  const inside = processes.length === 0 ? '' : `: ${processes.join(', ')}`;
  return `network namespace ${name ?? inode}${name === undefined ? '' : ` (${inode})`}${inside}`;
}

/**
 * The table of another namespace is or was full. max is one number for all namespaces and is held against the flows of
 * each of them (__nf_conntrack_alloc), so that raising it helps there, too.
 */
export function namespaceFull(seen: Seen): Finding | undefined {
  const { facts } = seen;
  const named = countedLines(facts).filter(({ netns }) => netns !== undefined);
  const unnamed = ofOthers(facts) ? countedLines(facts).filter(({ netns }) => netns === undefined) : [];
  const trouble = troubled(facts);
  const now = trouble.some((each) => each.now);
  if (named.length === 0 && unnamed.length === 0 && !now) return undefined;
  const lines = [...named, ...unnamed];
  const inodes = [...new Set(named.flatMap(({ netns }) => netns ?? []))];
  const told = trouble.map(({ table }) => table.inode);
  const gone = inodes.filter((inode) => !told.includes(inode)).map((inode) => lookedFor(facts, inode));
  const logged =
    lines.length === 0 ? [] : [`the kernel logged ${plural(lines.length, 'time')}: ${lines.at(-1)?.text ?? ''}`];
  return {
    code: 'namespace-full',
    severity: now ? 'critical' : 'warning',
    what: `the table of another network namespace ${now ? 'is' : 'was'} full${evidenceHere(seen) ? '' : ', not the one of this host'}`,
    proof: [...trouble.flatMap(({ proof }) => proof), ...gone, ...logged],
    remedies: larger(seen),
  };
}

function evidenceHere(seen: Seen): boolean {
  return tableFull(seen) !== undefined;
}

function lookedFor(facts: Facts, inode: number): string {
  const tables = known(facts.diagnosis?.namespaces ?? { unknown: '' });
  if (tables === undefined) return `network namespace ${inode}: only root can see what it belongs to`;
  const found = tables.find((each) => each.inode === inode);
  if (found === undefined) return `network namespace ${inode}: it is gone now`;
  const entries = known(found.countersLater)?.entries;
  return `${nameOf(found)}: ${entries === undefined ? 'its flows are unknown' : `${plural(entries, 'flow')} now`}`;
}

function larger({ facts, sizing }: Seen): Remedy[] {
  const max = known(facts.table.max) ?? 0;
  const say = 'max is one number for all namespaces, each may have as many flows: raise it';
  const byItself = sizing.targets.max > max ? [{}] : [];
  return [
    ...(max > 0 ? letCtfix(facts, say, ...byItself, { max: 2 * max }) : []),
    { say: 'see who fills it there', command: 'sudo ctfix top --namespaces' },
  ];
}
