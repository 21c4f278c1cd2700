/** Turns an errno of node:fs into a HostError that says what happened, to what, and what to do about it. Pure. */
import { HostError } from '../errors.ts';

/** The errno name of an error of node:fs, or undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

/** errno(3), said for files and directories; values of the kernel have their own table in value.ts. */
const MEANING: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted: it needs root, or the file is immutable (lsattr shows an i)',
  EROFS: 'the file system is mounted read-only',
  ENOSPC: 'no space is left on the file system',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be larger than a limit of this process allows',
  EIO: 'the device gives an input/output error',
  ELOOP: 'too many symbolic links lie on the way',
  ENAMETOOLONG: 'the name is too long',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is not a directory',
  ENOTEMPTY: 'the directory is not empty',
  ENXIO: 'it is a socket or a device without a driver',
  EMFILE: 'too many files are open in this process',
  ENFILE: 'too many files are open on this machine',
  ETXTBSY: 'it is a program that runs',
};

/** What an errno of a file or directory means, in words; undefined for one that says nothing to a person. */
export function meaningOf(code: string | undefined): string | undefined {
  return code === undefined ? undefined : MEANING[code];
}

/**
 * A HostError for an error of node:fs; any other error comes back as it is.
 * @param path the path that was asked for
 * @param doing what was tried, to follow "could not": `be read`
 */
export function hostError(path: string, doing: string, error: unknown): unknown {
  const code = errnoOf(error);
  if (error instanceof HostError || code === undefined) return error;
  return new HostError(path, code, `${path} could not ${doing}: ${meaningOf(code) ?? code}`, error);
}
