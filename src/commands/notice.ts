/** What every command tells first: that a change was never finished, or waits to be confirmed. */
import { CtfixError } from '../errors.ts';
import type { ReadHost } from '../host/host.ts';
import type { ChangeRecord } from '../model.ts';
import { escapeLine } from '../render/escape.ts';
import type { Deps } from './deps.ts';

/** On stderr; from the journals for root, for others from state.json, which everybody can read. */
export async function notice(deps: Deps): Promise<void> {
  const host = await deps.look({});
  const open = await toldChanges(host, deps);
  const told = [];
  for (const change of open ?? []) told.push(await sentence(change, host, deps.lockPath));
  if (open?.length === 0 && host.root) told.push(...(await unitLeft(host, deps.lockPath)));
  for (const text of told) deps.note(`ctfix: ${escapeLine(text)}\n`);
}

/**
 * A record that is damaged keeps no command from its own work: those that are about it fail for themselves. Undefined
 * then.
 */
async function toldChanges(host: ReadHost, deps: Deps): Promise<readonly ChangeRecord[] | undefined> {
  try {
    return await openChanges(host, deps.stateDir);
  } catch (error) {
    if (!(error instanceof CtfixError)) throw error;
    deps.note(`ctfix: ${escapeLine(error.message)}\n`);
    return undefined;
  }
}

/**
 * What a ctfix that died beside its records has left, with the command that never takes anything else back: `rollback`,
 * typed once more when it is gone, would undo the last change.
 */
async function unitLeft(host: ReadHost, lock: string): Promise<readonly string[]> {
  const { bootUnit } = await import('../apply/boot-unit.ts');
  const unit = await bootUnit(host);
  if (unit === undefined || (await ownerOf(lock, host)) !== undefined) return [];
  const left = `${unit.paths.join(', ')} was left by a ctfix that died, and no change is open`;
  return [`${left}; the next change removes it, or run: sudo ctfix recover --boot`];
}

async function ownerOf(lock: string, host: ReadHost): Promise<number | undefined> {
  const { lockOwner } = await import('../apply/lock.ts');
  return lockOwner(lock, host).catch(() => undefined);
}

/** The modules behind it are loaded only where there is something to look at: every command comes through here. */
async function openChanges(host: ReadHost, stateDir: string): Promise<readonly ChangeRecord[]> {
  const journals = host.root && (await host.stat(`${stateDir}/journal`)) !== undefined;
  const text = journals ? undefined : await textOf(host, `${stateDir}/state.json`);
  if (!journals && text === undefined) return [];
  const { isOpen, recordsIn } = await import('../apply/state.ts');
  if (text === undefined) return recordsIn(stateDir).filter(isOpen);
  const { changesOf } = await import('../facts/state.ts');
  // The id becomes part of a command line that somebody may copy.
  return (changesOf(text) ?? []).filter((change) => isOpen(change) && /^[\w-]+$/.test(change.id));
}

/** What cannot be read is told by the commands that are about it. */
async function textOf(host: ReadHost, path: string): Promise<string | undefined> {
  try {
    return await host.readFile(path);
  } catch {
    return undefined;
  }
}

async function sentence({ id, outcome, pendingConfirm }: ChangeRecord, host: ReadHost, lock: string): Promise<string> {
  const { secondsLeft } = await import('../apply/values.ts');
  if (pendingConfirm !== undefined) {
    const left = Math.floor(await secondsLeft(host, pendingConfirm));
    if (left > 0) return `the change ${id} goes back in ${left} seconds unless it is confirmed: sudo ctfix confirm`;
    // Back, and not recorded: the disk was full then.
    return `the time to confirm the change ${id} is over; if this stays, run: sudo ctfix rollback ${id}`;
  }
  if (outcome === 'stuck') return `the change ${id} could not be taken back whole; run: sudo ctfix rollback ${id}`;
  const owner = await ownerOf(lock, host);
  if (owner !== undefined) return `the change ${id} is being made or taken back now, by process ${owner}`;
  return `the change ${id} was never finished; run: sudo ctfix rollback ${id}`;
}
