/** What apply and rollback are given, made from the command's own surroundings. */
import type { ApplyDeps } from '../apply/outcome.ts';
import type { SignalWay } from '../host/signals.ts';
import { progressLine } from '../render/outcome.ts';
import type { CommonFlags, Deps } from './deps.ts';

/**
 * From here on a signal no longer ends the process: it is looked at between steps.
 * @param way what a signal does to the work
 * @param survey facts and plan once more, as the plan that is carried out was made
 */
export async function applyDeps(
  flags: CommonFlags,
  survey: ApplyDeps['survey'],
  deps: Deps,
  way: SignalWay = 'after-step',
): Promise<ApplyDeps> {
  const host = await deps.change(flags);
  const view = deps.view('stderr', flags);
  // Only apply begins something: what takes back or confirms is at work on what is there.
  let begun = way !== 'after-step';
  return {
    host,
    stateDir: deps.stateDir,
    lockPath: deps.lockPath,
    now: deps.now,
    sleep: deps.sleep,
    progress: (text) => deps.note(progressLine(text, view)),
    interrupted: deps.catchSignals(way, () => begun),
    begun: () => {
      begun = true;
    },
    survey,
    recovery: deps.recovery(),
  };
}
