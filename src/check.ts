/**
 * A Nagios plugin's verdict on the table: one line, performance data, a code from 0 to 3. Pure.
 * Source: the monitoring plugins' development guidelines, "Plugin Output for Nagios" and "Threshold and Ranges".
 */
import { CtfixError } from './errors.ts';
import { averageChain } from './kernel.ts';
import { isKnown, known, type ModuleFacts, type TableFacts } from './model.ts';
import { escapeLine } from './render/escape.ts';
import { grouped } from './render/numbers.ts';
import { dropsOf } from './status-drops.ts';

/** Codes of a plugin, by their word. */
const PLUGIN = { OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3 } as const;

type Word = keyof typeof PLUGIN;
export type Verdict = { readonly code: (typeof PLUGIN)[Word]; readonly line: string };

/** A range of percents of max. Outside of it there is an alert, or inside where the text begins with @. */
export type Range = { readonly start: number; readonly end: number; readonly inside: boolean };

export type CheckOptions = {
  readonly warning: Range;
  readonly critical: Range;
  /** what a host without the module is */
  readonly absent: 'ok' | 'unknown';
};

/** What a check looks at. */
export type Seen = Pick<TableFacts, 'count' | 'max' | 'buckets' | 'namespace' | 'counters'> &
  Pick<ModuleFacts, 'state'>;

const NUMBER = '[0-9]{1,6}(?:\\.[0-9]{1,6})?';
const RANGE = new RegExp(`^(@)?(?:(~|${NUMBER})?(:))?(${NUMBER})?$`);

/**
 * A threshold as Nagios writes it: `75` (0 to 75 is fine), `10:`, `~:75`, `10:75`, `@75:90`; in percent of max, with or
 * without a % at its end.
 * @throws CtfixError usage: anything else, or a range that ends before it starts
 */
export function parseRange(flag: string, text: string): Range {
  const match = RANGE.exec(text.replace(/%$/, ''));
  const [, at, from, colon, to] = match ?? [];
  const allowed = 'allowed is a percentage of max or a range of them, such as 75, 10:75, 10:, ~:75 or @75:90';
  if (match === null || (colon === undefined && to === undefined)) {
    throw new CtfixError('usage', `${flag}: ${text === '' ? 'an empty value' : text} is no threshold; ${allowed}`);
  }
  const start = from === '~' ? Number.NEGATIVE_INFINITY : Number(from ?? 0);
  const end = to === undefined ? Number.POSITIVE_INFINITY : Number(to);
  if (start > end) throw new CtfixError('usage', `${flag}: ${text} ends before it starts; ${allowed}`);
  return { start, end, inside: at === '@' };
}

/**
 * @throws CtfixError usage: two upper limits of which the critical one would come first, so that there is no warning
 */
export function checkOrder({ warning, critical }: Pick<CheckOptions, 'warning' | 'critical'>): void {
  const upper = ({ start, inside }: Range) => start <= 0 && !inside;
  if (!upper(warning) || !upper(critical) || warning.end <= critical.end) return;
  throw new CtfixError(
    'usage',
    `-w ${rangeText(warning)} is above -c ${rangeText(critical)}: there would never be a warning`,
  );
}

/** The verdict on what was seen. */
export function checkOf(seen: Seen, options: CheckOptions): Verdict {
  const { state, count, max } = seen;
  if (state === 'absent') {
    return options.absent === 'ok'
      ? verdict('OK', 'nf_conntrack is not loaded, nothing is tracked')
      : unknown('nf_conntrack is not loaded (--absent ok where that is as it should be)');
  }
  if (!isKnown(count)) return unknown(`the number of flows: ${count.unknown}`);
  if (!isKnown(max)) return unknown(`nf_conntrack_max: ${max.unknown}`);
  const where = known(seen.namespace) === 'child' ? ' of this network namespace' : '';
  if (max === 0) {
    return verdict(
      'OK',
      `${grouped(count)} flows${where}, no limit (nf_conntrack_max is 0)`,
      perfdata(seen, { count, max }),
    );
  }
  const word = judge(count, max, options);
  const share = `${(Math.floor((1000 * count) / max) / 10).toFixed(1)} % full`;
  const text = `${share}: ${grouped(count)} of ${grouped(max)} flows${where}${why(word, options)}`;
  return verdict(word, text, perfdata(seen, { count, max }, options));
}

/** What could not be checked, or was asked for wrongly. @param why a sentence */
export function unknown(why: string): Verdict {
  return verdict('UNKNOWN', why);
}

/** The bar parts the text from the performance data, so there is none in either. */
function verdict(word: Word, text: string, data: readonly string[] = []): Verdict {
  const after = data.length === 0 ? '' : ` | ${data.join(' ')}`;
  return { code: PLUGIN[word], line: `CONNTRACK ${word}: ${escapeLine(text).replaceAll('|', '/')}${after}\n` };
}

function judge(count: number, max: number, { warning, critical }: CheckOptions): Word {
  if (alerts(inFlows(critical, max), count)) return 'CRITICAL';
  return alerts(inFlows(warning, max), count) ? 'WARNING' : 'OK';
}

function alerts({ start, end, inside }: Range, value: number): boolean {
  return (value >= start && value <= end) === inside;
}

/**
 * The range in flows that the same counts are in: in whole ones, unless the range is narrower than one. What binary
 * fractions add to a percentage is rounded off.
 */
function inFlows({ start, end, inside }: Range, max: number): Range {
  const flows = (percent: number) => Number(((percent * max) / 100).toFixed(6));
  const whole = { start: Math.ceil(flows(start)), end: Math.floor(flows(end)), inside };
  return whole.start <= whole.end ? whole : { start: flows(start), end: flows(end), inside };
}

function why(word: Word, { warning, critical }: CheckOptions): string {
  if (word === 'CRITICAL') return ` (-c ${rangeText(critical)})`;
  return word === 'WARNING' ? ` (-w ${rangeText(warning)})` : '';
}

/** As short as Nagios allows. */
function rangeText({ start, end, inside }: Range): string {
  const from = start === 0 && Number.isFinite(end) ? '' : `${Number.isFinite(start) ? start : '~'}:`;
  return `${inside ? '@' : ''}${from}${Number.isFinite(end) ? end : ''}`;
}

/** `label=value[UOM];warn;crit;min;max`, empty fields at the end left out; without `options` there is nothing to alert on. */
function perfdata(
  { buckets, counters }: Seen,
  { count, max }: { count: number; max: number },
  options?: CheckOptions,
): string[] {
  const limits = (range: (one: Range) => Range, most: number) =>
    options === undefined
      ? []
      : [rangeText(range(options.warning)), rangeText(range(options.critical)), '0', String(most)];
  const hash = known(buckets);
  return [
    ...(options === undefined
      ? []
      : [
          field(
            'fill',
            `${fixed((100 * count) / max)}%`,
            limits((range) => range, 100),
          ),
        ]),
    field('count', String(count), options === undefined ? ['', '', '0'] : limits((range) => inFlows(range, max), max)),
    ...(hash === undefined || hash === 0
      ? []
      : [field('chain', String(fixed(averageChain(count, hash))), ['', '', '0'])]),
    ...(known(dropsOf({ counters, countersLater: counters })) ?? [])
      .filter(({ name }) => name !== 'invalid')
      .map(({ name, total }) => field(name, `${total}c`, [])),
  ];
}

function field(label: string, value: string, more: readonly string[]): string {
  return [`${label}=${value}`, ...more].join(';');
}

function fixed(value: number): number {
  return Number(value.toFixed(2));
}
