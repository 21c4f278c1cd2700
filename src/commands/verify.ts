/** `ctfix verify`: whether the promises of the last change hold. */
import type { Command } from 'commander';
import { verify } from '../apply/verify.ts';
import { EXIT } from '../errors.ts';
import { json } from '../render/json.ts';
import { verifyText } from '../render/verify.ts';
import type { CommonFlags, Deps } from './deps.ts';
import { examples, outputFlag, rootFlag } from './flags.ts';
import { type Finish, runs } from './runs.ts';

type Flags = CommonFlags & { readonly root?: string; readonly output: string };

/** Adds the command to the program. */
export function registerVerify(program: Command, deps: Deps, finish: Finish): void {
  const command = program
    .command('verify')
    .description(
      'check that the last change still holds, now and after the next boot; exits with 2 when it does not, with 1 when that cannot be told',
    );
  outputFlag(rootFlag(command), ['text', 'json']);
  examples(command, [
    ['ctfix verify', 'does the last change still hold?'],
    ['ctfix verify -o json', 'for a script: 0 holds, 2 findings, 1 cannot be told'],
  ]);
  runs<Flags>(command, finish, (flags) => runVerify(flags, deps));
}

async function runVerify(flags: Flags, deps: Deps): Promise<number> {
  const report = await verify(await deps.look(flags), deps);
  if (flags.output === 'json') deps.write(json({ schema: 'ctfix.verify/v1', ...report }));
  else deps.write(verifyText(report, deps.view('stdout', flags)));
  return EXIT[report.exit];
}
