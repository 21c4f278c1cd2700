/** `ctfix facts`: what was found out about this host. */
import { type Command, Option } from 'commander';
import { EXIT } from '../errors.ts';
import type { CommonFlags, Deps } from './deps.ts';
import { examples, outputFlag, rootFlag } from './flags.ts';
import { type Finish, runs } from './runs.ts';

type Flags = CommonFlags & { readonly root?: string; readonly record?: string; readonly output: string };

/** Adds the command to the program. */
export function registerFacts(program: Command, deps: Deps, finish: Finish): void {
  const command = program
    .command('facts')
    .description('print what ctfix finds out about this host; changes nothing, needs no root')
    .addOption(new Option('--record <dir>', 'write a recorded host to this new directory, for a bug report'));
  outputFlag(rootFlag(command), ['json']);
  examples(command, [
    ['ctfix facts | jq .table', 'the connection table as ctfix sees it'],
    ['sudo ctfix facts --record /tmp/host', 'everything that ctfix read, to attach to a bug report'],
  ]);
  runs<Flags>(command, finish, (flags) => runFacts(flags, deps));
}

async function runFacts(flags: Flags, deps: Deps): Promise<number> {
  const { gather } = await import('../facts/gather.ts');
  const { json } = await import('../render/json.ts');
  const facts = await gather(await deps.look(flags), deps);
  deps.write(json(facts));
  return EXIT.ok;
}
