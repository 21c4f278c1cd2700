/**
 * What a kernel does, by version: defaults of the table, rounding, and which paths are safe. Distributions backport, so
 * a version only explains or warns; what can be seen on the running kernel goes before it. Pure.
 */
import type { MachineFacts } from './model.ts';

type Version = readonly [major: number, minor: number, patch: number];

/** Upstream's part of a release: `6.1.0-56-cloud-amd64` → 6.1.0; what is missing or strange counts as 0. */
function releaseOf(kernel: string): Version {
  const [, major, minor, patch] = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(kernel) ?? [];
  return [Number(major ?? 0), Number(minor ?? 0), Number(patch ?? 0)];
}

/** The upstream release: Debian says it in /proc/version only (`Debian 6.1.192-2`), uname -r has the ABI number. */
function upstreamOf(machine: Pick<MachineFacts, 'kernel' | 'version'>): Version {
  const debian = / Debian (\d+\.\d+\.\d+)[-+~]/.exec(machine.version ?? '')?.[1];
  return releaseOf(debian ?? machine.kernel);
}

function atLeast(version: Version, major: number, minor: number, patch = 0): boolean {
  const [a, b, c] = version;
  if (a !== major) return a > major;
  return b === minor ? c >= patch : b > minor;
}

/** Vendors that carry newer networking code under an older number. */
const vendor = (kernel: string) => /\.(el\d|amzn\d)/.test(kernel);

/**
 * Whether a live resize is safe under traffic: lookups are protected against it from 4.7 on (commit 5e3c61f98175,
 * seqcount); EL7's 3.10 has that as a backport.
 */
export function resizeIsSafe(kernel: string): boolean {
  return atLeast(releaseOf(kernel), 4, 7) || /^3\.10\.0-.*\.el7/.test(kernel);
}

/** Whether net.netfilter.nf_conntrack_buckets can be written: from 4.8 on (commit 3183ab8997a4). */
export function bucketsKeyIsWritable(kernel: string): boolean {
  return atLeast(releaseOf(kernel), 4, 8);
}

/** Whether the module's `add` event comes after its keys exist; before 5.11 it can come too early. */
export function eventComesAfterKeys(kernel: string): boolean {
  return atLeast(releaseOf(kernel), 5, 11);
}

/**
 * Whether a packet that loses a race for a new flow is counted in `drop`, too: from 4.7 on, when races began to be resolved
 * (nf_ct_resolve_clash, commit 71d8c47fc653).
 */
export function clashesAreDrops(kernel: string): boolean {
  return atLeast(releaseOf(kernel), 4, 7);
}

/** Whether nf_conntrack_max = 0 means "no limit"; 6.19 rejects it (commit 2b749f257645). */
export function zeroMeansNoLimit(kernel: string): boolean {
  return !atLeast(releaseOf(kernel), 6, 19);
}

/** Whether every flow carries an extension block: nf_conntrack_events=1 was the default before 5.19. */
export function alwaysExtends(kernel: string): boolean {
  return !atLeast(releaseOf(kernel), 5, 19);
}

/** Bytes for a flow where the slab cannot be read: 320 with a timer in each entry, 256 from 4.9 on. */
export function flowObject(kernel: string): number {
  return atLeast(releaseOf(kernel), 4, 9) ? 256 : 320;
}

/**
 * Whether inserts are refused when a chain is longer than a random limit of 8 to 31 (commits d7e7747ac5c2 and
 * c9c3b6811f74 in 5.15; 50 to 79 since 6.3, 5.15.215 and 6.1.192). Not known to be fixed counts as not fixed.
 * @param counters columns of /proc/net/stat/nf_conntrack: `chainlength` shows that an older vendor kernel has the limit
 */
export function chainLimitIsShort(
  machine: Pick<MachineFacts, 'kernel' | 'version'>,
  counters: Readonly<Record<string, number>> | undefined,
): boolean {
  const version = upstreamOf(machine);
  if (atLeast(version, 6, 3)) return false;
  if (!atLeast(version, 5, 15)) return counters !== undefined && 'chainlength' in counters;
  const [major, minor, patch] = version;
  if (major === 5 && minor === 15) return patch < 215;
  return !(major === 6 && minor === 1 && patch >= 192);
}

/** Whether inserts are refused in long chains at all: from 5.15 on, and where a counter shows it; see chainLimitIsShort. */
export function chainsAreLimited(
  machine: Pick<MachineFacts, 'kernel' | 'version'>,
  counters: Readonly<Record<string, number>> | undefined,
): boolean {
  return atLeast(upstreamOf(machine), 5, 15) || (counters !== undefined && 'chainlength' in counters);
}

/**
 * Entries in an average chain: every flow is in the hash twice, once for each direction.
 * Source: nf_conntrack_hash_check_insert; Documentation/networking/nf_conntrack-sysctl.rst
 */
export function averageChain(flows: number, buckets: number): number {
  return (2 * flows) / buckets;
}

/** The share of max from which the kernel's own worker calls a table nearly full (gc_worker since 4.14). */
const NEARLY = 0.95;

/** Whether a table is as good as full; one without a limit never is. */
export function isNearlyFull(count: number, max: number): boolean {
  return max > 0 && count >= NEARLY * max;
}

/** Buckets as the kernel takes them: whole pages of pointers (nf_ct_alloc_hashtable), 512 at 4 KiB and 64 bit. */
export function roundBuckets(buckets: number, machine: Pick<MachineFacts, 'pageSize' | 'bits'>): number {
  const step = bucketStep(machine);
  return Math.ceil(buckets / step) * step;
}

/** How many buckets make a page. */
export function bucketStep({ pageSize, bits }: Pick<MachineFacts, 'pageSize' | 'bits'>): number {
  return pageSize / (bits / 8);
}

export type Defaults = { readonly buckets: number; readonly factor: 1 | 4; readonly how: string };

const GIB = 2 ** 20;

/**
 * What a load without hashsize= gives (nf_conntrack_init_start; commit d532bcd0b269 in 5.15 made it larger); max is
 * buckets × factor. A vendor's kernel under an older number may do either.
 * @param memKiB MemTotal; kernels take what they manage themselves, which is the same but for the boot's own pages
 * @returns what this kernel does, most likely first; [] when the memory is unknown
 */
export function loadDefaults(machine: MachineFacts, memKiB = machine.memTotalKiB): Defaults[] {
  if (memKiB <= 0) return [];
  const newer = defaults(machine, memKiB, { middle: 65536, large: 262144, floor: 1024, factor: 1 });
  const older = defaults(machine, memKiB, { middle: 16384, large: 65536, floor: 32, factor: 4 });
  if (atLeast(releaseOf(machine.kernel), 5, 15)) return [newer];
  return vendor(machine.kernel) ? [older, newer] : [older];
}

type Steps = { readonly middle: number; readonly large: number; readonly floor: number; readonly factor: 1 | 4 };

function defaults(machine: MachineFacts, memKiB: number, steps: Steps): Defaults {
  const pointer = machine.bits / 8;
  const small = Math.max(steps.floor, Math.floor((memKiB * 1024) / 16384 / pointer));
  const large = memKiB > 4 * GIB && machine.bits === 64;
  const buckets = roundBuckets(large ? steps.large : memKiB > GIB ? steps.middle : small, machine);
  const size = large ? 'more than 4 GiB' : memKiB > GIB ? 'more than 1 GiB' : 'up to 1 GiB';
  return { buckets, factor: steps.factor, how: `the kernel's own choice with ${size} of memory` };
}
