/** How fast a table fills, out of noisy looks. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Point, slopeOf } from '../src/watch-trend.ts';

/** Looks every two seconds. */
const every2s = (counts: readonly number[]): Point[] => counts.map((count, at) => ({ at: at * 2000, count }));

test.each<[string, number[], number | undefined]>([
  ['nothing', [], undefined],
  ['three looks', [1, 2, 3], undefined],
  ['four that rise', [100, 120, 140, 160], 10],
  ['four that fall', [160, 140, 120, 100], -10],
  ['four that stay', [7, 7, 7, 7], 0],
  ['a sweep of the collector in between', [100, 120, 140, 20, 180, 200, 220, 240, 260], 10],
  ['one burst', [100, 100, 100, 900, 100, 100, 100, 100], 0],
  ['up and down', [100, 130, 90, 120, 80, 125, 95, 110], 0],
])('%s', (_, counts, slope) => expect(slopeOf(every2s(counts))).toBe(slope));

test('a steady rise is found whatever the noise below it, and a third of the looks may be anything', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 10, max: 5000 }),
      fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 12, maxLength: 12 }),
      fc.subarray([1, 4, 7, 10], { maxLength: 3 }),
      (perSecond, noise, wild) => {
        const counts = noise.map((extra, at) => (wild.includes(at) ? 0 : 1000 + 2 * at * perSecond + extra));
        const slope = slopeOf(every2s(counts)) ?? 0;
        if (wild.length === 0) expect(Math.abs(slope - perSecond)).toBeLessThan(9);
        else expect(slope).toBeGreaterThanOrEqual(0);
      },
    ),
  );
});

test('noise without a direction is hardly ever taken for one', () => {
  let seed = 1;
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const runs = Array.from({ length: 2000 }, () => slopeOf(every2s(Array.from({ length: 12 }, () => random() * 1000))));
  expect(runs.filter((slope) => (slope ?? 0) > 0).length / runs.length).toBeLessThan(0.06);
});
