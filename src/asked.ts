/** What was asked for, checked against itself and against the host: a wrong option is an error, never another number. Pure. */
import { CtfixError } from './errors.ts';
import type { Facts, PlanOptions } from './model.ts';
import { TIMEOUT_KEYS } from './options.ts';

/** nf_conntrack_max is an int in the kernel. */
export const MAX_LIMIT = 2 ** 31 - 1;
/** More buckets make kernels before the fix of CVE-2025-21648 warn, and panic where panic_on_warn is set. */
export const BUCKETS_LIMIT = 2 ** 27;
/** Timeouts are jiffies in an int (proc_dointvec_jiffies); at HZ = 1000 this is the last whole second. */
const SECONDS_LIMIT = Math.floor(MAX_LIMIT / 1000);

/** @throws CtfixError usage: a number out of range or no number at all; timeouts: see askedTimeouts */
export function checkAsked(options: PlanOptions): void {
  whole('--max', options.max, MAX_LIMIT);
  whole('--hashsize', options.hashsize, BUCKETS_LIMIT);
  whole('--peak', options.peak, MAX_LIMIT);
  number('--ratio', options.ratio, (ratio) => ratio > 0, 'a number above 0');
  number('--headroom', options.headroom, (headroom) => headroom >= 1, 'a number of at least 1');
  const { memoryLimit } = options;
  if (memoryLimit === undefined) return;
  if ('share' in memoryLimit)
    number('--memory-limit', memoryLimit.share, (x) => x > 0 && x <= 1, 'a share up to 100 %');
  else whole('--memory-limit', memoryLimit.bytes, Number.MAX_SAFE_INTEGER);
}

function whole(flag: string, value: number | undefined, most: number): void {
  number(flag, value, (x) => Number.isInteger(x) && x >= 1 && x <= most, `a whole number from 1 to ${most}`);
}

function number(flag: string, value: number | undefined, fits: (value: number) => boolean, allowed: string): void {
  if (value === undefined || (Number.isFinite(value) && fits(value))) return;
  throw new CtfixError('usage', `${flag} ${value} is not possible; allowed is ${allowed}`);
}

/**
 * Timeouts as values below net.netfilter.nf_conntrack_: with the module loaded only keys that this kernel has.
 * @param facts its table says which keys there are; without any, the names that some kernel knows are taken
 * @throws CtfixError usage: seconds that the kernel does not take, or a name that is not there, with the near ones
 */
export function askedTimeouts(options: PlanOptions, { table }: Facts): Readonly<Record<string, string>> {
  const live = Object.keys(table.values).filter((key) => /_timeout(_|$)/.test(key));
  const there = live.length > 0 ? live : TIMEOUT_KEYS;
  const entries = Object.entries(options.timeouts ?? {}).map(([name, seconds]): [string, string] => {
    whole(`--timeout ${name}`, seconds, SECONDS_LIMIT);
    const key = there.find((each) => bare(each) === bare(name));
    if (key === undefined) throw unknownName(name, there, live.length > 0);
    return [key, String(seconds)];
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** One name for `tcp_established`, `tcp_timeout_established` and the whole key. */
function bare(name: string): string {
  return name
    .replaceAll('/', '.')
    .replace(/^(net\.netfilter\.)?(nf_conntrack_)?/, '')
    .replaceAll('_timeout', '');
}

function unknownName(name: string, there: readonly string[], loaded: boolean): CtfixError {
  const near = there.map(bare).filter((each) => isNear(each, bare(name)));
  const where = loaded ? 'this kernel has no such timeout' : 'no kernel has such a timeout';
  return new CtfixError('usage', `--timeout ${name}: ${where}`, {
    hint: `Near it are: ${(near.length > 0 ? near : there.map(bare)).sort().join(', ')}.`,
  });
}

/** Names of the same protocol, those that hold the word, and those that are a slip of the key away. */
function isNear(one: string, other: string): boolean {
  const [first = ''] = other.split('_');
  return one.startsWith(first) || (other !== '' && one.includes(other)) || distance(one, other) <= 2;
}

/** Levenshtein's distance. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (const [i, a] of [...one].entries()) {
    const next = [i + 1];
    for (const [j, b] of [...other].entries()) {
      next.push(Math.min((row[j] ?? 0) + (a === b ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
