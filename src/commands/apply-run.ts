/** The work of `ctfix apply`: look, show, ask, do, and say how it ended. */
import type { ApplyDeps, Outcome } from '../apply/outcome.ts';
import { CtfixError, EXIT } from '../errors.ts';
import { type Facts, isEmpty, type PlanOptions, type SavedPlan, type Strategy } from '../model.ts';
import { planOptions } from '../options.ts';
import { json } from '../render/json.ts';
import { outcomeText } from '../render/outcome.ts';
import { type PlanReport, planExit } from '../render/plan-parts.ts';
import { planChanges, planSummary, planText } from '../render/plan-text.ts';
import { survey } from '../survey.ts';
import type { ApplyFlags } from './apply.ts';
import { applyDeps } from './apply-deps.ts';
import type { CommonFlags, Deps } from './deps.ts';

/** A plan that is ready to be carried out. */
export type Job = PlanReport & {
  readonly facts: Facts;
  /** facts and plan once more, under the lock */
  readonly again: ApplyDeps['survey'];
  /** the saved plan that it came from */
  readonly source?: SavedPlan;
};

/** Makes another plan, for another strategy. */
type Look = (options: PlanOptions) => Promise<Job>;

/** Carries out a fresh plan; the exit code says how it ended. */
export async function runApply(flags: ApplyFlags, deps: Deps): Promise<number> {
  const look = async (options: PlanOptions): Promise<Job> => {
    const again = async () => survey(await deps.look(flags), options, deps);
    return { ...(await again()), now: deps.now(), again };
  };
  return carryOut(await look(planOptions(flags)), look, flags, deps);
}

/**
 * Shows, asks, does, and says how it ended.
 * @param look undefined: there is no choice of another strategy
 */
export async function carryOut(first: Job, look: Look | undefined, flags: ApplyFlags, deps: Deps): Promise<number> {
  if (flags.dryRun === true || isEmpty(first.plan) || first.plan.refusals.length > 0)
    return showOnly(first, flags, deps);
  if (!deps.isRoot) throw notRoot(first, flags, deps);
  const agreed = flags.yes === true ? first : await agree(first, look, flags, deps);
  if (agreed === undefined) {
    deps.note('Nothing was changed.\n');
    return EXIT.failed;
  }
  const within = await confirmWithin(agreed, flags, deps);
  if (isReload(agreed)) return (await import('./apply-service.ts')).runAsService(agreed, within, flags, deps);
  const { apply } = await import('../apply/apply.ts');
  const surroundings = await applyDeps(flags, agreed.again, deps);
  const asked = within === undefined ? {} : { confirmWithin: within };
  const outcome = await apply(agreed.plan, agreed.facts, { ...surroundings, ...asked });
  tell(outcome, agreed, flags, deps);
  return EXIT[outcome.exit];
}

const isReload = ({ plan }: Job): boolean => plan.actions.some((action) => action.do === 'reload');

/** Where nothing is asked for: a person who may cut himself off has this long to say that he has not. */
const DEFAULT_WITHIN_S = 600;

/** Seconds in which the change must be confirmed; undefined: it need not be. */
async function confirmWithin(job: Job, flags: ApplyFlags, deps: Deps): Promise<number | undefined> {
  if (flags.confirmWithin !== undefined) return flags.confirmWithin === 0 ? undefined : flags.confirmWithin;
  if (flags.yes === true || !isReload(job) || !deps.interactive()) return undefined;
  const { isRemote } = await import('../facts/arrival.ts');
  return (await isRemote(await deps.look({}))) ? DEFAULT_WITHIN_S : undefined;
}

/** The plan as the answer: nothing to do, refused, or only to be shown. */
function showOnly(report: PlanReport, flags: ApplyFlags, deps: Deps): number {
  const { plan } = report;
  const exit = plan.refusals.length > 0 ? 'refused' : 'ok';
  if (flags.output === 'json') deps.write(json(answer({ exit, lines: [] }, report)));
  else deps.write(planText(report, deps.view('stdout', flags)));
  if (flags.dryRun === true) deps.note('Dry run: nothing was changed.\n');
  return planExit(plan, false);
}

function notRoot(report: PlanReport, flags: ApplyFlags, deps: Deps): CtfixError {
  deps.note(`${planSummary(report, deps.view('stderr', flags))}\n`);
  return new CtfixError('notRoot', 'making this change needs root', {
    hint: 'sudo ctfix apply makes it; ctfix plan shows all of it without root',
  });
}

type Answer = 'apply' | 'strategy' | 'diff' | 'cancel';

/** Asks until the person agrees or not; another strategy makes another plan. Undefined: not agreed. */
async function agree(first: Job, look: Look | undefined, flags: ApplyFlags, deps: Deps): Promise<Job | undefined> {
  if (!deps.interactive()) {
    throw new CtfixError('usage', 'apply asks before it changes anything, and there is no terminal to ask on', {
      hint: 'look at ctfix plan, then run ctfix apply --yes',
    });
  }
  const view = deps.view('stderr', flags);
  let report = first;
  deps.note(`${planSummary(report, view)}\n`);
  for (;;) {
    const ready = report.plan.refusals.length === 0 && !isEmpty(report.plan);
    const answer = await deps.ask<Answer>({
      message: ready ? `Make this change (${report.plan.strategy.taken})?` : 'This cannot be applied. What now?',
      choices: [
        ...(ready ? [{ value: 'apply' as const, name: 'apply' }] : []),
        ...OTHER_ANSWERS.filter(({ value }) => look !== undefined || value !== 'strategy'),
      ],
      fallback: 'cancel',
    });
    if (answer === 'apply') return report;
    if (answer === 'cancel') return undefined;
    if (answer === 'diff') deps.note(`${planChanges(report.plan, view)}\n`);
    if (answer === 'strategy' && look !== undefined) {
      report = await look({ ...report.plan.options, strategy: await askStrategy(report, deps) });
      deps.note(`${report.plan.refusals.length > 0 ? planText(report, view) : planSummary(report, view)}\n`);
    }
  }
}

const OTHER_ANSWERS: readonly { readonly value: Answer; readonly name: string }[] = [
  { value: 'strategy', name: 'choose another strategy' },
  { value: 'diff', name: 'show the full diff' },
  { value: 'cancel', name: 'cancel' },
];

function askStrategy({ plan }: PlanReport, deps: Deps): Promise<Strategy> {
  const { taken, why, others } = plan.strategy;
  const choices = others.map(({ strategy, cost, blockedBy }) => ({
    value: strategy,
    name: `${strategy}: ${blockedBy.length === 0 ? cost : `blocked by ${blockedBy.join('; ')}`}`,
  }));
  return deps.ask<Strategy>({
    message: 'Which strategy?',
    choices: [{ value: taken, name: `${taken}: ${why}` }, ...choices],
    fallback: taken,
  });
}

/** The answer of apply. */
export function tell(
  outcome: Outcome,
  report: PlanReport,
  flags: CommonFlags & { readonly output: string },
  deps: Deps,
): void {
  if (flags.output === 'json') deps.write(json(answer(outcome, report)));
  else deps.write(outcomeText('apply', outcome, deps.view('stdout', flags)));
}

/** What `-o json` gives: how it ended, whether anything on the host is different now, and the plan. */
export function answer(outcome: Outcome, { plan }: PlanReport): unknown {
  const changed = outcome.id !== undefined && (outcome.exit === 'ok' || outcome.exit === 'stuck');
  return { schema: 'ctfix.outcome/v1', changed, ...outcome, plan };
}
