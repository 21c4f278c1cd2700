/** `ctfix doctor`: what is wrong with connection tracking on this host, who causes it, and what to do. */
import type { Command } from 'commander';
import { diagnose } from '../doctor/diagnose.ts';
import { EXIT } from '../errors.ts';
import { gather } from '../facts/gather.ts';
import { doctorText } from '../render/doctor.ts';
import { json } from '../render/json.ts';
import type { CommonFlags, Deps } from './deps.ts';
import { examples, outputFlag, rootFlag } from './flags.ts';
import { type Finish, runs } from './runs.ts';

type Flags = CommonFlags & { readonly root?: string; readonly output: string };

/** Adds the command to the program. */
export function registerDoctor(program: Command, deps: Deps, finish: Finish): void {
  const command = program
    .command('doctor')
    .description('tell what is wrong, with the proof and the remedy; changes nothing, sees more as root; exits with 2')
    .addHelpText(
      'after',
      '\nExits with 0 when all is well, 2 when something is wrong; notes alone are no reason for 2.',
    );
  outputFlag(rootFlag(command), ['text', 'json']);
  examples(command, [
    ['sudo ctfix doctor', 'the verdict, with what only root can see'],
    ['ctfix doctor', 'as an ordinary user; says what it could not see'],
    ["ctfix doctor -o json | jq -r '.findings[].code'", 'for a script: 0 well, 2 findings'],
  ]);
  runs<Flags>(command, finish, (flags) => runDoctor(flags, deps));
}

async function runDoctor(flags: Flags, deps: Deps): Promise<number> {
  const facts = await gather(await deps.look(flags), { sleep: deps.sleep, diagnosis: true });
  const diagnosis = diagnose(facts);
  if (flags.output === 'json') {
    const { kernel, os } = facts.machine;
    const host = { kernel, os: os.name, root: facts.root };
    deps.write(
      json({ schema: 'ctfix.doctor/v1', ctfix: deps.version, at: deps.now().toISOString(), host, ...diagnosis }),
    );
  } else deps.write(doctorText({ facts, diagnosis }, deps.view('stdout', flags)));
  return diagnosis.verdict === 'well' ? EXIT.ok : EXIT.pending;
}
