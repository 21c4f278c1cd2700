/** `ctfix top`: who fills the table. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CtfixError, EXIT } from '../errors.ts';
import { addTimeout } from '../options.ts';
import { json } from '../render/json.ts';
import { topText } from '../render/top.ts';
import { type By, countFlow, KEYS, newCensus } from '../top/census.ts';
import { type TopReport, topReport, USUAL } from '../top/report.ts';
import { isSeen, KERNEL_TIMEOUTS } from '../top/timeouts.ts';
import type { Question } from '../top/what-if.ts';
import type { CommonFlags, Deps } from './deps.ts';
import { examples, fileName, outputFlag } from './flags.ts';
import { type Finish, runs } from './runs.ts';
import { badOf, foundLive } from './top-found.ts';
import { timeoutNow } from './top-live.ts';
import { ticker } from './top-progress.ts';
import { readSaved } from './top-saved.ts';

type Seconds = Readonly<Record<string, number>>;

type Flags = CommonFlags & {
  readonly output: string;
  readonly rows: number;
  readonly by?: readonly By[];
  readonly from?: string;
  readonly namespaces?: boolean;
  readonly whatIf?: Seconds;
  readonly timeoutNow?: Seconds;
};

/** Adds the command to the program. */
export function registerTop(program: Command, deps: Deps, finish: Finish): void {
  const seconds = (flag: string) => (text: string, before?: Seconds) => addTimeout(text, before, flag);
  const command = program
    .command('top')
    .description('count who fills the table; may load nf_conntrack_netlink, and says so; needs root without --from')
    .addOption(new Option('-n, --rows <n>', 'rows of each table').default(10).argParser(wholeRows))
    .addOption(new Option('--by <key>', 'count by this alone; may be given again').choices(KEYS).argParser(addKey))
    .addOption(
      new Option('--from <file>', 'read a listing of conntrack -L or /proc, gzip too; - is stdin').argParser(fileName),
    )
    .option('--namespaces', 'also read the tables of the other network namespaces of this host')
    .addOption(
      new Option('--what-if <name=seconds>', 'how many flows a shorter timeout would free').argParser(
        seconds('--what-if'),
      ),
    )
    .addOption(
      new Option('--timeout-now <name=seconds>', 'what that timeout is set to, where --from was saved').argParser(
        seconds('--timeout-now'),
      ),
    );
  outputFlag(command, ['text', 'json']);
  examples(command, [
    ['sudo ctfix top', 'by source, destination, port, state and more'],
    ['sudo ctfix top --by source -n 50', 'the 50 busiest sources'],
    ['sudo ctfix top --what-if tcp_established=86400', 'would a shorter timeout help?'],
    ['ctfix top --from flows.txt', 'saved elsewhere with conntrack -L'],
    ['ctfix top --from - -o json < flows.txt', 'for a script'],
  ]);
  runs<Flags>(command, finish, (flags) => runTop(flags, deps));
}

async function runTop(flags: Flags, deps: Deps): Promise<number> {
  const report = flags.from === undefined ? await live(flags, deps) : await saved(flags, flags.from, deps);
  if (flags.output === 'json') deps.write(json(report));
  else deps.write(topText(report, deps.view('stdout', flags)));
  return EXIT.ok;
}

async function live(flags: Flags, deps: Deps): Promise<TopReport> {
  if (flags.timeoutNow !== undefined) {
    throw new CtfixError('usage', '--timeout-now is for --from; on this host the timeouts are read');
  }
  if (!deps.isRoot) {
    throw new CtfixError('notRoot', 'the connection table can only be listed by root', {
      hint: 'run it with sudo, or give a saved listing: ctfix top --from FILE',
    });
  }
  const host = await deps.look(flags);
  const questions = await Promise.all(
    asked(flags).map(async ([key, seconds]): Promise<Question> => {
      const now = await timeoutNow(host, key);
      if (now === undefined) throw new CtfixError('usage', `--what-if ${key}: this kernel has no such timeout`);
      return { key, seconds, now };
    }),
  );
  const census = newCensus(flags.by ?? USUAL, questions);
  const progress = ticker(census, deps);
  const found = await foundLive(host, census, { namespaces: flags.namespaces === true, tick: progress.tick });
  progress.end();
  return topReport(census, found, flags, []);
}

async function saved(flags: Flags, from: string, deps: Deps): Promise<TopReport> {
  if (flags.namespaces === true) throw new CtfixError('usage', '--namespaces is for this host; a listing is of one');
  const assumed: string[] = [];
  const questions = asked(flags).map(([key, seconds]): Question => {
    const told = flags.timeoutNow?.[key];
    const now = told ?? KERNEL_TIMEOUTS[key];
    if (now === undefined) {
      throw new CtfixError('usage', `--what-if ${key}: a listing does not say what is set`, {
        hint: `give it with --timeout-now ${key}=SECONDS`,
      });
    }
    if (told === undefined) assumed.push(key);
    return { key, seconds, now };
  });
  const census = newCensus(flags.by ?? USUAL, questions);
  const progress = ticker(census, deps);
  const listing = await readSaved(from, (flow) => countFlow(census, flow), { input: deps.input, tick: progress.tick });
  progress.end();
  const origin = { kind: 'file', name: from === '-' ? 'standard input' : from } as const;
  const found = { origin, forms: listing.forms(), bad: badOf([{ listing }]), notes: [] };
  return topReport(census, found, flags, assumed);
}

/** Timeouts that are asked about. @throws CtfixError usage: one that no flow shows */
function asked(flags: Flags): readonly (readonly [string, number])[] {
  const entries = Object.entries(flags.whatIf ?? {});
  const unseen = entries.find(([key]) => !isSeen(key));
  if (unseen === undefined) return entries;
  throw new CtfixError('usage', `--what-if ${unseen[0]}: a listing does not tell which flows run on this timeout`);
}

function addKey(text: string, before: readonly By[] = []): readonly By[] {
  const key = KEYS.find((one) => one === text);
  if (key === undefined) throw new InvalidArgumentError(`Allowed choices are ${KEYS.join(', ')}.`);
  return before.includes(key) ? before : [...before, key];
}

function wholeRows(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is not a whole number from 1 to 99999.');
}
