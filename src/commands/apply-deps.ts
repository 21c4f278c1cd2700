/** What apply and rollback are given, made from the command's own surroundings. */
import type { ApplyDeps } from '../apply/outcome.ts';
import type { PlanOptions } from '../model.ts';
import { progressLine } from '../render/outcome.ts';
import { survey } from '../survey.ts';
import type { CommonFlags, Deps } from './deps.ts';

/**
 * From here on a signal no longer ends the process: it is looked at between steps.
 * @param options those of the plan that is carried out; rollback has none
 */
export async function applyDeps(flags: CommonFlags, options: PlanOptions, deps: Deps): Promise<ApplyDeps> {
  const host = await deps.change(flags);
  const view = deps.view('stderr', flags);
  return {
    host,
    stateDir: deps.stateDir,
    now: deps.now,
    sleep: deps.sleep,
    progress: (text) => deps.note(progressLine(text, view)),
    interrupted: deps.catchSignals(),
    survey: async () => survey(await deps.look(flags), options, deps),
  };
}
