/** The work of `ctfix perform ID`: the plan is taken, looked at again under the lock, and carried out. */
import { apply } from '../apply/apply.ts';
import { takeHanded } from '../apply/handed.ts';
import { CtfixError, EXIT } from '../errors.ts';
import { sha256 } from '../host/chance.ts';
import { surveySaved } from '../saved-survey.ts';
import { survey } from '../survey.ts';
import { applyDeps } from './apply-deps.ts';
import { type Job, tell } from './apply-run.ts';
import type { Deps } from './deps.ts';

/** Carries out the plan that was handed over under this name; the exit code says how it ended. @throws as apply */
export async function runPerform(id: string, deps: Deps): Promise<number> {
  if (!deps.isRoot) throw new CtfixError('notRoot', 'this is for ctfix itself, as root');
  const { plan, facts, saved, confirmWithin, flags, views } = takeHanded(deps.stateDir, id);
  const own: Deps = { ...deps, view: (stream) => views[stream] };
  const again: Job['again'] = async () => {
    const host = await deps.look(flags);
    if (saved === undefined) return survey(host, plan.options, deps);
    return surveySaved(host, saved, { ...deps, digest: sha256 });
  };
  const surroundings = await applyDeps(flags, again, own);
  const asked = confirmWithin === undefined ? {} : { confirmWithin };
  const outcome = await apply(plan, facts, { ...surroundings, id, ...asked });
  tell(outcome, { plan, facts, now: deps.now() }, flags, own);
  return EXIT[outcome.exit];
}
