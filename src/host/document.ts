/** Files that a person names on the command line: read only if nobody else could have written them, written without following a link. */

import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  lstatSync,
  openSync,
  renameSync,
  type Stats,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { posix } from 'node:path';
import { HostError } from '../errors.ts';
import { randomHex } from './chance.ts';
import { readText } from './files.ts';
import { hostError } from './sentence.ts';
import { walkPath } from './walk.ts';

/** (uid_t)-1 in /proc/PID/loginuid: no login stands behind this process, proc(5). */
const NO_LOGIN = 4_294_967_295;

/** Root, whoever runs this, and whoever logged in before sudo or su made root of him; never from the environment. */
export function callers(): readonly number[] {
  const login = Number.parseInt(readText('/proc/self/loginuid') ?? '', 10);
  const uids = [0, process.geteuid?.() ?? 0];
  return Number.isInteger(login) && login !== NO_LOGIN ? [...uids, login] : uids;
}

/**
 * The text of a file that only the trusted could have written or put there: file, links and directories belong to them,
 * and others cannot write (into a sticky directory, such as /tmp, they can, but not move what is not theirs).
 * @param trusted uids
 * @returns undefined when there is no such file
 * @throws HostError UNSAFE, naming what is not safe; and as ReadHost.readFile
 */
export function readTrusted(path: string, trusted: readonly number[]): string | undefined {
  try {
    const real = walkPath(path, { root: '', followLast: true, judge: judgeFor(trusted) });
    const stat = lstatSync(real, { throwIfNoEntry: false });
    if (stat?.isFile()) judgeFor(trusted)(real, stat);
    return readText(path, real);
  } catch (error) {
    throw hostError(path, 'be read', error);
  }
}

/**
 * Writes a whole file under a name that is free or that `replaces` lets go: atomically, durably, mode 0644 whatever the
 * umask. The name is never followed when it is a link, and no directory on the way may be another user's.
 * @param replaces judges the text of the file that is there
 * @throws HostError TAKEN: something else has that name; UNSAFE; the errno. Nothing is half-written then
 */
export function placeText(path: string, text: string, replaces: (old: string) => boolean): void {
  try {
    const judge = judgeFor([0, process.geteuid?.() ?? 0]);
    const real = walkPath(path, { root: '', followLast: false, judge });
    const old = lstatSync(real, { throwIfNoEntry: false });
    if (old !== undefined && !(old.isFile() && replaces(readText(real) ?? ''))) throw taken(path);
    place(real, text);
  } catch (error) {
    throw hostError(path, 'be written', error);
  }
}

/**
 * The same, but for the care about directories: for text that harms nobody wherever it lands, in a directory that another
 * user owns, as monitoring's often is. The temporary file is hidden and never followed; a link that has the name is
 * replaced, not followed.
 * @throws HostError TAKEN: something else has that name; the errno
 */
export function placeHarmless(path: string, text: string, replaces: (old: string) => boolean): void {
  try {
    const old = lstatSync(path, { throwIfNoEntry: false });
    const free = old === undefined || old.isSymbolicLink() || (old.isFile() && replaces(readText(path) ?? ''));
    if (!free) throw new HostError(path, 'TAKEN', `${path} is there already and is not what ctfix writes there`);
    place(path, text);
  } catch (error) {
    throw hostError(path, 'be written', error);
  }
}

/** The same care for a directory that will be written into: its own path is given back when it is safe. */
export function safeDirectory(path: string): string {
  return walkPath(path, { root: '', followLast: true, judge: judgeFor([0, process.geteuid?.() ?? 0]) });
}

function place(path: string, text: string): void {
  const dir = posix.dirname(path);
  const temporary = posix.join(dir, `.ctfix-${randomHex(6)}.tmp`);
  const fd = openSync(
    temporary,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    writeFileSync(fd, text);
    fchmodSync(fd, 0o644);
    fsyncSync(fd);
    renameSync(temporary, path);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  } finally {
    closeSync(fd);
  }
  const parent = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  fsyncSync(parent);
  closeSync(parent);
}

function taken(path: string): HostError {
  return new HostError(path, 'TAKEN', `${path} is there already and is no plan; ctfix does not write over it`);
}

function judgeFor(trusted: readonly number[]): (path: string, stat: Stats) => void {
  return (path, stat) => {
    if (!trusted.includes(stat.uid)) throw unsafe(path, `it belongs to the user with id ${stat.uid}`);
    if (stat.isSymbolicLink() || (stat.isDirectory() && (stat.mode & 0o1000) !== 0)) return;
    if ((stat.mode & 0o002) !== 0) throw unsafe(path, 'everybody can write to it');
    if ((stat.mode & 0o020) !== 0 && stat.gid !== 0) {
      throw unsafe(path, `the group with id ${stat.gid} can write to it`);
    }
  };
}

function unsafe(path: string, why: string): HostError {
  return new HostError(path, 'UNSAFE', `${path} is not safe: ${why}`);
}
