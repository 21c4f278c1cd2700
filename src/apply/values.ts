/** Live values of the connection table: read, compared as the kernel rounds them, written and read back. */
import { HostError, StepFailed } from '../errors.ts';
import type { Host, ReadHost } from '../host/host.ts';
import type { Targets } from '../model.ts';
import { BUCKETS_KEY, HASHSIZE_PATH, keyOf, MAX_KEY, pathOf } from '../own.ts';
import { isBuckets, isValue } from '../same-value.ts';

const DIRECTORY = '/proc/sys/net/netfilter';
export const MAX_PATH = pathOf(MAX_KEY);
export const BUCKETS_PATH = pathOf(BUCKETS_KEY);
const COUNT_PATH = `${DIRECTORY}/nf_conntrack_count`;

/** The value at a path below /proc/sys or /sys, outer white space cut off; undefined when there is no such key. */
export async function readValue(host: ReadHost, path: string): Promise<string | undefined> {
  return (await host.readFile(path))?.trim();
}

/** Flows in the table now; 0 where there is no table. */
export async function readCount(host: ReadHost): Promise<number> {
  return Number((await readValue(host, COUNT_PATH)) ?? 0);
}

/** Seconds since boot; 0 where /proc/uptime cannot be read. */
export async function uptimeOf(host: ReadHost): Promise<number> {
  return Number.parseFloat((await readValue(host, '/proc/uptime')) ?? '0');
}

/** The id of this boot; undefined where /proc cannot tell. */
export async function bootIdOf(host: ReadHost): Promise<string | undefined> {
  return readValue(host, '/proc/sys/kernel/random/boot_id');
}

/** Every live value of the connection table by its path, hashsize too; what cannot be read is left out. */
export async function liveValues(host: ReadHost): Promise<Record<string, string>> {
  const names = (await host.readDir(DIRECTORY)).filter((name) => name.startsWith('nf_conntrack_'));
  const paths = [...names.map((name) => `${DIRECTORY}/${name}`).filter((path) => path !== COUNT_PATH), HASHSIZE_PATH];
  const values: Record<string, string> = {};
  for (const path of paths) {
    try {
      const value = await readValue(host, path);
      if (value !== undefined) values[path] = value;
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
    }
  }
  return values;
}

/** What a change promises, by path; `hashsize` says under which of its two names the buckets are asked for. Pure. */
export function targetValues(targets: Targets, hashsize: boolean): Record<string, string> {
  const values = Object.entries(targets.values).map(([name, value]) => [pathOf(keyOf(name)), value]);
  return {
    ...Object.fromEntries(values),
    [hashsize ? HASHSIZE_PATH : BUCKETS_PATH]: String(targets.buckets),
    [MAX_PATH]: String(targets.max),
  };
}

/** How many flows a max lets in: 0 is no limit, and what an old kernel prints as negative is unsigned. Pure. */
export function limitOf(max: string): number {
  const value = Number(max);
  return value === 0 ? Number.POSITIVE_INFINITY : value < 0 ? value + 2 ** 32 : value;
}

/** A program that reads the buckets at every moment can undo so many writes in a row, and hardly more. */
const TRIES = 5;

/**
 * Writes one value and reads it back; gives what the kernel says now. Buckets are written again when the write was lost:
 * whoever reads them at that moment makes the kernel resize to the size that it has, for reader and writer share
 * nf_conntrack_htable_size_user (nf_conntrack_hash_sysctl in net/netfilter/nf_conntrack_standalone.c).
 * @throws StepFailed when the kernel has another value afterwards, which also happens where the write itself gave no
 *   error (another network namespace)
 * @throws HostError when the kernel refuses the write
 */
export async function setValue(host: Host, path: string, value: string): Promise<string> {
  let saw: string | undefined;
  for (let left = isBuckets(path) ? TRIES : 1; left > 0; left -= 1) {
    await host.writeValue(path, value);
    saw = await readValue(host, path);
    if (saw === undefined) throw new StepFailed(`${path} is gone after ${value} was written: the module was unloaded`);
    if (isValue(path, value, saw)) return saw;
  }
  throw new StepFailed(`${path} was set to ${value}, but the kernel says ${saw}`);
}

/** How long a change may still be confirmed, in seconds; 0 when it is over, or was begun before the last boot. */
export async function secondsLeft(host: ReadHost, { until, bootId }: { until: number; bootId: string }) {
  const now = await bootIdOf(host);
  return now === bootId ? Math.max(0, until - (await uptimeOf(host))) : 0;
}
