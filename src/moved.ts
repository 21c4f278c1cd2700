/** What is no longer as it was when a plan was saved, one row each: old and new. Pure. */
import type { OutcomeLine } from './apply/outcome.ts';
import { boundOf, type Digest, isBelow, unreadOf } from './frozen.ts';
import { type Action, type Facts, isKnown, type Maybe, type Plan, type SavedPlan } from './model.ts';
import { keyOf } from './own.ts';
import { stepOf } from './render/steps.ts';

/** A thing, what it was when the plan was made, and what it is. */
export type Moved = { readonly what: string; readonly planned: string; readonly now: string };

/** `unseen`: there is something to compare, and who looks cannot see it. */
type Row = Moved & { readonly unseen?: true };

/** MemTotal differs by some pages from boot to boot; more than this share of it is another machine. */
const MEMORY_SHARE = 1 / 16;

/**
 * Rows for what binds a plan to its host and no longer holds; what was unknown then is not compared, nor what root saw
 * and somebody else cannot see (see hiddenFrom).
 */
export function movedSince(saved: SavedPlan, facts: Facts, digest: Digest): Moved[] {
  return rowsOf(saved, facts, digest).filter(({ unseen }) => unseen !== true);
}

/** Rows for what a plan was made from and who looks now cannot see: nothing of it is compared. Root sees everything. */
export function hiddenFrom(saved: SavedPlan, facts: Facts, digest: Digest): Moved[] {
  const { frozen, options } = saved;
  const rules = options.strategy === 'reload' && frozen.evidence.rules && facts.rules === undefined && !facts.root;
  const row = { what: 'the rules of the firewall', planned: 'seen by root', now: 'only root sees them' };
  return [...rowsOf(saved, facts, digest).filter(({ unseen }) => unseen === true), ...(rules ? [row] : [])];
}

function rowsOf(saved: SavedPlan, facts: Facts, digest: Digest): readonly Row[] {
  const hidden = facts.root ? [] : unreadOf(facts);
  const now = boundOf(facts, saved, digest);
  const { frozen, sizing, host } = saved;
  const rows: Row[] = [
    ...row('host', kindOf(frozen.kind), kindOf(facts.kind)),
    ...row('machine id', host.machineId, facts.machine.machineId),
    ...row('kernel', host.kernel, facts.machine.kernel),
    ...memory(frozen.evidence.memTotalKiB, facts.machine.memTotalKiB),
    ...row('max', sizing.present.max, facts.table.max),
    ...row('buckets', sizing.present.buckets, facts.table.buckets),
    ...row('nf_conntrack', frozen.module.state, now.module.state),
    ...row('its holders', holders(frozen.module.holders), holders(now.module.holders)),
    ...row('nf_conntrack.hashsize at boot', frozen.cmdlineHashsize ?? 'not set', now.cmdlineHashsize ?? 'not set'),
    ...record(frozen.values, now.values).map(([key, ...two]) => ({ what: keyOf(key), ...pair(two, 'absent') })),
    ...firewalls(frozen.firewalls, now.firewalls),
    ...record(frozen.digests, now.digests)
      .filter(([path]) => !isBelow(frozen.evidence.unread, path))
      .map(
        ([path, ...two]): Row =>
          isBelow(hidden, path)
            ? { what: path, planned: short(two[0]) ?? 'absent', now: 'only root can read it', unseen: true }
            : { what: path, ...pair(two.map(short), 'absent, or without effect') },
      ),
    ...row('last change', frozen.lastChange ?? 'none', now.lastChange ?? 'none'),
  ];
  return facts.root ? rows.map(({ unseen: _, ...each }) => each) : rows;
}

/** Rows for what moves all the time and binds nothing: shown, not compared. */
export function drifted({ sizing, host }: SavedPlan, { table, machine }: Facts): Moved[] {
  return [...row('flows', sizing.present.count, table.count), ...row('boot id', host.bootId, machine.bootId)];
}

/** Rows for steps and targets of a saved plan that are not the ones planned now; the reasons given are not compared. */
export function otherThan(saved: Plan, again: Plan): Moved[] {
  const steps = Array.from({ length: Math.max(saved.actions.length, again.actions.length) }, (_, at) =>
    step(at + 1, saved.actions[at], again.actions[at]),
  );
  return [
    ...row('strategy', saved.strategy.taken, again.strategy.taken),
    ...row('targets', stable(saved.sizing.targets), stable(again.sizing.targets)),
    ...steps.flat(),
  ];
}

function row<T extends string | number>(what: string, planned: Maybe<T>, now: Maybe<T>): Moved[] {
  if (!isKnown(planned) || planned === now) return [];
  return [{ what, planned: String(planned), now: typeof now === 'object' ? `unknown: ${now.unknown}` : String(now) }];
}

const kindOf = (kind: Facts['kind']) => (kind === 'sysroot' ? 'a directory tree (--root)' : 'a running machine');

const holders = (names: readonly string[]) => names.filter((name) => name !== 'nf_conntrack').join(', ') || 'none';

function memory(planned: number, now: number): Moved[] {
  if (Math.abs(planned - now) <= planned * MEMORY_SHARE) return [];
  return [{ what: 'memory', planned: `${planned} KiB`, now: `${now} KiB` }];
}

function firewalls(planned: SavedPlan['frozen']['firewalls'], now: SavedPlan['frozen']['firewalls']): Row[] {
  const states = (owners: typeof planned) => new Map(owners.map(({ name, unit, state }) => [unit ?? name, state]));
  const [then, today] = [states(planned), states(now)];
  return [...new Set([...then.keys(), ...today.keys()])].flatMap((name) => {
    const state = today.get(name) ?? 'not there';
    const rows = row(name, then.get(name) ?? 'not there', state);
    return isKnown(state) ? rows : rows.map((each) => ({ ...each, unseen: true }) as const);
  });
}

/** Keys whose value is another one, with both. */
function record(
  planned: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): [string, string | undefined, string | undefined][] {
  return [...new Set([...Object.keys(planned), ...Object.keys(now)])]
    .sort()
    .filter((key) => planned[key] !== now[key])
    .map((key) => [key, planned[key], now[key]]);
}

function pair([planned, now]: readonly (string | undefined)[], absent: string): Omit<Moved, 'what'> {
  return { planned: planned ?? absent, now: now ?? absent };
}

/** Enough of a digest to tell two files apart by eye. */
const short = (digest: string | undefined) => (digest === undefined ? undefined : `sha256 ${digest.slice(0, 12)}`);

function step(number: number, planned: Action | undefined, now: Action | undefined): Moved[] {
  if (stable(withoutWhy(planned)) === stable(withoutWhy(now))) return [];
  const [then, today] = [words(planned), words(now)];
  return [{ what: `step ${number}`, planned: then, now: then === today ? `${today}, from or to another text` : today }];
}

function withoutWhy(action: Action | undefined): Partial<Action> {
  return { ...action, why: '' };
}

function words(action: Action | undefined): string {
  if (action === undefined) return 'none';
  const { verb, object } = stepOf(action);
  return `${verb} ${object}`;
}

/** JSON with sorted keys: a file that was reformatted says the same. */
function stable(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** Rows as lines of an outcome. */
export function movedLines(moved: readonly Moved[]): OutcomeLine[] {
  return moved.map(({ what, planned, now }) => {
    const text = `${what} was ${planned} when this was planned and is ${now} now`;
    return { kind: 'moved', item: what, text, values: { before: planned, now } };
  });
}

/**
 * A line for each step that would now be done to something else, or to something that has changed, with old and new. What
 * would be written is not compared: it may hang on the count, which moves all the time.
 */
export function stepsMoved(planned: readonly Action[], now: readonly Action[]): OutcomeLine[] {
  const lines: OutcomeLine[] = [];
  for (let at = 0; at < Math.max(planned.length, now.length); at++) {
    const [then, today] = [planned[at], now[at]];
    if (touched(then) !== touched(today)) lines.push(stepMoved(at + 1, then, today));
  }
  return lines;
}

function stepMoved(number: number, then: Action | undefined, today: Action | undefined): OutcomeLine {
  const base = { kind: 'moved', item: `step ${number}` } as const;
  if (then !== undefined && today !== undefined && 'path' in then && 'path' in today && then.path === today.path) {
    const what = then.do === 'set-value' ? then.name : then.path;
    const text = `${what} is no longer as it was when this was planned`;
    return { ...base, text, values: { before: then.before, now: today.before } };
  }
  const text = `step ${number} would be another one now`;
  return { ...base, text, values: { before: words(then), now: words(today) } };
}

/** What an action does to what; undefined for none. */
function touched(action: Action | undefined): string | undefined {
  if (action === undefined) return undefined;
  if (action.do === 'reload') return JSON.stringify(action.step);
  if (action.do === 'refresh') return JSON.stringify(action.command);
  const { do: what, path, before } = action;
  return JSON.stringify({ do: what, path, before });
}
