/**
 * `--root DIR`: the files of another system, an image or a chroot that is mounted here, with no kernel behind it.
 * Links are followed by ctfix itself and never leave DIR. Node has no openat(2): somebody who can write below DIR while
 * ctfix reads could still swap a directory for a link, so DIR must not belong to an attacker who is at work.
 */
import { resolve } from 'node:path';
import { readNames, readStat, readTarget, readText } from './files.ts';
import type { ReadHost } from './host.ts';
import { hostError } from './sentence.ts';
import { walkPath } from './walk.ts';

/**
 * A read-only host over a directory tree. Programs are not run: each answers 127, as one that is not there.
 * @param dir the tree; taken as given, whether or not it exists
 */
export function sysrootHost(dir: string): ReadHost {
  const root = resolve(dir).replace(/\/+$/, '');
  const inside = (path: string, followLast: boolean): string => {
    try {
      return walkPath(path, { root, followLast });
    } catch (error) {
      throw hostError(path, 'be read', error);
    }
  };
  return {
    kind: 'sysroot',
    root: process.geteuid?.() === 0,
    readFile: async (path) => readText(path, inside(path, true)),
    readDir: async (path) => readNames(path, inside(path, true)),
    readLink: async (path) => readTarget(path, inside(path, false)),
    stat: async (path) => readStat(path, inside(path, false)),
    run: async ([program]) => ({ code: 127, stdout: '', stderr: `${program} is not run with --root` }),
  };
}
