/** node:fs that tells of every call that changes the records of a change: for `vi.mock`. */
import type { Disk } from './crashes.ts';

export function toldOf(fs: typeof import('node:fs'), disk: Disk) {
  const told =
    <A extends unknown[], R>(name: string, call: (...args: A) => R) =>
    (...args: A): R => {
      const result = call(...args);
      disk.at(name);
      return result;
    };
  const { fsyncSync, renameSync, symlinkSync, unlinkSync, mkdirSync, ftruncateSync } = fs;
  return {
    ...fs,
    fsyncSync: told('fsync', fsyncSync),
    renameSync: told('rename', renameSync),
    symlinkSync: told('symlink', symlinkSync),
    unlinkSync: told('unlink', unlinkSync),
    mkdirSync: told('mkdir', mkdirSync),
    ftruncateSync: told('ftruncate', ftruncateSync),
  };
}
