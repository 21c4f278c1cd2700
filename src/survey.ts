/** The story: gather the facts, size the table, choose the strategy, make the plan. */
import { gather } from './facts/gather.ts';
import type { ReadHost } from './host/host.ts';
import type { Facts, Plan, PlanOptions, Sizing } from './model.ts';
import { makePlan } from './plan.ts';
import { size } from './sizing.ts';
import { chooseStrategy } from './strategy.ts';
import type { Templates } from './template.ts';

export type SurveyDeps = {
  readonly templates: Templates;
  /** of ctfix */
  readonly version: string;
  sleep(ms: number): Promise<void>;
};

/** What `plan`, `apply` and `verify` stand on. */
export type Survey = { readonly facts: Facts; readonly sizing: Sizing; readonly plan: Plan };

/**
 * Looks at a host and plans for it; changes nothing.
 * @throws CtfixError usage: options that are impossible on this host
 */
export async function survey(host: ReadHost, options: PlanOptions, deps: SurveyDeps): Promise<Survey> {
  const facts = await gather(host, { sleep: deps.sleep, rules: options.strategy === 'reload', stats: true });
  return planFor(facts, options, deps);
}

/** The same from facts that are there already. Pure. */
export function planFor(
  facts: Facts,
  options: PlanOptions,
  { templates, version }: Pick<SurveyDeps, 'templates' | 'version'>,
): Survey {
  const sizing = size(facts, options);
  const strategy = chooseStrategy(facts, sizing, options);
  const plan = makePlan({ facts, sizing, strategy, options, templates, version });
  return { facts, sizing: plan.sizing, plan };
}
