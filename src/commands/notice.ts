/** What every command tells first: that a change was never finished, or waits to be confirmed. */
import type { ReadHost } from '../host/host.ts';
import type { ChangeRecord, State } from '../model.ts';
import { escapeLine } from '../render/escape.ts';
import type { Deps } from './deps.ts';

/** On stderr, from state.json, which everybody can read; nothing where that tells nothing. */
export async function notice(deps: Deps): Promise<void> {
  const host = await deps.look({});
  const all = await changes(host, `${deps.stateDir}/state.json`);
  if (all.length === 0) return;
  // Loaded only where there is something to look at: every command comes through here.
  const { isOpen } = await import('../apply/state.ts');
  const open = all.filter(isOpen);
  for (const change of open) deps.note(`ctfix: ${escapeLine(await sentence(change, host, deps.stateDir))}\n`);
}

async function changes(host: ReadHost, path: string): Promise<readonly ChangeRecord[]> {
  try {
    const state: State = JSON.parse((await host.readFile(path)) ?? '');
    return Array.isArray(state?.changes) ? state.changes : [];
  } catch {
    return [];
  }
}

async function sentence({ id, outcome, pendingConfirm }: ChangeRecord, host: ReadHost, dir: string): Promise<string> {
  const [{ lockOwner }, { secondsLeft }] = await Promise.all([
    import('../apply/lock.ts'),
    import('../apply/values.ts'),
  ]);
  if (pendingConfirm !== undefined) {
    const left = Math.floor(await secondsLeft(host, pendingConfirm));
    return `the change ${id} goes back in ${left} seconds unless it is confirmed: sudo ctfix confirm`;
  }
  if (outcome === 'stuck') return `the change ${id} could not be taken back whole; run: sudo ctfix rollback ${id}`;
  const owner = await lockOwner(dir, host).catch(() => undefined);
  if (owner !== undefined) return `the change ${id} is being made or taken back now, by process ${owner}`;
  return `the change ${id} was never finished; run: sudo ctfix rollback ${id}`;
}
