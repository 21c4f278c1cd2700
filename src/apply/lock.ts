/**
 * One change at a time. The lock is a symbolic link whose text names its owner by pid, start time and boot: an owner that
 * no longer runs holds nothing, so nobody ever has to remove a lock by hand. It lies in memory (/run), and the text of a
 * link takes no block there either (shmem_symlink in mm/shmem.c, up to 127 bytes): neither a full or read-only disk nor a
 * full /run keeps anybody from taking a change back.
 */
import { lstatSync, readdirSync, readlinkSync, renameSync, symlinkSync, unlinkSync } from 'node:fs';
import { posix } from 'node:path';
import { CtfixError } from '../errors.ts';
import { randomHex } from '../host/chance.ts';
import type { ReadHost } from '../host/host.ts';
import { errnoOf } from '../host/sentence.ts';
import { sentenceOf } from './sentence.ts';
import { requireTrusted } from './statedir.ts';

export type Lock = { release(): void };

/** `nonce` tells two locks of one process apart. `start`: field 22 of /proc/PID/stat, clock ticks since boot (proc(5)). */
type Owner = {
  readonly pid: number;
  readonly start: string;
  readonly boot: string;
  readonly since: string;
  readonly nonce: string;
};

/** Something else of root's that has this name. No live owner ever looks like this. */
const STRAY: Owner = { pid: 0, start: '', boot: '', since: '', nonce: 'stray' };

/**
 * Takes the lock.
 * @param path of the lock, in a directory where only root can make names
 * @param host where /proc is read
 * @param wait lets time pass until the one that holds it has ended; absent: it is not waited for
 * @throws CtfixError refused, naming the process that holds it and since when; or it cannot be made
 */
export async function takeLock(path: string, host: ReadHost, now: Date, wait?: () => Promise<void>): Promise<Lock> {
  const self = await identify(host, now);
  for (;;) {
    const holder = await take(path, self, host).catch((error: unknown) => {
      throw error instanceof CtfixError ? error : unmade(path, error);
    });
    if (holder === undefined) break;
    if (wait === undefined) throw held(holder);
    await wait();
  }
  await sweep(path, host);
  return { release: () => remove(path) };
}

/** The living process that holds the lock; undefined when nobody does. */
export async function lockOwner(path: string, host: ReadHost): Promise<number | undefined> {
  const owner = read(path);
  return owner !== undefined && (await isAlive(owner, host)) ? owner.pid : undefined;
}

/** Is another ctfix at work? */
export async function isBusy({
  lockPath,
  host,
}: {
  readonly lockPath: string;
  readonly host: ReadHost;
}): Promise<boolean> {
  return (await lockOwner(lockPath, host)) !== undefined;
}

/**
 * Takes the lock at `path`, or gives its living holder.
 *
 * Making it is symlink(2): exactly one process succeeds, and nobody ever sees a lock without its text.
 * Taking over from a dead holder X is allowed only to the owner of a second lock, named after X: of two processes that
 * find X dead, one gets that. It then looks once more whether X is still there (a slower process may have judged X
 * before a faster one replaced it); as X is dead and nobody else may replace X meanwhile, what it saw stays true until
 * its rename(2). A process that dies while it takes over leaves the second lock with a dead holder, and the same rule
 * applies to that one.
 */
async function take(path: string, self: Owner, host: ReadHost): Promise<Owner | undefined> {
  for (;;) {
    if (make(path, self)) return undefined;
    const holder = read(path);
    if (holder === undefined) continue;
    if (await isAlive(holder, host)) return holder;
    const right = `${path}.${holder.nonce}`;
    const rival = await take(right, self, host);
    if (rival !== undefined) return rival;
    try {
      if (read(path)?.nonce === holder.nonce) {
        replace(path, self);
        return undefined;
      }
    } finally {
      remove(right);
    }
  }
}

/** Removes a lock that may have been swept already. */
function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

function make(path: string, self: Owner): boolean {
  try {
    symlinkSync(textOf(self), path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function replace(path: string, self: Owner): void {
  const temporary = `${path}-${randomHex(6)}.tmp`;
  symlinkSync(textOf(self), temporary);
  try {
    renameSync(temporary, path);
  } finally {
    remove(temporary);
  }
}

const textOf = ({ pid, start, nonce, since, boot }: Owner): string => [pid, start, nonce, since, boot].join(' ');

function read(path: string): Owner | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  requireTrusted(path, stat);
  if (!stat.isSymbolicLink()) return STRAY;
  const text = targetOf(path);
  if (text === undefined) return undefined;
  const [pid, start, nonce, since, boot] = /^(\d+) (\d+) ([0-9a-f]+) (\S+) (\S+)$/.exec(text)?.slice(1) ?? [];
  if (!pid || !start || !nonce || !since || !boot) return STRAY;
  return { pid: Number(pid), start, nonce, since, boot };
}

/** Undefined where it has gone since. */
function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function identify(host: ReadHost, now: Date): Promise<Owner> {
  const stat = await host.readFile('/proc/self/stat');
  const boot = await host.readFile('/proc/sys/kernel/random/boot_id');
  const start = startOf(stat);
  if (stat === undefined || start === undefined || boot === undefined) {
    throw new CtfixError('refused', '/proc is not there, so that a lock could not be told from a dead one', {
      hint: 'mount /proc, then try again',
    });
  }
  const nonce = randomHex(8);
  return { pid: Number.parseInt(stat, 10), start, boot: boot.trim(), since: now.toISOString(), nonce };
}

async function isAlive(owner: Owner, host: ReadHost): Promise<boolean> {
  const boot = await host.readFile('/proc/sys/kernel/random/boot_id');
  if (owner.boot !== boot?.trim()) return false;
  return startOf(await host.readFile(`/proc/${owner.pid}/stat`)) === owner.start;
}

/**
 * Field 22 of /proc/PID/stat; undefined for a process that is gone or a zombie. The name (field 2) may hold anything,
 * so fields are counted from its closing bracket.
 */
function startOf(stat: string | undefined): string | undefined {
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  const state = fields[0] ?? 'X';
  return ['Z', 'X', 'x'].includes(state) ? undefined : fields[19];
}

/**
 * Clears up what processes left that died while they took a lock; a living one's files stay. Done only by the owner of
 * the lock: while that one is alive and in place, no right to take over from an earlier holder can be used.
 */
async function sweep(lock: string, host: ReadHost): Promise<void> {
  const [dir, own] = [posix.dirname(lock), posix.basename(lock)];
  for (const name of readdirSync(dir).filter((each) => each.startsWith(`${own}.`) || each.startsWith(`${own}-`))) {
    const path = posix.join(dir, name);
    const owner = read(path);
    if (owner !== undefined && owner !== STRAY && !(await isAlive(owner, host))) remove(path);
  }
}

function unmade(path: string, cause: unknown): CtfixError {
  const hint = 'nothing was changed; ctfix changes nothing while it cannot keep others out';
  return new CtfixError('refused', `${path} could not be made: ${sentenceOf(cause)}`, { hint, cause });
}

function held(holder: Owner): CtfixError {
  return new CtfixError('refused', `another ctfix is at work here: process ${holder.pid}, since ${holder.since}`, {
    hint: `wait until it has ended, or look at it with: ps -f -p ${holder.pid}`,
  });
}
