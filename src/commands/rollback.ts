/** `ctfix rollback`: takes a change back. */
import type { Command } from 'commander';
import { CtfixError, EXIT } from '../errors.ts';
import { json } from '../render/json.ts';
import { outcomeText } from '../render/outcome.ts';
import { survey } from '../survey.ts';
import { applyDeps } from './apply-deps.ts';
import type { CommonFlags, Deps } from './deps.ts';
import { examples, outputFlag } from './flags.ts';
import { type Finish, runs } from './runs.ts';

type Flags = CommonFlags & { readonly output: string };

/** Adds the command to the program. */
export function registerRollback(program: Command, deps: Deps, finish: Finish): void {
  const command = program
    .command('rollback')
    .description('take the last change back, or the named one; also clears up after a crash; needs root')
    .argument('[id]', 'which change, as ctfix history names it');
  outputFlag(command, ['text', 'json']);
  examples(command, [
    ['sudo ctfix rollback', 'take back the last change'],
    ['sudo ctfix rollback 20261124-054512-1a2b', 'take back this one'],
  ]);
  runs<Flags>(command, finish, (flags, id) => runRollback(flags, id, deps));
}

async function runRollback(flags: Flags, id: string | undefined, deps: Deps): Promise<number> {
  if (!deps.isRoot) throw new CtfixError('notRoot', 'taking a change back needs root', { hint: 'sudo ctfix rollback' });
  const { rollback } = await import('../apply/rollback.ts');
  const again = async () => survey(await deps.look(flags), {}, deps);
  const outcome = await rollback(id, await applyDeps(flags, again, deps, 'goes-on'));
  if (flags.output === 'json') deps.write(json({ schema: 'ctfix.outcome/v1', ...outcome }));
  else deps.write(outcomeText('rollback', outcome, deps.view('stdout', flags)));
  return EXIT[outcome.exit];
}
