/** A reload as a service of its own: it goes on when the login session ends, and is taken back when it is killed. */
import { dropHanded, handOver } from '../apply/handed.ts';
import { journalIds, newId, readJournal } from '../apply/journal.ts';
import { missingNet } from '../apply/net.ts';
import type { Outcome, OutcomeLine } from '../apply/outcome.ts';
import { preflight } from '../apply/preflight.ts';
import { recordOf, recordsIn } from '../apply/state.ts';
import { EXIT, type ExitName } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { ChangeRecord, HostCommand } from '../model.ts';
import type { ApplyFlags } from './apply.ts';
import { type Job, tell } from './apply-run.ts';
import type { Deps } from './deps.ts';

const LOOK_EVERY_MS = 200;
/** The record is looked at every two seconds; once it says stuck, the service has thirty more to tell it and to end. */
const LOOKS_A_RECORD = 10;
const STUCK_RECORDS = 15;

/**
 * Hands the plan to a service and waits for its end; progress and answer are those of the service.
 * @param confirmWithin seconds; undefined: it need not be confirmed
 * @returns the exit code
 */
export async function runAsService(
  job: Job,
  confirmWithin: number | undefined,
  flags: ApplyFlags,
  deps: Deps,
): Promise<number> {
  const host = await deps.change(flags);
  const recovery = deps.recovery();
  // Before anything is written: the plan that is handed over, too.
  const refused = [
    ...(await missingNet(job.plan, { host, recovery })),
    ...(await preflight(job.plan, deps.stateDir, host)),
  ];
  if (refused.length > 0) return ended({ exit: 'refused', lines: refused }, job, flags, deps);
  const id = newId(deps.now(), journalIds(deps.stateDir));
  const { plan, facts, source } = job;
  const views = { stdout: deps.view('stdout', flags), stderr: deps.view('stderr', flags) };
  const { color, verbose, output } = flags;
  handOver(deps.stateDir, id, {
    plan,
    facts,
    ...(source !== undefined && { saved: source }),
    ...(confirmWithin !== undefined && { confirmWithin }),
    flags: { color, output, ...(verbose !== undefined && { verbose }) },
    views,
  });
  try {
    const command = {
      service: `ctfix-apply-${id}`,
      run: [...recovery.argv, 'perform', id],
      after: [...recovery.argv, 'recover', id],
    } as const;
    const code = await waitFor(command, id, host, deps);
    if (code !== KILLED && !(code === EXIT.failed && wasCutShort(id, deps.stateDir))) return code;
    return ended(whatBecameOf(id, deps.stateDir), job, flags, deps);
  } finally {
    dropHanded(deps.stateDir, id);
  }
}

/** systemd-run(1): the exit code where the program did not end by itself. */
const KILLED = 255;

/**
 * Ctrl-C and SIGTERM are passed on, and the service stops after its step and takes everything back. A terminal that goes
 * away is no reason to stop: the service ends sooner and better by going on. A service that is stuck has told all and has
 * ended, but systemd waits with its end for a child that the kernel does not let go: that is not waited for.
 * @returns the exit code of the service
 */
async function waitFor(
  command: HostCommand & { service: string },
  id: string,
  host: Host,
  deps: Deps,
): Promise<number> {
  const interrupted = deps.catchSignals('hangup-goes-on');
  const cancel = new AbortController();
  let over = false;
  const run = host.perform(command, { inherit: true, timeoutMs: 0, cancel: cancel.signal }).finally(() => {
    over = true;
  });
  let told = false;
  for (let looks = 0, stuck = 0; !over; looks++, await deps.sleep(LOOK_EVERY_MS)) {
    if (interrupted() && !told) {
      told = true;
      await host.perform({ interrupt: `${command.service}.service` });
    }
    if (looks % LOOKS_A_RECORD !== 0 || !isStuck(id, deps.stateDir)) continue;
    if (++stuck <= STUCK_RECORDS) continue;
    cancel.abort();
    await run;
    return EXIT.stuck;
  }
  return (await run).code;
}

function isStuck(id: string, stateDir: string): boolean {
  const lines = readJournal(stateDir, id);
  return lines !== undefined && recordOf(lines)?.outcome === 'stuck';
}

function ended(outcome: Outcome, job: Job, flags: ApplyFlags, deps: Deps): number {
  tell(outcome, job, flags, deps);
  return EXIT[outcome.exit];
}

const EXITS: Readonly<Record<ChangeRecord['outcome'], ExitName>> = {
  applied: 'ok',
  'rolled-back': 'rolledBack',
  undone: 'rolledBack',
  unfinished: 'stuck',
  stuck: 'stuck',
};

/** systemd-run gives 1 for a service that ran into its limit; what failed by itself has no such record. */
function wasCutShort(id: string, stateDir: string): boolean {
  const outcome = recordsIn(stateDir).find((each) => each.id === id)?.outcome;
  return outcome === 'undone' || outcome === 'stuck' || outcome === 'unfinished';
}

/** The service was killed and its recovery has run: the journal tells how that ended. */
function whatBecameOf(id: string, stateDir: string): Outcome {
  const change = recordsIn(stateDir).find((each) => each.id === id);
  const killed: OutcomeLine = { kind: 'failed', text: 'the process that made the change was killed' };
  if (change === undefined) return { exit: 'failed', lines: [killed] };
  return { exit: EXITS[change.outcome], id, lines: [killed] };
}
