/** Look by look: what is known of a table that is watched. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextLook, type Sample, type Watched, watched } from '../src/watch.ts';

const START = Date.UTC(2026, 10, 24, 9, 0, 0);
const LOADED = { loaded: true, max: 65_536, load: 1, counters: { new: 0, drop: 0, early_drop: 0, chainlength: 0 } };

/** A look so many seconds after the start. */
function at(seconds: number, count: number, more: Partial<Sample> = {}): Sample {
  return { at: seconds * 1000 + 123, time: new Date(START + seconds * 1000), count, ...LOADED, ...more };
}

const absent = { unknown: 'nf_conntrack is not loaded' };
const gone = (seconds: number): Sample => ({
  ...at(seconds, 0, { loaded: false, load: undefined }),
  count: absent,
  max: absent,
  counters: absent,
});

function run(interval: number, [first, ...rest]: readonly [Sample, ...Sample[]]): Watched {
  return rest.reduce(nextLook, watched(first, interval));
}

test('one look tells count, max and the highest, and nothing of rates', () => {
  const state = run(2, [at(0, 500)]);
  expect(state).toMatchObject({ highest: { count: 500 }, outlook: 'too early', totals: {}, events: [] });
  expect(state.growth).toBeUndefined();
  expect(state.rates).toEqual({ unknown: 'two looks are needed' });
});

test('growth and drops are those since the look before, by the time that really went by', () => {
  const state = run(2, [
    at(0, 500),
    at(2, 540),
    at(6, 500, { counters: { new: 0, drop: 8, early_drop: 2, chainlength: 1 } }),
  ]);
  expect(state.growth).toBe(-10);
  expect(state.rates).toEqual({ drop: 2, early_drop: 0.5, chaintoolong: 0.25 });
  expect(state.totals).toEqual({ drop: 8, early_drop: 2, chaintoolong: 1 });
  expect(state.highest).toEqual({ count: 540, time: new Date(START + 2000) });
});

describe('new flows', () => {
  test('counted by the kernel', () => {
    const state = run(2, [
      at(0, 1, { counters: { new: 100, drop: 0 } }),
      at(2, 1, { counters: { new: 130, drop: 0 } }),
    ]);
    expect(state.fresh).toBe(15);
  });
  test('not counted: not 0, but said', () => {
    expect(run(2, [at(0, 1), at(2, 90)]).fresh).toEqual({ unknown: expect.stringContaining('since Linux 4.9') });
  });
  test('no counters at all: their own reason', () => {
    const none = { counters: { unknown: 'closed' } };
    expect(run(2, [at(0, 1, none), at(2, 90, none)])).toMatchObject({
      fresh: { unknown: 'closed' },
      rates: { unknown: 'closed' },
    });
  });
});

test.each([
  ['a rise', 5, 9, 4],
  ['a CPU whose 32 bits wrapped', 2 ** 32 - 6, 4, 10],
  ['a start from 0', 5000, 3, 3],
])('a counter: %s', (_, before, now, delta) => {
  const state = run(1, [at(0, 1, { counters: { drop: before } }), at(1, 1, { counters: { drop: now } })]);
  expect(state.totals).toEqual({ drop: delta });
});

describe('the module comes and goes', () => {
  const state = run(2, [
    at(0, 900),
    gone(2),
    at(4, 3, { load: 2, counters: { drop: 7 } }),
    at(6, 5, { load: 2, counters: { drop: 9 } }),
  ]);
  test('it is told', () => {
    expect(state.events.map(({ text }) => text)).toEqual(['nf_conntrack was unloaded', 'nf_conntrack was loaded']);
  });
  test('nothing is computed over the gap, the highest stays', () => {
    expect(state).toMatchObject({ growth: 1, totals: { drop: 2 }, highest: { count: 900 } });
    expect(state.points.map(({ count }) => count)).toEqual([3, 5]);
  });
  test('a reload between two looks is seen by the inode', () => {
    const again = run(2, [at(0, 900, { counters: { drop: 4 } }), at(2, 950, { load: 2, counters: { drop: 6 } })]);
    expect(again.events.map(({ text }) => text)).toEqual(['nf_conntrack was unloaded and loaded again']);
    expect(again.growth).toBeUndefined();
    expect(again.totals).toEqual({});
  });
  test('not there at the start', () => {
    const late = run(2, [gone(0), gone(2), at(4, 12)]);
    expect(late).toMatchObject({ highest: { count: 12 }, events: [{ text: 'nf_conntrack was loaded' }] });
    expect(run(2, [gone(0)])).toMatchObject({ highest: undefined, outlook: 'unknown', slices: [] });
  });
});

test('a new max is told, and the outlook follows it', () => {
  const state = run(2, [at(0, 65_536), at(2, 65_536, { max: 131_072 })]);
  expect(run(2, [at(0, 65_536)]).outlook).toBe('full');
  expect(state.outlook).toBe('too early');
  expect(state.events.map(({ text }) => text)).toEqual(['max went from 65,536 to 131,072']);
});

describe('time to full', () => {
  const looks = (counts: readonly number[], more: Partial<Sample> = {}, step = 3) =>
    run(step, counts.map((count, i) => at(i * step, count, more)) as [Sample, ...Sample[]]).outlook;

  test.each([
    ['a steady rise', [10_000, 10_300, 10_600, 10_900], { seconds: (65_536 - 10_900) / 100, slope: 100 }],
    ['three looks', [10_000, 10_300, 10_600], 'too early'],
    ['a fall', [10_900, 10_600, 10_300, 10_000], 'not filling'],
    ['nothing happens', [10, 10, 10, 10, 10], 'not filling'],
    ['full', [10, 10, 70_000], 'full'],
  ])('%s', (_, counts, outlook) => expect(looks(counts)).toEqual(outlook));

  test('no limit', () => expect(looks([1, 2, 3, 4], { max: 0 })).toBe('no limit'));
  test('further than 30 days ahead is not filling', () => {
    expect(looks([1, 2, 3, 4], { max: 2 ** 31 - 1 })).toBe('not filling');
  });
  test('long intervals need as many looks', () => {
    expect(looks([1000, 7000, 13_000, 19_000], {}, 60)).toEqual({ seconds: 465.36, slope: 100 });
  });
  test('short intervals do not make it jump: it is the slope of seconds', () => {
    const counts = Array.from({ length: 150 }, (_, i) => 1000 + i * 10);
    expect(looks(counts, {}, 0.1)).toEqual({ seconds: expect.closeTo(630.46, 0), slope: expect.closeTo(100, 6) });
  });
});

test('memory stays bounded whatever comes, and nothing is NaN', () => {
  const look = fc.record({
    wait: fc.double({ min: 0, max: 500, noNaN: true }),
    count: fc.nat(70_000),
    max: fc.constantFrom(0, 65_536, 131_072),
    drop: fc.nat(2 ** 31),
    there: fc.boolean(),
    load: fc.constantFrom(1, 2),
  });
  fc.assert(
    fc.property(fc.constantFrom(0.1, 1, 2, 60), fc.array(look, { minLength: 1, maxLength: 400 }), (interval, looks) => {
      let now = 0;
      let state: Watched | undefined;
      let highest = -1;
      for (const { wait, count, max, drop, there, load } of looks) {
        now += wait;
        const sample = there ? at(now, count, { max, load, counters: { drop } }) : gone(now);
        state = state === undefined ? watched(sample, interval) : nextLook(state, sample);
        if (there) highest = Math.max(highest, count);
        expect(state.points.length).toBeLessThanOrEqual(16);
        expect(state.slices.length).toBeLessThanOrEqual(120);
        expect(state.events.length).toBeLessThanOrEqual(5);
        expect(state.highest?.count ?? -1).toBe(highest);
        expect(JSON.stringify(state)).not.toContain('null');
      }
    }),
    { numRuns: 200 },
  );
});
