/** Puts the guard in force, proves that it is, keeps it there whatever a firewall's own stop and start do, and ends it. */
import { HostError, StepFailed } from '../errors.ts';
import { sshConnections } from '../facts/ssh.ts';
import { GUARD, GUARD_GONE, type GuardSeen, guardSeen, guardText } from '../guard.ts';
import type { RunResult } from '../host/host.ts';
import type { Connection } from '../model.ts';
import { recordOf } from './reload-rules.ts';
import { complaint, type ReloadRun, type StepSeen, seconds } from './reload-run.ts';

const LIMIT_MS = 60_000;

/** Puts the guard in force, before anything is stopped. @throws StepFailed when the kernel does not have it afterwards */
export async function raiseGuard(run: ReloadRun): Promise<StepSeen> {
  const record = recordOf(run);
  const ssh = await sshConnections(run.host);
  const since = await setGuard(run, ssh, 'exactly');
  const from =
    ssh.length > 0 ? ` (${ssh.map(({ theirs, theirPort }) => `${theirs} port ${theirPort}`).join(', ')})` : '';
  const saw = `the guard is in force; ${ssh.length} ssh connections go on${from}`;
  return { saw, record: { ...record, guard: { since, ssh } } };
}

/** @returns since when the host may be closed */
async function setGuard(run: ReloadRun, ssh: readonly Connection[], how: 'exactly' | 'again'): Promise<number> {
  const input = guardText(ssh, how);
  const checked = await run.host.run(['nft', '-c', '-f', '-'], { input, timeoutMs: LIMIT_MS });
  if (checked.code !== 0) throw new StepFailed(`the guard cannot be made: ${complaint(checked)}`);
  const since = run.now();
  const ended = await run.host.perform({ rules: 'nft', how: 'transaction' }, { input, timeoutMs: LIMIT_MS });
  const now = await guardNow(run);
  if (now.is === 'seen' && now.seen.connections === ssh.length) return since;
  if (ended.code !== 0) throw new StepFailed(`the guard is not in force: ${complaint(ended)}`);
  const instead = now.is === 'unknown' ? now.why : now.is === 'absent' ? 'it is not there' : 'the kernel lists another';
  throw new StepFailed(`the guard is not in force: ${instead}`);
}

/** Whether the guard is there: absent only where nft says so in words, because everything else may hide one. */
type GuardNow =
  | { readonly is: 'absent' }
  | { readonly is: 'seen'; readonly seen: GuardSeen }
  | { readonly is: 'unknown'; readonly why: string };

/**
 * How nft says that a table does not exist, with exit code 1; some versions put the place or a guess beside it. What it
 * says of the kernel's answer as a whole begins with `netlink:`. Source: erec_print in src/erec.c and cmd.c of nftables
 */
const NO_TABLE = /^(?:<cmdline>:\S+ )?Error: (?:Could not process rule: )?No such file or directory/m;

async function guardNow(run: ReloadRun): Promise<GuardNow> {
  const listed = await run.host.run(['nft', 'list', 'table', ...GUARD.split(' ')], { timeoutMs: LIMIT_MS });
  if (listed.code === 1 && NO_TABLE.test(listed.stderr)) return { is: 'absent' };
  if (listed.code !== 0) return { is: 'unknown', why: complaint(listed) };
  const seen = guardSeen(listed.stdout);
  return seen === undefined ? { is: 'unknown', why: 'nft lists it as it was not made' } : { is: 'seen', seen };
}

/**
 * Puts the guard of a change back where a stop or a start that flushes what is not its own took it along.
 * @param how `again` on the way back, which takes longer: admins who came or left meanwhile get through as well
 * @returns what was done, or '' where the guard is in force, or there is none to be
 * @throws StepFailed when the kernel does not have it afterwards
 */
export async function holdGuard(run: ReloadRun, how: 'exactly' | 'again' = 'exactly'): Promise<string> {
  const guard = run.record?.guard;
  if (guard === undefined) return '';
  const now = await guardNow(run);
  if (now.is === 'seen') return '';
  await setGuard(run, how === 'again' ? await everyAdmin(run) : guard.ssh, how);
  if (now.is === 'unknown') return `the guard could not be looked at (${now.why}) and was put in force once more`;
  return 'the guard was taken along and is in force again';
}

/** The ssh connections that are there now and those of when the guard was raised, once each. */
async function everyAdmin(run: ReloadRun): Promise<readonly Connection[]> {
  const all = [...(await sshConnections(run.host)), ...(run.record?.guard?.ssh ?? [])];
  const place = (each: Connection) => [each.ours, each.ourPort, each.theirs].join();
  return [...new Map(all.map((each) => [place(each), each])).values()];
}

/**
 * Ends the guard and tells what it did. It is deleted whatever a look says of it, and must be seen to be absent then.
 * @throws StepFailed when it is still there or cannot be looked at; the sentence says how to end it by hand
 */
export async function lowerGuard(run: ReloadRun): Promise<string> {
  return (await deleteGuard(run)) ?? 'the guard was gone before its time: somebody has taken it away';
}

/** What it did; undefined where it was gone already. @throws StepFailed as lowerGuard */
async function deleteGuard(run: ReloadRun): Promise<string | undefined> {
  const before = await guardNow(run);
  const ended = await run.host.perform(
    { rules: 'nft', how: 'transaction' },
    { input: GUARD_GONE, timeoutMs: LIMIT_MS },
  );
  const after = await guardNow(run);
  if (after.is !== 'absent') throw new StepFailed(staysWhy(after, ended));
  if (before.is === 'absent') return undefined;
  const since = run.record?.guard?.since;
  const time = since === undefined ? '' : ` after ${seconds(run.now() - since)}`;
  const { keptOut, heldBack } = before.is === 'seen' ? before.seen : {};
  const did = keptOut === undefined ? '' : `; it kept ${keptOut} packets out and held ${heldBack} back`;
  return `the guard is gone${time}${did}`;
}

const BY_HAND = `nft delete table ${GUARD}`;

function staysWhy(now: GuardNow, ended: RunResult): string {
  const why = ended.code === 0 ? '' : `: ${complaint(ended)}`;
  if (now.is !== 'unknown') return `the guard cannot be taken away${why}; end it by hand: ${BY_HAND}`;
  return `whether the guard is gone cannot be told (${now.why})${why}; end it by hand: ${BY_HAND}`;
}

/**
 * Ends the guard of a change.
 * @param begun whether the change announced that it raises it: it is deleted then, whatever a look says
 * @returns what it did; undefined where there is none
 * @throws StepFailed as lowerGuard
 */
export async function endGuard(run: ReloadRun, begun: boolean): Promise<string | undefined> {
  return begun || (await guardNow(run)).is === 'seen' ? deleteGuard(run) : undefined;
}

/**
 * Keeps the host closed for as long as it takes a person: the admins may come again from where they were, because a
 * connection that breaks would lock them out. What that means is said.
 * @param begun as for endGuard: where nothing tells, a guard that the change announced is made anew
 */
export async function keepGuard(run: ReloadRun, begun: boolean): Promise<string> {
  const then = run.record?.guard;
  const before = await guardNow(run);
  const isOurs = then !== undefined || before.is === 'seen' || (begun && before.is === 'unknown');
  if (!isOurs) return 'there is no guard: the host may be open';
  try {
    await setGuard(run, await everyAdmin(run), 'again');
  } catch (error) {
    if (!(error instanceof StepFailed || error instanceof HostError)) throw error;
    const after = await guardNow(run);
    if (after.is === 'absent') return `there is no guard, the host may be open: ${error.message}`;
    if (after.is === 'unknown') {
      return `whether the host is closed cannot be told (${error.message}); ${BY_HAND} would open it`;
    }
  }
  return `the host stays closed behind the guard, ssh from where it came from before gets through; ${BY_HAND} would open it`;
}
