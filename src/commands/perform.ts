/** `ctfix perform ID`: carries out a plan that another ctfix has handed over; called by the service of a reload alone. */
import type { Command } from 'commander';
import { CtfixError, EXIT } from '../errors.ts';
import { surveySaved } from '../saved-survey.ts';
import { survey } from '../survey.ts';
import { applyDeps } from './apply-deps.ts';
import { type Job, tell } from './apply-run.ts';
import type { CommonFlags, Deps } from './deps.ts';
import { examples } from './flags.ts';
import { sha256 } from './plan-file.ts';
import { type Finish, runs } from './runs.ts';

/** Adds the command to the program, out of sight. */
export function registerPerform(program: Command, deps: Deps, finish: Finish): void {
  const command = program
    .command('perform', { hidden: true })
    .description('carry out a plan that was handed over; for ctfix itself')
    .argument('<id>', 'the name under which it was handed over');
  examples(command, [['ctfix perform 20261124-054512-1a2b', 'what the service of a reload runs']]);
  runs<CommonFlags>(command, finish, (_flags, id) => runPerform(id ?? '', deps));
}

async function runPerform(id: string, deps: Deps): Promise<number> {
  if (!deps.isRoot) throw new CtfixError('notRoot', 'this is for ctfix itself, as root');
  const [{ apply }, { takeHanded }] = await Promise.all([import('../apply/apply.ts'), import('../apply/handed.ts')]);
  const { plan, facts, saved, confirmWithin, flags, views } = takeHanded(deps.stateDir, id);
  const own: Deps = { ...deps, view: (stream) => views[stream] };
  const again: Job['again'] = async () => {
    const host = await deps.look(flags);
    if (saved === undefined) return survey(host, plan.options, deps);
    const now = await surveySaved(host, saved, { ...deps, digest: sha256 });
    return now.moved.length === 0 ? now : { facts: now.facts, plan: { ...now.plan, actions: [] } };
  };
  const surroundings = await applyDeps(flags, again, own);
  const asked = confirmWithin === undefined ? {} : { confirmWithin };
  const outcome = await apply(plan, facts, { ...surroundings, id, ...asked });
  tell(outcome, { plan, facts, now: deps.now() }, flags, own);
  return EXIT[outcome.exit];
}
