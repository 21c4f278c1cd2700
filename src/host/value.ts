/** Writes one value of the kernel in place, below /proc/sys or /sys, and says what each refusal of the kernel means. */

import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { posix } from 'node:path';
import { HostError } from '../errors.ts';
import { errnoOf, hostError } from './sentence.ts';

/**
 * What the kernel means by an errno here. Sources: nf_conntrack_set_hashsize and nf_conntrack_hash_sysctl in
 * net/netfilter/nf_conntrack_core.c and nf_conntrack_standalone.c, kstrtouint (lib/kstrtox.c), proc(5).
 */
const MEANING: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such key; nf_conntrack may not be loaded',
  EINVAL: 'the kernel does not take this value (a number out of range, or this is not the initial network namespace)',
  ERANGE: 'the number is larger than the kernel can hold',
  EACCES: 'it is read-only here: on this kernel, in this network namespace, or without root',
  EPERM: 'not permitted: this needs root in the initial network and user namespace',
  EROFS: '/proc/sys or /sys is mounted read-only, as in a container; set it on the host itself',
  ENOMEM: 'the kernel has no memory for a table of this size; the table is as it was',
  EOPNOTSUPP: 'the hash can only be resized from the initial network namespace; set it on the host itself',
  ENOTSUP: 'the hash can only be resized from the initial network namespace; set it on the host itself',
  EIO: 'the kernel refused it; this may not be the initial network namespace',
};

/**
 * Writes `value` and a line end with one write(2), as sysctl(8) does. The caller reads back.
 * @throws HostError with the errno; NOT_A_VALUE for a path outside /proc/sys and /sys, or text that is no value
 */
export function writeKernelValue(path: string, value: string): void {
  const real = posix.normalize(path);
  if (!real.startsWith('/proc/sys/') && !real.startsWith('/sys/')) {
    throw new HostError(path, 'NOT_A_VALUE', `${path} is not below /proc/sys or /sys`);
  }
  if (!/^[\x20-\x7e\t]+$/.test(value)) throw new HostError(path, 'NOT_A_VALUE', `${path} cannot hold such a value`);
  try {
    const fd = openSync(real, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      writeOnce(path, fd, `${value}\n`);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const meaning = MEANING[errnoOf(error) ?? ''];
    if (meaning === undefined || error instanceof HostError) throw hostError(path, `be set to ${value}`, error);
    throw new HostError(path, errnoOf(error) ?? '', `${path} could not be set to ${value}: ${meaning}`, error);
  }
}

/** The kernel takes a value from one write(2) or not at all; a second one would be a second value. */
function writeOnce(path: string, fd: number, text: string): void {
  if (writeSync(fd, text) !== Buffer.byteLength(text)) {
    throw new HostError(path, 'EIO', `${path} took only a part of the value`);
  }
}
