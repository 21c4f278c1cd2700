/** `ctfix plan --show FILE`: a saved plan, wherever it was made, beside the host of now. */
import { CtfixError } from '../errors.ts';
import { sha256 } from '../host/chance.ts';
import type { PlanOptions } from '../model.ts';
import { drifted } from '../moved.ts';
import { escapeLine } from '../render/escape.ts';
import { json } from '../render/json.ts';
import { planExit } from '../render/plan-parts.ts';
import { savedReport, savedSentence } from '../render/plan-saved.ts';
import { surveySaved } from '../saved-survey.ts';
import type { CommonFlags, Deps } from './deps.ts';
import { readPlan } from './plan-file.ts';
import { planProse } from './plan-prose.ts';

type Flags = CommonFlags & {
  readonly options: PlanOptions;
  readonly output: string;
  readonly root?: string;
  readonly save?: string;
  readonly detailedExitcode?: boolean;
};

/**
 * Shows the plan as it was saved; the exit code is the one it had then.
 * @throws CtfixError usage: no plan, or options that would make another one
 */
export async function showPlan(path: string, flags: Flags, deps: Deps): Promise<number> {
  if (Object.keys(flags.options).length > 0 || flags.save !== undefined) {
    throw new CtfixError('usage', '--show shows a plan as it was saved; options that make a plan do not go with it');
  }
  const saved = readPlan(path, 'show');
  const { facts, moved, hidden } = await surveySaved(await deps.look(flags), saved, { ...deps, digest: sha256 });
  const report = savedReport(saved, moved, [...drifted(saved, facts), ...hidden]);
  if (flags.output === 'json') {
    deps.write(json(saved));
    if (report.saved !== undefined) deps.note(`${escapeLine(savedSentence(report.saved))}\n`);
  } else deps.write(planProse(report, flags, deps));
  return planExit(saved, flags.detailedExitcode === true);
}
