/** The changes that were made on this host: from the journals for root, from state.json for everybody else. */
import { CtfixError } from '../errors.ts';
import { changesOf } from '../facts/state.ts';
import type { ReadHost } from '../host/host.ts';
import type { ChangeRecord } from '../model.ts';
import { readJournal } from './journal.ts';
import type { History } from './outcome.ts';
import { recordsIn, statePath } from './state.ts';
import { secondsLeft } from './values.ts';

/**
 * Every change, oldest first, or the one that is asked for, for root with its journal.
 * @throws CtfixError failed: there is no such change, or state.json is not what ctfix writes; refused: the records
 *   could have been written by others
 */
export async function history(
  id: string | undefined,
  deps: { readonly host: ReadHost; readonly stateDir: string },
): Promise<History> {
  const source = deps.host.root && deps.host.kind === 'live' ? 'journals' : 'state';
  const all = source === 'journals' ? recordsIn(deps.stateDir) : await recordsFrom(deps.host, statePath(deps.stateDir));
  const pending = await pendingIn(all, deps.host);
  if (id === undefined) return { source, changes: all, ...pending };
  const changes = all.filter((change) => change.id === id);
  if (changes.length === 0) throw noSuchChange(id, all);
  const journal = source === 'journals' ? readJournal(deps.stateDir, id) : undefined;
  return { source, changes, ...(journal !== undefined && { journal }), ...pending };
}

async function pendingIn(all: readonly ChangeRecord[], host: ReadHost): Promise<Pick<History, 'pending'>> {
  const change = all.find(({ pendingConfirm }) => pendingConfirm !== undefined);
  if (change?.pendingConfirm === undefined) return {};
  return { pending: { id: change.id, secondsLeft: await secondsLeft(host, change.pendingConfirm) } };
}

/** The error for an id that no change has. Pure. */
export function noSuchChange(id: string, all: readonly ChangeRecord[]): CtfixError {
  const last = all.at(-1);
  const hint =
    last === undefined ? 'ctfix has changed nothing here' : `the last one is ${last.id}; ctfix history lists all`;
  return new CtfixError('failed', `there is no change ${id} on this host`, { hint });
}

async function recordsFrom(host: ReadHost, path: string): Promise<readonly ChangeRecord[]> {
  const text = await host.readFile(path);
  if (text === undefined) return [];
  const changes = changesOf(text);
  if (changes !== undefined) return changes;
  throw new CtfixError('failed', `${path} is not what ctfix writes`, { hint: 'sudo ctfix history reads the journals' });
}
