/** The work of `ctfix apply PLAN`: the saved plan is made again here, compared, and carried out when it is the same. */
import { CtfixError, EXIT } from '../errors.ts';
import { sha256 } from '../host/chance.ts';
import { drifted, movedLines } from '../moved.ts';
import { planOptions } from '../options.ts';
import { json } from '../render/json.ts';
import { savedReport, staleText } from '../render/plan-saved.ts';
import { planText } from '../render/plan-text.ts';
import { surveySaved } from '../saved-survey.ts';
import type { ApplyFlags } from './apply.ts';
import { answer, carryOut } from './apply-run.ts';
import type { Deps } from './deps.ts';
import { readPlan } from './plan-file.ts';

/**
 * Carries out exactly the saved plan, or nothing.
 * @throws CtfixError usage: options beside the plan, or no plan; refused: others could have written the file
 */
export async function runApplySaved(path: string, flags: ApplyFlags, deps: Deps): Promise<number> {
  if (Object.keys(planOptions(flags)).length > 0) {
    throw new CtfixError('usage', 'a saved plan has its own options; others do not go with it', {
      hint: 'make another plan with ctfix plan --save, or leave the options out',
    });
  }
  const saved = readPlan(path, 'apply');
  const look = async () => surveySaved(await deps.look(flags), saved, { ...deps, digest: sha256 });
  const { facts, plan, moved, hidden } = await look();
  const unbound = [...drifted(saved, facts), ...hidden];
  const report = savedReport(saved, moved, unbound);
  if (moved.length > 0) {
    if (flags.output === 'json') {
      deps.write(json(answer({ exit: 'stale', lines: movedLines(moved) }, { ...report, plan })));
    } else if (flags.dryRun === true) deps.write(planText(report, deps.view('stdout', flags)));
    else deps.write(staleText({ moved, drifted: unbound }, deps.view('stdout', flags)));
    return EXIT.stale;
  }
  return carryOut({ ...report, plan, facts, again: look, source: saved }, undefined, flags, deps);
}
