/** Sysctl lines that speak of conntrack and name no key of the kernel: misspelt, of another kernel, in the wrong place. Pure. */
import type { StrayKey } from '../model.ts';
import type { SysctlFile } from './sysctl-files.ts';
import { sysctlKey } from './sysctl-files.ts';

const PLACE = 'net/netfilter/';
const ALIAS = 'net/nf_conntrack_max';

/** A line that may be stray, and the path below /proc/sys that would have to exist. */
export type Suspect = { readonly path: string; readonly stray: StrayKey };

/**
 * The lines that name no key among `names`, with the key that was meant where one is near.
 * @param files in reading order
 * @param names of /proc/sys/net/netfilter/nf_conntrack_*, without that prefix: those of this kernel
 * @param known those of any kernel
 * Left alone: globs, keys of IPVS (net.ipv4.vs.conntrack), and what resembles no key of ours, be it in net/netfilter.
 */
export function strayKeys(
  files: readonly SysctlFile[],
  names: readonly string[],
  known: readonly string[],
): readonly Suspect[] {
  return files.flatMap(({ file, entries }) =>
    entries.flatMap((entry): readonly Suspect[] => {
      if (entry.kind !== 'assign' || /[*?[]/.test(entry.path)) return [];
      if (!/conntrack/.test(entry.path) && !entry.path.startsWith('net/')) return [];
      const judged = judge(entry.path, names, known);
      if (judged === undefined) return [];
      const { line, path, value } = entry;
      return [{ path, stray: { file, line, key: path.replaceAll('/', '.'), value, ...judged } }];
    }),
  );
}

function judge(
  path: string,
  names: readonly string[],
  known: readonly string[],
): Pick<StrayKey, 'meant' | 'once'> | undefined {
  const base = path.slice(path.lastIndexOf('/') + 1);
  const name = /^nf_conntrack_(.+)$/.exec(base)?.[1];
  const inPlace = path === `${PLACE}${base}`;
  if (path === ALIAS || path.startsWith('net/ipv4/vs/')) return undefined;
  if (inPlace && name !== undefined && names.includes(name)) return undefined;
  if (inPlace && name !== undefined && known.includes(name)) return { once: 'this kernel has no such key' };
  const meant = meantBy(base, [...new Set([...names, ...known])]);
  if (meant === undefined) return inPlace && /conntrack/.test(base) ? {} : undefined;
  const key = sysctlKey(`${PLACE}nf_conntrack_${meant}`);
  return /^ip_conntrack/.test(base)
    ? { meant: key, once: 'an old name that this kernel does not have' }
    : { meant: key };
}

/** What the module's parameter, its documentation and other systems call the sizes. */
const SAID_FOR: Readonly<Record<string, string>> = {
  hashsize: 'buckets',
  hash_size: 'buckets',
  maximum: 'max',
  max_connections: 'max',
  max_entries: 'max',
  limit: 'max',
};

function meantBy(base: string, names: readonly string[]): string | undefined {
  const word = base.toLowerCase().replaceAll('-', '_');
  const wanted = /^(?:(?:nf|ip)_)?conntrack_?(.*)$/.exec(word)?.[1];
  if (wanted === undefined) return nearest(word, names, (name) => `nf_conntrack_${name}`);
  return SAID_FOR[wanted] ?? nearest(wanted, names, (name) => name);
}

/** How many letters may differ: two in a long name, and never so many that another key is as near. */
const FAR = 2;

/** @param spelt a name as it would stand in the place of `wanted` */
function nearest(wanted: string, names: readonly string[], spelt: (name: string) => string): string | undefined {
  const near = names
    .map((name) => ({ name, whole: spelt(name) }))
    .filter(({ whole }) => Math.abs(whole.length - wanted.length) <= FAR)
    .map(({ name, whole }) => ({ name, whole, distance: distance(wanted, whole) }))
    .filter((each) => each.distance <= Math.min(FAR, Math.floor(each.whole.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  const [first, second] = near;
  return first !== undefined && first.distance < (second?.distance ?? Number.POSITIVE_INFINITY)
    ? first.name
    : undefined;
}

/** Letters to put in, take out or change (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
