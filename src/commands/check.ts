/** `ctfix check`: a Nagios plugin. */
import { type Command, Option } from 'commander';
import { checkOf, checkOrder, parseRange, type Range, unknown, type Verdict } from '../check.ts';
import { CtfixError, HostError } from '../errors.ts';
import { gatherModule, gatherTable } from '../facts/gather-live.ts';
import { lookAt } from '../facts/look.ts';
import type { CommonFlags, Deps } from './deps.ts';
import { examples } from './flags.ts';
import { type Finish, runs } from './runs.ts';

type Flags = CommonFlags & {
  readonly warning: Range;
  readonly critical: Range;
  readonly absent: 'ok' | 'unknown';
};

const NAME = 'check';

/** Adds the command to the program. */
export function registerCheck(program: Command, deps: Deps, finish: Finish): void {
  const command = program
    .command(NAME)
    .description('Nagios plugin: one line with performance data; exits with 0 ok, 1 warning, 2 critical, 3 unknown')
    .addOption(threshold('-w, --warning', '75'))
    .addOption(threshold('-c, --critical', '90'))
    .addOption(
      new Option('--absent <what>', 'what a host without nf_conntrack is')
        .choices(['ok', 'unknown'])
        .default('unknown'),
    );
  examples(command, [
    ['ctfix check -w 75 -c 90', 'alert above 75 % and 90 % of max'],
    ['ctfix check -w 80 -c 95 --absent ok', 'for hosts that need no tracking'],
  ]);
  runs<Flags>(command, finish, async (flags) => answer(await check(flags, deps), deps));
}

function threshold(flag: string, normal: string): Option {
  const name = flag.replace(/^.*--/, '--');
  return new Option(`${flag} <range>`, 'percentage of max, or a range of them')
    .argParser((text) => parseRange(name, text))
    .default(parseRange(name, normal), normal);
}

/** Reads some small files and starts no child: a monitoring agent asks often, and as an ordinary user. */
async function check(flags: Flags, deps: Deps): Promise<Verdict> {
  checkOrder(flags);
  const look = lookAt(await deps.look(flags));
  const { state } = await gatherModule(look, '');
  return checkOf({ ...(await gatherTable(look, state)), state }, flags);
}

function answer({ code, line }: Verdict, deps: Deps): number {
  deps.write(line);
  return code;
}

/**
 * Runs a command line; where that is `check`, an error is the answer of a plugin, too: on stdout, with the code for
 * "unknown", because any other code would be an alert.
 */
export async function asPlugin(words: readonly string[], run: () => Promise<number>, deps: Deps): Promise<number> {
  if (words.find((word) => !word.startsWith('-')) !== NAME) return run();
  try {
    return await run();
  } catch (error) {
    const known = error instanceof CtfixError || error instanceof HostError;
    const text = error instanceof Error ? error.message : String(error);
    return answer(unknown(known ? text : `this is a bug in ctfix: ${text}`), deps);
  }
}
