/** Reads files, directories and links of a real file system: never blocks, never takes binary for text. */

import { isUtf8 } from 'node:buffer';
import type { Stats } from 'node:fs';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  statSync,
} from 'node:fs';
import { HostError } from '../errors.ts';
import type { FileStat } from './host.ts';
import { errnoOf, hostError } from './sentence.ts';

const MIB = 1024 * 1024;
const FILE_LIMIT = MIB;
const KMSG_LIMIT = 16 * MIB;
/** More than the longest record that /dev/kmsg gives (8 KiB, PRINTK_MESSAGE_MAX in kernel/printk/internal.h). */
const KMSG_RECORD = 16 * 1024;
/** mem(4) devices have major 1; minor 11 is kmsg (Documentation/admin-guide/devices.txt). */
const KMSG_DEVICE = (1 << 8) | 11;

/** Every read goes through it: hundreds of small files are read, and a buffer for each would be megabytes. */
const CHUNK = Buffer.allocUnsafe(64 * 1024);

const KERNEL_TREE = /^\/(?:proc|sys)\//;
/** Here the kernel keeps one value or a short table in each file, and nothing that blocks. */
const KERNEL_VALUE = /^\/(?:proc\/(?:sys|net\/stat)|sys\/module)\//;

/** What "there is no such file" looks like; ESRCH is /proc/PID of a process that is gone. */
const ABSENT = ['ENOENT', 'ENOTDIR', 'ESRCH'];

/** Gives `absent` where there is no such file, and a HostError for everything else. */
function orAbsent<T>(path: string, absent: T, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (ABSENT.includes(errnoOf(error) ?? '')) return absent;
    throw hostError(path, 'be read', error);
  }
}

/**
 * The text of a regular file, byte order mark and all; see ReadHost.readFile.
 * @param path named in errors
 * @param real where the file really is, when that is another path (--root)
 */
export function readText(path: string, real: string = path): string | undefined {
  return orAbsent(path, undefined, () => {
    const value = KERNEL_VALUE.test(real) ? readValue(real) : undefined;
    if (value !== undefined) return value;
    // Looked at before it is opened: opening a device can already do something. The kernel's own trees have none.
    const kmsg = path === '/dev/kmsg';
    if (!KERNEL_TREE.test(real)) requireReadable(path, statSync(real), kmsg);
    const fd = openSync(real, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    try {
      requireReadable(path, fstatSync(fd), kmsg);
      return asText(path, kmsg ? readRecords(path, fd) : readAll(path, fd));
    } finally {
      closeSync(fd);
    }
  });
}

/**
 * The text in one call of Node's, which takes half the time: a watch reads the same three files again and again.
 * @returns undefined where the careful way has to say what is wrong
 */
function readValue(real: string): string | undefined {
  try {
    const text = readFileSync(real, 'utf8');
    return text.length > FILE_LIMIT || text.includes('\0') || text.includes('\ufffd') ? undefined : text;
  } catch (error) {
    if (ABSENT.includes(errnoOf(error) ?? '')) throw error;
    return undefined;
  }
}

function requireReadable(path: string, stat: Stats, kmsg: boolean): void {
  if (kmsg && stat.isCharacterDevice() && stat.rdev === KMSG_DEVICE) return;
  if (stat.isFile()) return;
  throw new HostError(path, 'NOT_A_FILE', `${path} is ${nameOf(stat)}, not a regular file`);
}

function nameOf(stat: Stats): string {
  if (stat.isDirectory()) return 'a directory';
  if (stat.isFIFO()) return 'a fifo';
  return stat.isSocket() ? 'a socket' : 'a device';
}

/** Read until the end and not by st_size: files of /proc and /sys say 0 or one page. */
function readAll(path: string, fd: number): Buffer {
  const chunks: Buffer[] = [];
  let total = 0;
  for (;;) {
    const length = readSync(fd, CHUNK, 0, CHUNK.length, null);
    if (length === 0) return Buffer.concat(chunks, total);
    total += length;
    if (total > FILE_LIMIT) throw tooLarge(path, FILE_LIMIT);
    chunks.push(Buffer.from(CHUNK.subarray(0, length)));
  }
}

/**
 * Every record that is in the kernel's ring buffer now. One read(2) gives one record; EAGAIN is the end and EPIPE says
 * that records were overwritten meanwhile (Documentation/ABI/testing/dev-kmsg).
 */
function readRecords(path: string, fd: number): Buffer {
  const records: Buffer[] = [];
  const record = Buffer.allocUnsafe(KMSG_RECORD);
  for (let total = 0; total <= KMSG_LIMIT; ) {
    try {
      const length = readSync(fd, record, 0, record.length, null);
      if (length === 0) return Buffer.concat(records);
      records.push(Buffer.from(record.subarray(0, length)));
      total += length;
    } catch (error) {
      if (errnoOf(error) === 'EAGAIN') return Buffer.concat(records);
      if (errnoOf(error) !== 'EPIPE') throw error;
    }
  }
  throw tooLarge(path, KMSG_LIMIT);
}

function tooLarge(path: string, limit: number): HostError {
  return new HostError(path, 'TOO_LARGE', `${path} is larger than ${limit / MIB} MiB; ctfix does not read it`);
}

function asText(path: string, bytes: Buffer): string {
  if (bytes.includes(0)) throw new HostError(path, 'NOT_TEXT', `${path} is not text: it has NUL bytes`);
  if (!isUtf8(bytes)) throw new HostError(path, 'NOT_TEXT', `${path} is not text: it is not UTF-8`);
  return bytes.toString('utf8');
}

/** Names in a directory, sorted by code unit; see ReadHost.readDir. */
export function readNames(path: string, real: string = path): readonly string[] {
  return orAbsent<readonly string[]>(path, [], () => readdirSync(real).sort());
}

/** Where a link points; see ReadHost.readLink. */
export function readTarget(path: string, real: string = path): string | undefined {
  return orAbsent(path, undefined, () => {
    try {
      return readlinkSync(real);
    } catch (error) {
      // EINVAL: it is there and is no link, readlink(2).
      if (errnoOf(error) === 'EINVAL') return undefined;
      throw error;
    }
  });
}

/** lstat(2); see ReadHost.stat. */
export function readStat(path: string, real: string = path): FileStat | undefined {
  return orAbsent(path, undefined, () => {
    const stat = lstatSync(real);
    return {
      kind: stat.isFile() ? 'file' : stat.isDirectory() ? 'dir' : stat.isSymbolicLink() ? 'link' : 'other',
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      inode: stat.ino,
      links: stat.nlink,
      size: stat.size,
    };
  });
}
