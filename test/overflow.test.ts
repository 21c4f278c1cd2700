/** Which drops can be a full table: counters as kernels move them, event by event. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { neverOverflowed, overflowOf, unclashedDrops } from '../src/overflow.ts';

type Counters = Record<string, number>;

/** What moves for each event in nf_conntrack_core.c of these releases. `full`: no room, or no memory. */
const KERNELS = {
  '4.4': { full: ['drop'], clash: ['insert_failed'], dying: [] },
  '5.4': { full: ['drop'], clash: ['drop', 'insert_failed'], resolved: ['insert_failed'], dying: ['insert_failed'] },
  '5.10': { full: ['drop'], clash: ['drop', 'insert_failed'], resolved: ['clashres'], dying: ['insert_failed'] },
  '6.1': {
    full: ['drop'],
    clash: ['drop', 'insert_failed'],
    resolved: ['clashres'],
    dying: ['insert_failed'],
    chain: ['insert_failed', 'chainlength'],
  },
} as const;

type Moves = Readonly<Record<string, readonly string[]>>;

function counted(moves: Moves, events: readonly string[], start: Counters = {}): Counters {
  const sums: Counters = { drop: 0, insert_failed: 0, ...('chain' in moves ? { chainlength: 0 } : {}), ...start };
  for (const event of events) for (const name of moves[event] ?? []) sums[name] = (sums[name] ?? 0) + 1;
  return sums;
}

describe.each(Object.entries(KERNELS))('Linux %s', (kernel, moves: Moves) => {
  const events = (names: readonly string[]) => fc.array(fc.constantFrom(...names), { maxLength: 60 });
  const all = Object.keys(moves);
  const full = (seen: readonly string[]) => seen.filter((event) => event === 'full').length;

  test('never more than what was dropped for want of room', () => {
    fc.assert(
      fc.property(events(all), events(all), (before, between) => {
        const first = counted(moves, before);
        expect(unclashedDrops(counted(moves, between, first), first)).toBeLessThanOrEqual(full(between));
        expect(unclashedDrops(first)).toBeLessThanOrEqual(full(before));
      }),
    );
  });

  const sure = kernel === '4.4' || kernel === '5.4' ? ['full'] : all.filter((event) => event !== 'dying');
  test(`exactly that, whatever else there is of ${sure.join(', ')}`, () => {
    fc.assert(
      fc.property(events(sure), (seen) => {
        expect(unclashedDrops(counted(moves, seen))).toBe(full(seen));
      }),
    );
  });
});

describe('unclashedDrops', () => {
  test.each<[string, Counters, Counters, number]>([
    ['nothing moved', { drop: 7, insert_failed: 7 }, { drop: 7, insert_failed: 7 }, 0],
    ['two clashes', { drop: 7, insert_failed: 7 }, { drop: 9, insert_failed: 9 }, 0],
    ['clashes and a full table', { drop: 7, insert_failed: 7 }, { drop: 12, insert_failed: 9 }, 3],
    ['long chains beside it', { drop: 7, chainlength: 1 }, { drop: 12, insert_failed: 9, chainlength: 10 }, 5],
    ['a full table of long ago, clashes now', { drop: 700, insert_failed: 0 }, { drop: 702, insert_failed: 2 }, 0],
    ['chains refused to a program alone', { drop: 1, chainlength: 1 }, { drop: 2, chainlength: 9 }, 1],
    ['reset by a load of the module', { drop: 700, insert_failed: 9 }, { drop: 2, insert_failed: 0 }, 0],
    ['columns that are not there', {}, { drop: 2 }, 2],
  ])('%s', (_, first, later, expected) => {
    expect(unclashedDrops(later, first)).toBe(expected);
  });
});

describe('overflowOf', () => {
  const looks = (count: number | undefined, max: number | undefined, later: Counters) =>
    overflowOf({ count, max, first: { drop: 1, early_drop: 1, insert_failed: 1 }, later });
  const dropped = { drop: 6, early_drop: 1, insert_failed: 2 };
  test.each<[string, number | undefined, number | undefined, Counters, number, number]>([
    ['drops in a table that is half full', 500, 1000, dropped, 4, 0],
    ['drops in one that is emptier', 499, 1000, dropped, 0, 0],
    ['drops where the count is unknown', undefined, 1000, dropped, 4, 0],
    ['drops where max is unknown', 9, undefined, dropped, 4, 0],
    ['evictions, however empty it is now', 9, 1000, { drop: 1, early_drop: 3 }, 0, 2],
    ['clashes alone', 900, 1000, { drop: 3, early_drop: 1, insert_failed: 3 }, 0, 0],
    ['no limit', 900, 0, { drop: 9, early_drop: 9 }, 0, 0],
  ])('%s', (_, count, max, later, drop, early) => {
    expect(looks(count, max, later)).toEqual({ drop, early_drop: early });
  });
  test('without a second look nothing is known to rise', () => {
    const none = { count: 1, max: 1, first: undefined };
    expect(overflowOf({ ...none, later: dropped })).toEqual({ drop: 0, early_drop: 0 });
    expect(overflowOf({ ...none, first: dropped, later: undefined })).toEqual({ drop: 0, early_drop: 0 });
  });
});

describe('neverOverflowed', () => {
  test.each<[string, Counters, boolean]>([
    ['no drop', { drop: 0, early_drop: 0 }, true],
    ['an eviction', { drop: 0, early_drop: 1 }, false],
    ['clashes alone', { drop: 4, insert_failed: 4, clashres: 0 }, true],
    ['one drop more', { drop: 5, insert_failed: 4, clashres: 0 }, false],
    ['before 5.10 resolved clashes may hide it', { drop: 4, insert_failed: 90 }, false],
    ['nothing is counted', {}, false],
  ])('%s', (_, counters, expected) => {
    expect(neverOverflowed(counters)).toBe(expected);
  });
});
