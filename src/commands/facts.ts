/** `ctfix facts`: what was found out about this host. */
import { type Command, Option } from 'commander';
import { EXIT } from '../errors.ts';
import { gather } from '../facts/gather.ts';
import type { ReadHost } from '../host/host.ts';
import { escapeLine } from '../render/escape.ts';
import { json } from '../render/json.ts';
import { plural } from '../render/numbers.ts';
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
  const host = await deps.look(flags);
  if (flags.record === undefined) deps.write(json(await gather(host, { sleep: deps.sleep, stats: true })));
  else await record(host, flags.record, deps);
  return EXIT.ok;
}

/** Gathers the facts once and keeps what was read on the way, scrubbed of names and addresses. */
async function record(inner: ReadHost, dir: string, deps: Deps): Promise<void> {
  const [{ recorder }, { thin, thinLinks, thinNames }, { writeFolder }] = await Promise.all([
    import('../host/recorder.ts'),
    import('../facts/thin.ts'),
    import('./folder.ts'),
  ]);
  const { host, files } = recorder(inner, { text: thin, names: thinNames, links: thinLinks });
  await gather(host, { sleep: deps.sleep, diagnosis: true });
  const written = await files();
  writeFolder(dir, written);
  deps.note(
    `${plural(Object.keys(written).length, 'file')} in ${escapeLine(dir)}; look through them before you send them\n`,
  );
}
