/** `ctfix confirm`: keeps a change that would go back by itself. */
import type { Command } from 'commander';
import { CtfixError, EXIT } from '../errors.ts';
import { json } from '../render/json.ts';
import { outcomeText } from '../render/outcome.ts';
import { applyDeps } from './apply-deps.ts';
import type { CommonFlags, Deps } from './deps.ts';
import { examples, outputFlag } from './flags.ts';
import { type Finish, runs } from './runs.ts';

type Flags = CommonFlags & { readonly output: string };

/** Adds the command to the program. */
export function registerConfirm(program: Command, deps: Deps, finish: Finish): void {
  const command = program
    .command('confirm')
    .description('keep the change that apply --confirm-within made; without this it goes back; needs root');
  outputFlag(command, ['text', 'json']);
  examples(command, [['sudo ctfix confirm', 'I still get in: keep it']]);
  runs<Flags>(command, finish, (flags) => runConfirm(flags, deps));
}

async function runConfirm(flags: Flags, deps: Deps): Promise<number> {
  if (!deps.isRoot) throw new CtfixError('notRoot', 'confirming a change needs root', { hint: 'sudo ctfix confirm' });
  const { confirm } = await import('../apply/confirm.ts');
  const noSurvey = (): never => {
    throw new Error('bug: confirming has asked for a plan');
  };
  const outcome = await confirm(await applyDeps(flags, noSurvey, deps, 'goes-on'));
  if (flags.output === 'json') deps.write(json({ schema: 'ctfix.outcome/v1', ...outcome }));
  else deps.write(outcomeText('confirm', outcome, deps.view('stdout', flags)));
  return EXIT[outcome.exit];
}
