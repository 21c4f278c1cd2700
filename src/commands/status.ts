/** `ctfix status`: the table as it is, and where every number comes from. */
import { type Command, Option } from 'commander';
import { CtfixError, EXIT, HostError } from '../errors.ts';
import { gather } from '../facts/gather.ts';
import type { ReadHost } from '../host/host.ts';
import type { ChangeRecord, Maybe } from '../model.ts';
import { checkTargets } from '../promises.ts';
import { json } from '../render/json.ts';
import { prometheusText } from '../render/prometheus.ts';
import { statusText } from '../render/status.ts';
import { size } from '../sizing.ts';
import { type Status, statusOf } from '../status.ts';
import type { CommonFlags, Deps } from './deps.ts';
import { examples, fileName, outputFlag, rootFlag, watchFlag } from './flags.ts';
import { type Finish, runs } from './runs.ts';

type Flags = CommonFlags & {
  readonly root?: string;
  readonly output: string;
  readonly textfile?: string;
  readonly watch?: number;
};

/** Adds the command to the program. */
export function registerStatus(program: Command, deps: Deps, finish: Finish): void {
  const command = program
    .command('status')
    .description('show the table, what it drops, and where every number comes from; changes nothing, needs no root')
    .addOption(
      new Option('--textfile <file>', 'write the metrics to this file, for node_exporter (-o prometheus)').argParser(
        fileName,
      ),
    );
  outputFlag(rootFlag(watchFlag(command)), ['text', 'json', 'prometheus']);
  examples(command, [
    ['ctfix status', 'how full, what is dropped, what the next boot gives'],
    ['ctfix status --watch', 'fill, growth, drops and the time that is left'],
    ['ctfix status -o json | jq .origins', 'every value with what gives it'],
    ['ctfix status --textfile DIR/ctfix.prom', 'metrics for node_exporter, from a timer'],
  ]);
  runs<Flags>(command, finish, (flags) => runStatus(flags, deps));
}

async function runStatus(flags: Flags, deps: Deps): Promise<number> {
  if (flags.textfile !== undefined && flags.output === 'json') {
    throw new CtfixError('usage', '--textfile writes metrics; -o json does not go with it');
  }
  if (flags.watch !== undefined) {
    if (flags.textfile !== undefined) throw new CtfixError('usage', '--textfile and --watch do not go together');
    return (await import('./status-watch.ts')).watch({ ...flags, watch: flags.watch }, deps);
  }
  const metrics = flags.textfile !== undefined || flags.output === 'prometheus';
  const status = await lookAtStatus(await deps.look(flags), metrics ? 'metrics' : 'all', deps);
  if (flags.textfile !== undefined) {
    (await import('./textfile.ts')).writeTextfile(flags.textfile, prometheusText(status));
  } else if (metrics) deps.write(prometheusText(status));
  else if (flags.output === 'json') deps.write(json(status));
  else deps.write(statusText(status, deps.view('stdout', flags)));
  return EXIT.ok;
}

/** @param what `metrics`: without the log, the plan and what only a child tells: they cost time and are in no metric */
async function lookAtStatus(host: ReadHost, what: 'all' | 'metrics', deps: Deps): Promise<Status> {
  const all = what === 'all';
  const sleep = all ? deps.sleep : async () => undefined;
  const facts = await gather(host, { sleep, log: all, stats: all });
  return statusOf(facts, {
    version: deps.version,
    now: deps.now(),
    ...(all && { sizing: size(facts, {}) }),
    changes: await changesOn(host, deps.stateDir),
    findings: facts.lastChange === undefined ? [] : checkTargets(facts, facts.lastChange).findings,
  });
}

/** A record that cannot be read is unknown here; the commands that are about it say what to do. */
async function changesOn(host: ReadHost, stateDir: string): Promise<Maybe<readonly ChangeRecord[]>> {
  try {
    const { history } = await import('../apply/history.ts');
    return (await history(undefined, { host, stateDir })).changes;
  } catch (error) {
    if (error instanceof CtfixError || error instanceof HostError) return { unknown: error.message };
    throw error;
  }
}
