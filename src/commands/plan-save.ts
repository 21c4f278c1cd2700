/** A plan with what it was made from: as JSON on stdout, and as the file of `--save`. */
import { freeze } from '../frozen.ts';
import { sha256 } from '../host/chance.ts';
import type { Facts, Plan } from '../model.ts';
import { escapeLine } from '../render/escape.ts';
import { json } from '../render/json.ts';
import type { Deps } from './deps.ts';
import { writePlan } from './plan-file.ts';

type Flags = { readonly output: string; readonly save?: string };

/** @throws CtfixError usage, HostError: see writePlan; then nothing is on stdout */
export function keepPlan(
  { plan, facts, now }: { plan: Plan; facts: Facts; now: Date },
  flags: Flags,
  deps: Deps,
): void {
  const saved = freeze(plan, facts, now, sha256);
  if (flags.save !== undefined) {
    writePlan(flags.save, saved);
    const refused = plan.refusals.length > 0 ? ', which refuses it as it is' : '';
    deps.note(`The plan is in ${escapeLine(flags.save)}, for sudo ctfix apply ${escapeLine(flags.save)}${refused}\n`);
  }
  if (flags.output === 'json') deps.write(json(saved));
}
