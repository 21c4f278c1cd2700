/**
 * Replaces, makes and removes files atomically and durably, as root, in directories that only root can write.
 * The text is complete under a temporary name, with owner, mode, attributes and label, before it gets its own name.
 */

import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  type Stats,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { posix } from 'node:path';
import { HostError } from '../errors.ts';
import { randomHex } from './chance.ts';
import type { RunResult } from './host.ts';
import { hostError } from './sentence.ts';
import { walkPath } from './walk.ts';

type Run = (argv: readonly [string, ...string[]]) => Promise<RunResult>;

/**
 * The temporary file of a replacement: no loader takes it for a drop-in (they want `.conf` or `.rules` at the end), and
 * one that a crash left behind is told by its name.
 */
const TEMPORARY = () => `.ctfix-${randomHex(6)}.tmp`;

/**
 * Replaces or creates a file; see Host.replaceFile.
 * @param run runs cp and restorecon
 * @throws HostError: nothing is changed, the temporary file is gone. LINKED, UNSAFE: see realTarget and requireOurs
 */
export async function replaceFile(run: Run, path: string, file: { text: string; mode: number }): Promise<void> {
  try {
    const real = realTarget(path);
    const dir = posix.dirname(real);
    makeDirs(dir);
    const old = lstatOrNothing(real);
    if (old !== undefined) requireOurs(path, old);
    const temporary = posix.join(dir, TEMPORARY());
    try {
      if (old !== undefined) await copyAttributes(run, real, temporary, old);
      writeTemporary(temporary, file, old);
      renameSync(temporary, real);
    } catch (error) {
      if (lstatOrNothing(temporary) !== undefined) unlinkSync(temporary);
      throw error;
    }
    syncDir(dir);
    if (old === undefined) await labelNew(run, real);
  } catch (error) {
    throw hostError(path, 'be written', error);
  }
}

/**
 * Removes a file or an empty directory, durably; nothing to do where there is neither.
 * @throws HostError NOT_A_FILE for a link or a device, ENOTEMPTY for a directory with something in it
 */
export function removeFile(path: string): void {
  try {
    const real = walkPath(path, { root: '', followLast: false, judge: requireSafe });
    const old = lstatOrNothing(real);
    if (old === undefined) return;
    if (old.isDirectory()) rmdirSync(real);
    else if (old.isFile()) unlinkSync(real);
    else throw new HostError(path, 'NOT_A_FILE', `${path} is not a regular file; ctfix does not remove it`);
    syncDir(posix.dirname(real));
  } catch (error) {
    throw hostError(path, 'be removed', error);
  }
}

/**
 * Makes, replaces or removes a symbolic link; see Host.replaceLink.
 * @throws HostError NOT_A_LINK where there is something else; UNSAFE: see realTarget
 */
export function replaceLink(path: string, target: string | undefined): void {
  try {
    const real = walkPath(path, { root: '', followLast: false, judge: requireSafe });
    const old = lstatOrNothing(real);
    if (old !== undefined && !old.isSymbolicLink()) {
      throw new HostError(path, 'NOT_A_LINK', `${path} is there and is no symbolic link; ctfix leaves it alone`);
    }
    if (target === undefined && old === undefined) return;
    const dir = posix.dirname(real);
    makeDirs(dir);
    if (target === undefined) unlinkSync(real);
    else placeLink(target, real);
    syncDir(dir);
  } catch (error) {
    throw hostError(path, target === undefined ? 'be removed' : 'be made', error);
  }
}

function placeLink(target: string, path: string): void {
  const temporary = posix.join(posix.dirname(path), TEMPORARY());
  symlinkSync(target, temporary);
  try {
    renameSync(temporary, path);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  }
}

/**
 * The file that is meant, a final link followed. Nobody but root can have had a hand in the way to it: every directory
 * and link on it belongs to root, and no directory can be written by others (a sticky one, such as /tmp, keeps others
 * from moving what is not theirs).
 * @throws HostError UNSAFE, naming the directory or link
 */
function realTarget(path: string): string {
  return walkPath(path, { root: '', followLast: true, judge: requireSafe });
}

function requireSafe(path: string, stat: Stats): void {
  const kind = stat.isSymbolicLink() ? 'link' : 'directory';
  if (!isTrusted(stat.uid)) throw unsafe(path, `the ${kind} belongs to the user with id ${stat.uid}, not to root`);
  if (stat.isSymbolicLink() || (stat.mode & 0o1000) !== 0) return;
  if ((stat.mode & 0o002) !== 0) throw unsafe(path, 'everybody can write into this directory');
  if ((stat.mode & 0o020) !== 0 && stat.gid !== 0) {
    throw unsafe(path, `the group with id ${stat.gid} can write into this directory`);
  }
}

function unsafe(path: string, why: string): HostError {
  return new HostError(path, 'UNSAFE', `${path} is not safe to write through as root: ${why}`);
}

/** Root, or whoever runs this: an ordinary user can only write what is his own anyway. */
function isTrusted(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

/**
 * A file with a second name (hard link) is refused: a replacement would part the two names, and whoever made the
 * second one would see the old text for ever.
 */
function requireOurs(path: string, stat: Stats): void {
  if (!stat.isFile())
    throw new HostError(path, 'NOT_A_FILE', `${path} is not a regular file; ctfix does not replace it`);
  if (!isTrusted(stat.uid)) throw unsafe(path, `the file belongs to the user with id ${stat.uid}, not to root`);
  if (stat.nlink > 1) {
    const why = `${path} has ${stat.nlink} names (hard links); a replacement would part them. Make it a file of its own`;
    throw new HostError(path, 'LINKED', why);
  }
}

/** Node has no call for extended attributes: cp carries owner, mode, ACL, attributes and SELinux label over. */
async function copyAttributes(run: Run, from: string, to: string, old: Stats): Promise<void> {
  const { code, stderr } = await run(['cp', '--attributes-only', '--preserve=all', '-T', '--', from, to]);
  const made = lstatOrNothing(to);
  const same = made?.isFile() && made.uid === old.uid && made.gid === old.gid && made.mode === old.mode;
  if (code === 0 && same) return;
  const said = stderr.trim() === '' ? `cp ended with ${code}` : stderr.trim();
  throw new HostError(from, 'EATTR', `${from} could not be replaced with its owner, mode and attributes kept: ${said}`);
}

function writeTemporary(path: string, file: { text: string; mode: number }, old: Stats | undefined): void {
  const create = old === undefined ? constants.O_CREAT | constants.O_EXCL : 0;
  const fd = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW | create, 0o600);
  try {
    if (old === undefined) {
      if (process.geteuid?.() === 0) fchownSync(fd, 0, 0);
      // fchmod and not the mode of open: that one is cut by the umask.
      fchmodSync(fd, file.mode);
    }
    writeFileSync(fd, file.text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** A new file has the label of its directory; restorecon gives it the one that the policy wants for its name. */
async function labelNew(run: Run, path: string): Promise<void> {
  if (!existsSync('/sys/fs/selinux/enforce')) return;
  const { code, stderr } = await run(['restorecon', '--', path]);
  if (code !== 0 && code !== 127) {
    throw new HostError(path, 'ELABEL', `${path} could not be given its SELinux label: ${stderr.trim()}`);
  }
}

function makeDirs(dir: string): void {
  const missing: string[] = [];
  for (let at = dir; lstatOrNothing(at) === undefined; at = posix.dirname(at)) missing.unshift(at);
  for (const path of missing) {
    mkdirSync(path);
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    fchmodSync(fd, 0o755);
    closeSync(fd);
    syncDir(posix.dirname(path));
  }
}

function syncDir(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function lstatOrNothing(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
