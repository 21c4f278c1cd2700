/**
 * Words of the command line as values: strict, so that a mistyped number never becomes another number. Pure.
 */
import { CtfixError } from './errors.ts';
import type { PlanOptions, Strategy } from './model.ts';
import { grouped } from './render/numbers.ts';

/** nf_conntrack_max is a signed 32-bit sysctl (`proc_dointvec`); 0 means "no limit" and has to be asked for in words. */
const MAX_LIMIT = 2 ** 31 - 1;
/** Kernels before the fix of CVE-2025-21648 warn, and may panic, on larger bucket arrays. */
const HASHSIZE_LIMIT = 2 ** 27;
/** Timeouts are held in jiffies as an int; with HZ = 1000 this many seconds is the last that fits. */
const SECONDS_LIMIT = Math.floor((2 ** 31 - 1) / 1000);

export const STRATEGIES: readonly ('auto' | Strategy)[] = ['auto', 'live', 'reload', 'unload', 'persist'];

/** The flags that plan, apply and verify share, as the parsers below leave them. */
export type PlanFlags = Omit<PlanOptions, 'timeouts' | 'guard' | 'carry'> & {
  readonly timeout?: Readonly<Record<string, number>>;
  /** commander gives `true` where `--no-guard`, `--no-carry` was not given */
  readonly guard?: boolean;
  readonly carry?: boolean;
};

/**
 * A parser for whole numbers.
 * @param flag named in the message, e.g. `--max`
 * @param range smallest and largest value that is allowed
 * @throws CtfixError usage: anything but plain digits (no sign, exponent, separator or leading zero), or out of range
 */
function wholeNumber(flag: string, range: { readonly min: number; readonly max: number }) {
  return (text: string): number => {
    const allowed = `allowed is a whole number from ${grouped(range.min)} to ${grouped(range.max)}, in plain digits`;
    if (!/^(0|[1-9][0-9]*)$/.test(text)) throw usage(flag, text, `is not a whole number; ${allowed}`);
    const value = Number(text);
    if (value < range.min || value > range.max) throw usage(flag, text, `is out of range; ${allowed}`);
    return value;
  };
}

export const parseMax = wholeNumber('--max', { min: 1, max: MAX_LIMIT });
export const parseHashsize = wholeNumber('--hashsize', { min: 1, max: HASHSIZE_LIMIT });
export const parsePeak = wholeNumber('--peak', { min: 1, max: MAX_LIMIT });
export const parseRatio = wholeNumber('--ratio', { min: 1, max: 1024 });

/** Seconds between two looks of `status --watch` where none are given. */
export const WATCH_SECONDS = 2;

/**
 * Seconds between two looks at the table.
 * @throws CtfixError usage: anything but a decimal number from 0.1 to 86400
 */
export function parseInterval(text: string): number {
  const value = decimal(text);
  if (value !== undefined && value >= 0.1 && value <= 86_400) return value;
  throw usage('--watch', text, 'is no number of seconds; allowed is a number from 0.1 to 86400, such as 2 or 0.5');
}

/**
 * The factor between the largest count that was seen and the size that is planned.
 * @throws CtfixError usage: anything but a decimal number from 1 to 100 (`2`, `1.5`)
 */
export function parseHeadroom(text: string): number {
  const value = decimal(text);
  if (value !== undefined && value >= 1 && value <= 100) return value;
  throw usage('--headroom', text, 'is not a factor; allowed is a number from 1 to 100, such as 2 or 1.5');
}

const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/**
 * A share of the memory (`5%`, `2.5%`) or an amount (`512M`, `1GiB`: powers of 1024).
 * @throws CtfixError usage: no unit, an unknown unit, 0, more than 100 % or more than 2^53 bytes
 */
export function parseMemoryLimit(text: string): { readonly share: number } | { readonly bytes: number } {
  const allowed = 'allowed is a share such as 5% or an amount such as 512M or 1GiB (K, M, G, T: powers of 1024)';
  const share = /^(.+)%$/.exec(text)?.[1];
  if (share !== undefined) {
    const percent = decimal(share);
    if (percent !== undefined && percent > 0 && percent <= 100) return { share: percent / 100 };
    throw usage('--memory-limit', text, `is no share of the memory; ${allowed}`);
  }
  const [, digits, unit] = /^([1-9][0-9]*)([KMGT])(?:iB)?$/.exec(text) ?? [];
  const bytes = Number(digits) * (UNITS[unit ?? ''] ?? Number.NaN);
  if (Number.isSafeInteger(bytes)) return { bytes };
  throw usage('--memory-limit', text, `is no amount of memory; ${allowed}`);
}

const tcp = 'syn_sent syn_recv established fin_wait close_wait last_ack time_wait close max_retrans unacknowledged';
const sctp =
  'closed cookie_wait cookie_echoed established shutdown_sent shutdown_recd shutdown_ack_sent heartbeat_sent heartbeat_acked';
const dccp = 'request respond partopen open closereq closing timewait';
const states = (protocol: string, names: string) => names.split(' ').map((name) => `${protocol}_timeout_${name}`);

/** Timeouts in seconds below net.netfilter.nf_conntrack_ (Documentation/networking/nf_conntrack-sysctl.rst). */
export const TIMEOUT_KEYS: readonly string[] = [
  'generic_timeout',
  'icmp_timeout',
  'icmpv6_timeout',
  'udp_timeout',
  'udp_timeout_stream',
  'gre_timeout',
  'gre_timeout_stream',
  'frag6_timeout',
  ...states('tcp', tcp),
  ...states('sctp', sctp),
  ...states('dccp', dccp),
];

/** `tcp_established`, `tcp_timeout_established` and the full sysctl key are one name: without prefix and `timeout`. */
const shortName = (key: string) => key.replaceAll('_timeout', '');
const keyByShortName = new Map(TIMEOUT_KEYS.map((key) => [shortName(key), key]));

/**
 * Adds one `NAME=SECONDS` to those that were given before.
 * @param flag the one that was used, for the message
 * @returns seconds by the key below net.netfilter.nf_conntrack_, e.g. `tcp_timeout_established`
 * @throws CtfixError usage: no `=`, an unknown name, seconds that are no whole number, one name with two values
 */
export function addTimeout(
  text: string,
  before: Readonly<Record<string, number>> = {},
  flag = '--timeout',
): Record<string, number> {
  const [, name, seconds] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || seconds === undefined) {
    throw usage(flag, text, 'is not NAME=SECONDS; an example is tcp_established=86400');
  }
  const bare = name.replaceAll('/', '.').replace(/^(net\.netfilter\.)?(nf_conntrack_)?/, '');
  const key = keyByShortName.get(shortName(bare));
  if (key === undefined) {
    throw usage(
      flag,
      text,
      `names no timeout of the connection table; known are ${[...keyByShortName.keys()].join(', ')}`,
    );
  }
  const value = wholeNumber(`${flag} ${name}`, { min: 1, max: SECONDS_LIMIT })(seconds);
  if (before[key] !== undefined && before[key] !== value) {
    throw usage(flag, text, `contradicts ${before[key]} seconds for the same timeout; give one of them`);
  }
  return { ...before, [key]: value };
}

/** What was given on the command line, and nothing else: absent stays absent. */
export function planOptions(flags: PlanFlags): PlanOptions {
  const { max, hashsize, precaution, ratio, peak, headroom, memoryLimit, allowShrink, timeout, strategy, takeOver } =
    flags;
  const all = { max, hashsize, precaution, ratio, peak, headroom, memoryLimit, allowShrink, strategy, takeOver };
  const without = {
    guard: flags.guard === false ? false : undefined,
    carry: flags.carry === false ? false : undefined,
  };
  const given = Object.entries({ ...all, timeouts: timeout, ...without }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as PlanOptions;
}

function decimal(text: string): number | undefined {
  return /^(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?$/.test(text) ? Number(text) : undefined;
}

function usage(flag: string, text: string, what: string): CtfixError {
  const value = text === '' ? 'an empty value' : text;
  return new CtfixError('usage', `${flag}: ${value} ${what}`);
}
