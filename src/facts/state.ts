/** The last change of ours that is in force, from the record that is readable without root. Reads only. */
import { posix } from 'node:path';
import type { FileStat } from '../host/host.ts';
import type { ChangeRecord, Problem } from '../model.ts';
import type { Look } from './look.ts';

export const STATE = '/var/lib/ctfix/state.json';

type Read = { readonly lastChange?: ChangeRecord; readonly problems: readonly Problem[] };

/**
 * What the record says. As root on a live host it is believed only where nobody else could have written it, and else a
 * problem: its directory can have been given away since.
 */
export async function gatherState(look: Look): Promise<Read> {
  const isRoots = look.host.kind === 'live' && look.host.root && (await look.stat(posix.dirname(STATE))) !== undefined;
  for (const path of isRoots ? WAY : []) {
    const why = distrustOf(path, await look.stat(path));
    if (why === undefined) continue;
    return {
      problems: [{ file: STATE, what: `not believed, for others than root can have written it: ${path} ${why}` }],
    };
  }
  const text = await look.text(STATE);
  return text === undefined ? { problems: [] } : parseState(text);
}

/** Every directory above the file, the outermost first, and the file. */
const WAY = ['/var', '/var/lib', '/var/lib/ctfix', STATE];

/** Above its own directory there may be links: /var can be one. The mode of a link means nothing. */
function distrustOf(path: string, stat: FileStat | undefined): string | undefined {
  if (stat === undefined) return undefined;
  const { kind, uid, mode } = stat;
  if (uid !== 0) return `belongs to the user with id ${uid}`;
  if (path === STATE && kind !== 'file') return 'is not a regular file';
  if (path === posix.dirname(STATE) && kind !== 'dir') return 'is not a directory';
  return kind !== 'link' && (mode & 0o022) !== 0 ? 'can be written by others than its owner' : undefined;
}

/**
 * The newest change whose outcome is `applied`; a file that is not what ctfix writes is a problem, never a crash.
 * @param text the file: `{ schema: 'ctfix.state/v1', changes: […] }`, newest last
 */
export function parseState(text: string): Read {
  const broken = (what: string) => ({ problems: [{ file: STATE, what }] });
  let state: unknown;
  try {
    state = JSON.parse(text);
  } catch {
    return broken('not JSON; ctfix writes it anew from its journals at the next change');
  }
  if (!isObject(state) || state.schema !== 'ctfix.state/v1' || !Array.isArray(state.changes)) {
    return broken('not a record that this version of ctfix knows (schema ctfix.state/v1)');
  }
  const changes: readonly unknown[] = state.changes;
  const good = changes.filter(isChange);
  const problems =
    good.length === changes.length ? [] : broken('holds a change that is not complete; it is left out').problems;
  const lastChange = good.findLast((change) => change.outcome === 'applied');
  return lastChange === undefined ? { problems } : { lastChange, problems };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The changes of a state.json that are whole; undefined for a file that is not what ctfix writes. Everybody who may write
 * below another root can have made it: what is damaged or made up is left out and never trusted to have its form.
 */
export function changesOf(text: string): readonly ChangeRecord[] | undefined {
  try {
    const state: unknown = JSON.parse(text);
    if (!isObject(state) || state.schema !== 'ctfix.state/v1' || !Array.isArray(state.changes)) return undefined;
    return state.changes.filter(isChange);
  } catch {
    return undefined;
  }
}

function isChange(value: unknown): value is ChangeRecord {
  if (!isObject(value) || !isObject(value.targets) || !isObject(value.before) || !isObject(value.options)) return false;
  const { targets } = value;
  const texts = [value.id, value.at, value.bootId, value.outcome, value.strategy].every(
    (each) => typeof each === 'string',
  );
  const numbers = [value.uptime, targets.max, targets.buckets].every((each) => Number.isFinite(each));
  const { pendingConfirm: pending } = value;
  return (
    texts &&
    numbers &&
    (pending === undefined || (isObject(pending) && Number.isFinite(pending.until))) &&
    isObject(targets.values) &&
    Object.values(targets.values).every((each) => typeof each === 'string')
  );
}
