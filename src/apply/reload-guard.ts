/** Puts the guard in force, proves that it is, keeps it there whatever a firewall's own stop and start do, and ends it. */
import { StepFailed } from '../errors.ts';
import { sshConnections } from '../facts/ssh.ts';
import { GUARD, GUARD_GONE, type GuardSeen, guardSeen, guardText } from '../guard.ts';
import type { Connection } from '../model.ts';
import { recordOf } from './reload-rules.ts';
import { complaint, type ReloadRun, type StepSeen, seconds } from './reload-run.ts';

const LIMIT_MS = 60_000;

/** Puts the guard in force, before anything is stopped. @throws StepFailed when the kernel does not have it afterwards */
export async function raiseGuard(run: ReloadRun): Promise<StepSeen> {
  const record = recordOf(run);
  const ssh = await sshConnections(run.host);
  await setGuard(run, ssh, 'exactly');
  const from =
    ssh.length > 0 ? ` (${ssh.map(({ theirs, theirPort }) => `${theirs} port ${theirPort}`).join(', ')})` : '';
  const saw = `the guard is in force; ${ssh.length} ssh connections go on${from}`;
  return { saw, record: { ...record, guard: { since: run.now(), ssh } } };
}

async function setGuard(run: ReloadRun, ssh: readonly Connection[], how: 'exactly' | 'again'): Promise<void> {
  const input = guardText(ssh, how);
  const checked = await run.host.run(['nft', '-c', '-f', '-'], { input, timeoutMs: LIMIT_MS });
  if (checked.code !== 0) throw new StepFailed(`the guard cannot be made: ${complaint(checked)}`);
  const ended = await run.host.perform({ rules: 'nft', how: 'transaction' }, { input, timeoutMs: LIMIT_MS });
  const seen = await guardNow(run);
  if (seen?.connections === ssh.length) return;
  throw new StepFailed(
    `the guard is not in force: ${ended.code === 0 ? 'the kernel lists another' : complaint(ended)}`,
  );
}

/** The guard as the kernel has it; undefined when there is none. Loads nothing. */
async function guardNow(run: ReloadRun): Promise<GuardSeen | undefined> {
  if ((await run.host.stat('/sys/module/nf_tables')) === undefined) return undefined;
  const listed = await run.host.run(['nft', 'list', 'table', ...GUARD.split(' ')], { timeoutMs: LIMIT_MS });
  return listed.code === 0 ? guardSeen(listed.stdout) : undefined;
}

/** A stop or a start that flushes what is not its own took the guard along: it is put back. '' when all is well. */
export async function holdGuard(run: ReloadRun): Promise<string> {
  const guard = run.record?.guard;
  if (guard === undefined || (await guardNow(run)) !== undefined) return '';
  await setGuard(run, guard.ssh, 'exactly');
  return '; it took the guard along, which was put back at once';
}

/** Ends the guard and tells what it did. @throws StepFailed when it is still there */
export async function lowerGuard(run: ReloadRun): Promise<string> {
  const seen = await guardNow(run);
  if (seen === undefined) return 'the guard was gone before its time: somebody has taken it away';
  const ended = await run.host.perform(
    { rules: 'nft', how: 'transaction' },
    { input: GUARD_GONE, timeoutMs: LIMIT_MS },
  );
  const since = run.record?.guard?.since;
  const time = since === undefined ? '' : ` after ${seconds(run.now() - since)}`;
  if ((await guardNow(run)) !== undefined) throw new StepFailed(`the guard cannot be taken away: ${complaint(ended)}`);
  return `the guard is gone${time}; it kept ${seen.keptOut} packets out and held ${seen.heldBack} back`;
}

/** Ends the guard where there is one; undefined where there is none. @throws StepFailed */
export async function endGuard(run: ReloadRun): Promise<string | undefined> {
  return (await guardNow(run)) === undefined ? undefined : lowerGuard(run);
}

/**
 * Keeps the host closed for as long as it takes a person: the admins may come again from where they were, because a
 * connection that breaks would lock them out. What that means is said.
 */
export async function keepGuard(run: ReloadRun): Promise<string> {
  const then = run.record?.guard;
  if (then === undefined && (await guardNow(run)) === undefined) return 'there is no guard: the host may be open';
  try {
    const now = await sshConnections(run.host);
    const all = [...now, ...(then?.ssh ?? [])];
    const place = (each: Connection) => [each.ours, each.ourPort, each.theirs].join();
    await setGuard(run, [...new Map(all.map((each) => [place(each), each])).values()], 'again');
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    if ((await guardNow(run)) === undefined) return `there is no guard, the host may be open: ${error.message}`;
  }
  return `the host stays closed behind the guard, ssh from where it came from before gets through; nft delete table ${GUARD} would open it`;
}
