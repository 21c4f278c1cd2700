/** Ends the waiting time of a change that goes back unless somebody confirms it. */
import { CtfixError } from '../errors.ts';
import type { ChangeRecord } from '../model.ts';
import { finish } from './apply.ts';
import { reopenJournal } from './journal.ts';
import { takeLock } from './lock.ts';
import { tidy } from './net.ts';
import { type ApplyDeps, nothing, type Outcome } from './outcome.ts';
import { sentenceOf } from './sentence.ts';
import { recordsIn } from './state.ts';
import { hasStateDir, openStateDir } from './statedir.ts';
import { secondsLeft, uptimeOf } from './values.ts';
import { whoIs } from './who.ts';

/**
 * Confirms the change that waits for it.
 * @returns ok; without id when there was nothing to confirm, because the last change is complete
 * @throws CtfixError failed: nothing waits, and the last change is not in force; refused: another ctfix is at work
 */
export async function confirm(deps: ApplyDeps): Promise<Outcome> {
  if (!deps.host.root)
    throw new CtfixError('notRoot', 'confirming a change needs root', { hint: 'sudo ctfix confirm' });
  if (!hasStateDir(deps.stateDir)) return nothing('ctfix has changed nothing here');
  openStateDir(deps.stateDir);
  const lock = await takeLock(deps.lockPath, deps.host, deps.now());
  try {
    const all = recordsIn(deps.stateDir);
    const change = all.find(({ pendingConfirm }) => pendingConfirm !== undefined);
    if (change?.pendingConfirm === undefined) return await noneWaits(all.at(-1), deps);
    if ((await secondsLeft(deps.host, change.pendingConfirm)) <= 0) throw tooLate(change);
    return await record(change.id, deps);
  } finally {
    lock.release();
  }
}

function unrecorded(id: string, cause: unknown): CtfixError {
  return new CtfixError('failed', `that the change ${id} stays could not be recorded: ${sentenceOf(cause)}`, {
    hint: 'free space for the record, then run it again; until then the change still goes back by itself',
    cause,
  });
}

/** It goes back at this moment, or is back already, and that could not be recorded. */
function tooLate({ id }: ChangeRecord): CtfixError {
  return new CtfixError('failed', `the time to confirm the change ${id} is over`, {
    hint: `it goes back or is back by now; whatever is left of it, this clears it up: sudo ctfix rollback ${id}`,
  });
}

async function noneWaits(last: ChangeRecord | undefined, deps: ApplyDeps): Promise<Outcome> {
  if (last === undefined) return nothing('ctfix has changed nothing here');
  const notes = await tidy(deps);
  const whole = `the change ${last.id} is complete; nothing waits to be confirmed`;
  if (last.outcome === 'applied') return nothing(whole, notes);
  throw new CtfixError('failed', `nothing waits to be confirmed: the change ${last.id} is not in force`, {
    hint: `ctfix history ${last.id} tells what became of it`,
  });
}

async function record(id: string, deps: ApplyDeps): Promise<Outcome> {
  const journal = reopenJournal(deps.stateDir, id);
  try {
    const [at, uptime, who] = [deps.now().toISOString(), await uptimeOf(deps.host), await whoIs(deps.host)];
    // First the line: a timer that fires from now on finds the change confirmed.
    try {
      journal.append({ line: 'confirm', at, uptime, who });
    } catch (error) {
      throw unrecorded(id, error);
    }
    const lines = await finish(deps, journal, 'confirmed');
    return { exit: 'ok', id, lines: [{ kind: 'done', text: `the change ${id} stays` }, ...lines] };
  } finally {
    journal.close();
  }
}
