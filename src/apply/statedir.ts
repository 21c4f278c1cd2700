/** The directory of ctfix's own records: made, and checked before anything in it is believed. */

import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  type Stats,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { posix } from 'node:path';
import { CtfixError } from '../errors.ts';
import { randomHex } from '../host/chance.ts';
import { safeDirectory } from '../host/document.ts';
import { errnoOf } from '../host/sentence.ts';
import { sentenceOf } from './sentence.ts';

/** Root, or whoever runs this: nobody else can have written what belongs to them. */
const isTrusted = (uid: number): boolean => uid === 0 || uid === process.geteuid?.();

/**
 * Makes the directory (0755, readable by all for state.json) and the one for the journals (0700), where they are
 * missing, and checks both and every directory above them.
 * @throws CtfixError refused: somebody else could have written there; or it cannot be made
 */
export function openStateDir(dir: string): void {
  try {
    mkdirSync(posix.dirname(dir), { recursive: true });
    safeDirectory(posix.dirname(dir));
    makeDir(dir, 0o755);
    makeDir(journalDir(dir), 0o700);
  } catch (error) {
    throw unusable(dir, error);
  }
  requireOwn(dir);
  requireOwn(journalDir(dir));
}

/** chmod as well: the mode of mkdir is cut by the umask, and state.json is for everybody to read. */
function makeDir(path: string, mode: number): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
  mkdirSync(path, { mode });
  chmodSync(path, mode);
}

/** Where the journals lie. */
export function journalDir(dir: string): string {
  return posix.join(dir, 'journal');
}

/**
 * True when there is such a state directory; checks it like openStateDir and makes nothing.
 * @throws CtfixError refused
 */
export function hasStateDir(dir: string): boolean {
  if (lstatSync(journalDir(dir), { throwIfNoEntry: false }) === undefined) return false;
  requireOwn(dir);
  requireOwn(journalDir(dir));
  return true;
}

function requireOwn(path: string): void {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) throw distrusted(path, 'it is not a directory');
  requireTrusted(path, stat);
}

/** The mode of a link means nothing. @throws CtfixError refused: others than root, or who runs this, could have made it */
export function requireTrusted(path: string, stat: Stats): void {
  if (!isTrusted(stat.uid)) throw distrusted(path, `it belongs to the user with id ${stat.uid}`);
  if (!stat.isSymbolicLink() && (stat.mode & 0o022) !== 0)
    throw distrusted(path, 'others than its owner can write to it');
}

function distrusted(path: string, why: string): CtfixError {
  return new CtfixError('refused', `${path} cannot be trusted: ${why}`, {
    hint: `find out who changed it; ctfix trusts only what belongs to root and only root can write (chown root ${path}; chmod go-w ${path})`,
  });
}

function unusable(dir: string, cause: unknown): CtfixError {
  return new CtfixError('refused', `${dir} cannot be used for the record of the change: ${sentenceOf(cause)}`, {
    hint: 'nothing was changed; ctfix changes nothing that it cannot record first',
    cause,
  });
}

/**
 * The text of a record; undefined when there is none.
 * @throws CtfixError refused: it is no regular file of ours, or others can write to it
 */
export function readRecord(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw distrusted(path, sentenceOf(error));
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw distrusted(path, 'it is not a regular file');
    requireTrusted(path, stat);
    const bytes = Buffer.alloc(stat.size);
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(fd);
  }
}

/**
 * Replaces a record atomically and durably, and clears away what a process left that died while it did so. One record is
 * written by one process at a time: the owner of the lock, or the one that gave it its name.
 * @throws the error of node:fs; nothing is half-written
 */
export function writeRecord(path: string, text: string, mode: number): void {
  for (const name of readdirSync(posix.dirname(path))) {
    const left = posix.join(posix.dirname(path), name);
    if (left.startsWith(`${path}.`) && /\.[0-9a-f]{8}\.tmp$/.test(name)) unlinkSync(left);
  }
  const temporary = `${path}.${randomHex(4)}.tmp`;
  try {
    const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
    try {
      fchmodSync(fd, mode);
      writeFileSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    if (lstatSync(temporary, { throwIfNoEntry: false }) !== undefined) unlinkSync(temporary);
    throw error;
  }
  syncDirectory(posix.dirname(path));
}

/** Makes names in a directory durable: made, renamed and removed ones. */
export function syncDirectory(dir: string): void {
  const fd = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
