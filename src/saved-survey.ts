/** The story of a saved plan: look again, see what moved, make the plan again from its own options and evidence. */
import { gather } from './facts/gather.ts';
import { asPlanned, type Digest } from './frozen.ts';
import type { ReadHost } from './host/host.ts';
import { type Facts, known, type Plan, type Refusal, type SavedPlan } from './model.ts';
import { hiddenFrom, type Moved, movedSince, otherThan } from './moved.ts';
import { reloadSteps } from './reload.ts';
import { planFor, type SurveyDeps } from './survey.ts';

/** `plan` is ours, made now; where something moved it is the saved one, which is then only to be shown. */
export type SavedSurvey = {
  readonly facts: Facts;
  readonly plan: Plan;
  readonly moved: readonly Moved[];
  /** what was seen when the plan was made and is not seen now, by somebody who is not root: not compared */
  readonly hidden: readonly Moved[];
};

/**
 * Makes the saved plan again on this host. Nothing of its actions is taken from the file: they are only compared.
 * @returns `facts` as they are now; `plan.refusals` also holds what now stands against it, with all that is known now
 * @throws CtfixError usage: options in the plan that are impossible on this host
 */
export async function surveySaved(
  host: ReadHost,
  saved: SavedPlan,
  deps: SurveyDeps & { readonly digest: Digest },
): Promise<SavedSurvey> {
  const facts = await gather(host, { sleep: deps.sleep, rules: saved.options.strategy === 'reload', stats: true });
  return judgeSaved(facts, saved, deps);
}

/** The same from facts that are there already. Pure. */
export function judgeSaved(
  facts: Facts,
  saved: SavedPlan,
  deps: Pick<SurveyDeps, 'templates' | 'version'> & { readonly digest: Digest },
): SavedSurvey {
  const { frozen, ...shown } = saved;
  const moved = movedSince(saved, facts, deps.digest);
  const hidden = hiddenFrom(saved, facts, deps.digest);
  if (moved.length > 0) return { facts, plan: shown, moved, hidden };
  const then = asPlanned(facts, saved);
  const again = planFor(then, saved.options, deps).plan;
  const other = otherThan(saved, again);
  // Only root can carry it out, and root sees all: here it is shown as it was saved.
  if (other.length > 0 && hidden.length > 0) return { facts, plan: shown, moved: [], hidden };
  if (other.length > 0) return { facts, plan: shown, moved: other, hidden };
  const { bootId } = facts.machine;
  const refusals = [...again.refusals, ...refusalsNow(facts, saved, deps), ...otherSteps(facts, then, again)];
  const unique = [...new Map(refusals.map((one) => [`${one.code} ${one.what}`, one])).values()];
  return { facts, plan: { ...again, host: { ...again.host, bootId }, refusals: unique }, moved: [], hidden };
}

/** What a fresh plan with the same options would be refused for, and flows that the planned max has no room for. */
function refusalsNow(
  facts: Facts,
  { options, sizing }: SavedPlan,
  deps: Pick<SurveyDeps, 'templates' | 'version'>,
): Refusal[] {
  const { max } = sizing.targets;
  const count = known(facts.table.count) ?? 0;
  const fresh = planFor(facts, options, deps).plan.refusals;
  if (max === 0 || max >= count) return [...fresh];
  const what = `the planned max of ${max} is below the ${count} flows that are tracked now: new connections would fail at once`;
  return [...fresh, { code: 'below-count', what, remedy: 'make the plan again' }];
}

/** A reload that was planned without sight of the rules is only done when sight of them changes none of its steps. */
function otherSteps(facts: Facts, then: Facts, { strategy, sizing }: Plan): Refusal[] {
  const { rules } = facts;
  if (strategy.taken !== 'reload' || rules === undefined || then.rules !== undefined) return [];
  const steps = (seen: Facts) => JSON.stringify(reloadSteps(seen, sizing.targets));
  if (steps(then) === steps({ ...then, rules })) return [];
  return [
    {
      code: 'reload-other-steps',
      what: 'the plan was made without sight of the rules that hold the module, and they ask for other steps',
      remedy: 'make the plan as root: sudo ctfix plan --strategy reload --save FILE',
    },
  ];
}
