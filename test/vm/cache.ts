// Content-addressed folders under the user's cache: built once, by one process, and visible only when complete.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, unlink, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const HOUR = 3_600_000;

/** Where images and snapshots live. */
function cacheRoot(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'ctfix-vm');
}

/** A short digest of everything that goes into something. */
export function digest(...parts: (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex').slice(0, 16);
}

/** The folder `name`, built by `build` if it does not exist yet. Concurrent callers wait for the first. */
export async function cached(name: string, build: (dir: string) => Promise<void>): Promise<string> {
  const final = join(cacheRoot(), name);
  await mkdir(cacheRoot(), { recursive: true });
  if (!existsSync(final)) {
    const release = await lock(`${final}.lock`);
    try {
      if (!existsSync(final)) await buildAside(final, build);
    } finally {
      await release();
    }
  }
  await utimes(final, new Date(), new Date());
  return final;
}

async function buildAside(final: string, build: (dir: string) => Promise<void>): Promise<void> {
  const aside = `${final}.building`;
  await rm(aside, { recursive: true, force: true });
  await mkdir(aside);
  await build(aside);
  await rename(aside, final);
}

/** Removes folders of one kind that nobody used for a while, the newest `keep` excepted. */
export async function prune(prefix: string, keep: number, unusedFor = 2 * HOUR): Promise<void> {
  const names = (await readdir(cacheRoot())).filter((name) => name.startsWith(prefix) && !name.includes('.'));
  const aged = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(cacheRoot(), name))).mtimeMs })),
  );
  aged.sort((a, b) => b.at - a.at);
  for (const { name, at } of aged.slice(keep)) {
    if (Date.now() - at > unusedFor) await rm(join(cacheRoot(), name), { recursive: true, force: true });
  }
}

/** A lock file that names its owner; a dead owner's lock is taken over. */
async function lock(path: string): Promise<() => Promise<void>> {
  for (;;) {
    try {
      const file = await open(path, 'wx');
      await file.writeFile(`${process.pid} ${await startTime(process.pid)}`);
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (await abandoned(path)) await unlink(path).catch(() => {});
    else await sleep(500);
  }
}

async function abandoned(path: string): Promise<boolean> {
  const [pid, started] = (await readFile(path, 'utf8').catch(() => '')).split(' ');
  if (!pid) return Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now()) > 10_000;
  return (await startTime(Number(pid))) !== started;
}

/** Field 22 of /proc/PID/stat (proc(5)): tells a process from a later one with the same number. */
async function startTime(pid: number): Promise<string | undefined> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return line.slice(line.lastIndexOf(')') + 2).split(' ')[19];
}
