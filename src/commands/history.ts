/** `ctfix history`: changes that were made here. */
import type { Command } from 'commander';
import { EXIT } from '../errors.ts';
import { historyText } from '../render/history.ts';
import { json } from '../render/json.ts';
import type { CommonFlags, Deps } from './deps.ts';
import { examples, outputFlag } from './flags.ts';
import { type Finish, runs } from './runs.ts';

type Flags = CommonFlags & { readonly output: string };

/** Adds the command to the program. */
export function registerHistory(program: Command, deps: Deps, finish: Finish): void {
  const command = program
    .command('history')
    .description('list the changes that ctfix made on this host, or the steps of one')
    .argument('[id]', 'show the steps of this change; they can be read by root');
  outputFlag(command, ['text', 'json']);
  examples(command, [
    ['ctfix history', 'every change and its state'],
    ['sudo ctfix history -o json | jq', 'for a program'],
  ]);
  runs<Flags>(command, finish, (flags, id) => runHistory(flags, id, deps));
}

async function runHistory(flags: Flags, id: string | undefined, deps: Deps): Promise<number> {
  const { history } = await import('../apply/history.ts');
  const answer = await history(id, { host: await deps.look(flags), stateDir: deps.stateDir });
  if (flags.output === 'json') deps.write(json({ schema: 'ctfix.history/v1', ...answer }));
  else deps.write(historyText(answer, deps.view('stdout', flags)));
  return EXIT.ok;
}
