/** Watching the table: one look after the other becomes what is known now, in memory that does not grow. Pure. */
import { isKnown, known, type Maybe } from './model.ts';
import { grouped } from './render/numbers.ts';
import { columnOf } from './status-drops.ts';
import { type Point, slopeOf } from './watch-trend.ts';

/** One look at the table. */
export type Sample = {
  /** milliseconds on a clock that nobody steps */
  readonly at: number;
  /** the same moment for people */
  readonly time: Date;
  /** false while nf_conntrack is not there; then nothing else is known */
  readonly loaded: boolean;
  readonly count: Maybe<number>;
  /** 0 is no limit */
  readonly max: Maybe<number>;
  /** as parseCounters gives them: sums over the CPUs */
  readonly counters: Maybe<Readonly<Record<string, number>>>;
  /** inode of /sys/module/nf_conntrack: another one after every load; undefined where there is no such directory */
  readonly load?: number | undefined;
};

/** What the counters say of a flow or packet that was lost, by the names that conntrack -S has. */
export const CAUSES = ['drop', 'early_drop', 'insert_failed', 'chaintoolong'] as const;
export type Cause = (typeof CAUSES)[number];
/** What a watch needs of the counters. */
export const WATCHED_COLUMNS: readonly string[] = ['new', ...CAUSES.map(columnOf)];

type ByCause = Partial<Readonly<Record<Cause, number>>>;

/** The highest count in a slice of time; slices are numbered from the start on. */
type Slice = { readonly number: number; readonly high: number };
type Event = { readonly time: Date; readonly text: string };

/** When the table will be full if it goes on like this. `slope`: flows a second. */
type Outlook =
  | 'full'
  | 'no limit'
  | 'not filling'
  | 'too early'
  | 'unknown'
  | { readonly seconds: number; readonly slope: number };

export type Watched = {
  readonly began: Sample;
  /** seconds between two looks */
  readonly interval: number;
  readonly now: Sample;
  /** count is this much higher than at the look before, a second; undefined without such a look */
  readonly growth?: number | undefined;
  /** new flows a second, where the kernel counts them */
  readonly fresh: Maybe<number>;
  /** drops a second since the look before */
  readonly rates: Maybe<ByCause>;
  /** drops since the first look */
  readonly totals: ByCause;
  readonly outlook: Outlook;
  readonly highest?: { readonly count: number; readonly time: Date } | undefined;
  readonly slices: readonly Slice[];
  /** looks for the slope, and the slope with the last of them */
  readonly points: readonly Point[];
  readonly slope?: number | undefined;
  /** what happened besides, oldest first */
  readonly events: readonly Event[];
};

const SLICE_S = 5;
const SLICES = 120;
/** The slope is that of so many seconds, of at most so many looks; at long intervals of as many looks as one needs. */
const TREND_S = 24;
const POINTS = 12;
const EVENTS = 5;
const NOT_COUNTED = { unknown: 'not counted: the kernel has not done so since Linux 4.9' };
/** Further ahead than this no present rate tells anything: 30 days. */
const HORIZON_S = 30 * 86_400;

/** Seconds for each slice of `slices`: never shorter than the interval, so that none is empty for that alone. */
export function sliceSeconds(interval: number): number {
  return Math.max(SLICE_S, interval);
}

/**
 * The state after the first look.
 * @param interval seconds between two looks
 */
export function watched(first: Sample, interval: number): Watched {
  const points = pointsWith([], first, interval);
  return {
    began: first,
    interval,
    now: first,
    fresh: why(first),
    rates: why(first),
    totals: {},
    outlook: outlookOf(first, undefined),
    highest: higher(undefined, first),
    slices: slicesWith([], first, first, interval),
    points,
    events: [],
  };
}

/** The part of the table that is in use; undefined where there is no limit or no number. */
export function shareOf({ count, max }: Pick<Sample, 'count' | 'max'>): number | undefined {
  const [many, limit] = [known(count), known(max)];
  return many === undefined || limit === undefined || limit === 0 ? undefined : many / limit;
}

/** The state after one more look. */
export function nextLook(before: Watched, now: Sample): Watched {
  const { interval, began } = before;
  const goesOn = before.now.loaded && now.loaded && before.now.load === now.load;
  const seconds = (now.at - before.now.at) / 1000;
  const rises = goesOn ? risesOf(before.now, now) : undefined;
  const points = pointsWith(goesOn ? before.points : [], now, interval);
  const slope = points === before.points ? before.slope : slopeOf(points);
  const [was, is] = [known(before.now.count), known(now.count)];
  return {
    began,
    interval,
    now,
    growth: goesOn && was !== undefined && is !== undefined && seconds > 0 ? (is - was) / seconds : undefined,
    fresh: freshOf(now, rises, seconds),
    rates: rises === undefined ? why(now) : perSecond(rises.causes, seconds),
    totals: rises === undefined ? before.totals : plus(before.totals, rises.causes),
    outlook: outlookOf(now, slope),
    highest: higher(before.highest, now),
    slices: slicesWith(before.slices, began, now, interval),
    points,
    slope,
    events: eventsWith(before.events, eventsOf(before.now, now)),
  };
}

type Rises = { readonly fresh: number; readonly causes: ByCause };

/**
 * How much the counters rose. A counter is 32 bits wide on each CPU (`unsigned int` in struct ip_conntrack_stat): what
 * looks like a fall is a wrap of one of them where that makes a rise below 2^31, and else a start from 0.
 */
function risesOf(before: Sample, now: Sample): Rises | undefined {
  if (!isKnown(before.counters) || !isKnown(now.counters)) return undefined;
  const [old, all] = [before.counters, now.counters];
  const causes = eachCause((cause) => {
    const column = columnOf(cause);
    const value = all[column];
    return value === undefined ? undefined : rise(old[column] ?? 0, value);
  });
  return { fresh: rise(old.new ?? 0, all.new ?? 0), causes };
}

function rise(old: number, value: number): number {
  const delta = value - old;
  if (delta >= 0) return delta;
  return delta + 2 ** 32 < 2 ** 31 ? delta + 2 ** 32 : value;
}

/** Linux counts no new flows since 4.9 (8e8118f89314): the column has been 0 ever since. */
function freshOf(now: Sample, rises: Rises | undefined, seconds: number): Maybe<number> {
  const counters = known(now.counters);
  if (counters !== undefined && (counters.new ?? 0) === 0) return NOT_COUNTED;
  if (rises === undefined || seconds <= 0) return why(now);
  return rises.fresh / seconds;
}

function why(now: Sample): { readonly unknown: string } {
  return isKnown(now.counters) ? { unknown: 'two looks are needed' } : now.counters;
}

function perSecond(rises: ByCause, seconds: number): ByCause {
  return eachCause((cause) => {
    const rise = rises[cause];
    return rise === undefined || seconds <= 0 ? rise : rise / seconds;
  });
}

function plus(totals: ByCause, rises: ByCause): ByCause {
  return eachCause((cause) => {
    const rise = rises[cause];
    return rise === undefined ? totals[cause] : (totals[cause] ?? 0) + rise;
  });
}

function eachCause(value: (cause: Cause) => number | undefined): ByCause {
  const all: Partial<Record<Cause, number>> = {};
  for (const cause of CAUSES) {
    const one = value(cause);
    if (one !== undefined) all[cause] = one;
  }
  return all;
}

function higher(highest: Watched['highest'], { count, time }: Sample): Watched['highest'] {
  const value = known(count);
  return value !== undefined && value > (highest?.count ?? -1) ? { count: value, time } : highest;
}

function slicesWith(slices: readonly Slice[], began: Sample, { at, count }: Sample, interval: number) {
  const value = known(count);
  if (value === undefined) return slices;
  const number = Math.floor((at - began.at) / (sliceSeconds(interval) * 1000));
  const last = slices.at(-1);
  if (last?.number !== number)
    return [...slices, { number, high: value }].filter((one) => one.number > number - SLICES);
  return value > last.high ? [...slices.slice(0, -1), { number, high: value }] : slices;
}

/** Looks for the slope, not more often than it needs them; the same array while there is no new one. */
function pointsWith(points: readonly Point[], { at, count }: Sample, interval: number): readonly Point[] {
  const value = known(count);
  if (value === undefined) return [];
  const last = points.at(-1);
  if (last !== undefined && at - last.at < 1000 * (TREND_S / POINTS) * 0.9) return points;
  const oldest = at - 1000 * Math.max(TREND_S, 6 * interval);
  return [...points.filter((point) => point.at >= oldest), { at, count: value }];
}

function outlookOf({ count, max }: Sample, slope: number | undefined): Outlook {
  if (!isKnown(count) || !isKnown(max)) return 'unknown';
  if (max === 0) return 'no limit';
  if (count >= max) return 'full';
  if (slope === undefined) return 'too early';
  const seconds = slope > 0 ? (max - count) / slope : Number.POSITIVE_INFINITY;
  return seconds > HORIZON_S ? 'not filling' : { seconds, slope };
}

function eventsWith(events: readonly Event[], more: readonly Event[]): readonly Event[] {
  return more.length === 0 ? events : [...events, ...more].slice(-EVENTS);
}

function eventsOf(before: Sample, now: Sample): readonly Event[] {
  const told = (text: string): readonly Event[] => [{ time: now.time, text }];
  if (before.loaded && !now.loaded) return told('nf_conntrack was unloaded');
  if (!before.loaded && now.loaded) return told('nf_conntrack was loaded');
  if (before.load !== now.load) return told('nf_conntrack was unloaded and loaded again');
  const [was, is] = [known(before.max), known(now.max)];
  return was !== undefined && is !== undefined && was !== is
    ? told(`max went from ${grouped(was)} to ${grouped(is)}`)
    : [];
}
