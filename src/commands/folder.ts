/** Writes a recorded host to a directory of its own. */
import { lstatSync, mkdirSync, readdirSync, type Stats, writeFileSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import { CtfixError } from '../errors.ts';
import { safeDirectory } from '../host/document.ts';

/**
 * Nothing that exists is written over, and nobody else may own the directory or one above it, who could put another in
 * its place meanwhile: root may be the one who writes.
 * @param dir must not exist, or be an empty directory of ours
 * @param files texts by path relative to `dir`
 * @throws CtfixError usage: the directory is not free; failed: it cannot be written; HostError UNSAFE
 */
export function writeFolder(dir: string, files: Readonly<Record<string, string>>): void {
  const top = resolve(dir);
  try {
    safeDirectory(dirname(top));
    takeFolder(top);
    safeDirectory(top);
    for (const [name, text] of Object.entries(files)) {
      const path = resolve(top, name);
      if (!path.startsWith(top + sep)) throw new Error(`${name} is outside the recording`);
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
    }
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    throw new CtfixError('failed', `the recording could not be written: ${error.message}`, { cause: error });
  }
}

function takeFolder(top: string): void {
  const there: Stats | undefined = lstatSync(top, { throwIfNoEntry: false });
  if (there === undefined) return void mkdirSync(top, { mode: 0o700 });
  if (there.isDirectory() && there.uid === process.geteuid?.() && readdirSync(top).length === 0) return;
  throw new CtfixError('usage', `--record: ${top} is there already and is no empty directory of yours`, {
    hint: 'name a new directory',
  });
}
