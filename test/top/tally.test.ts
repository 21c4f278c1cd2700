import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Address } from '../../src/top/flow.ts';
import { countAddress, countNumber, countText, newTally, type Tally, topOf } from '../../src/top/tally.ts';

/** Counts texts and addresses as they would come in a listing; IPv4 ones by their number. */
function counted(keys: readonly string[], limit?: number): Tally {
  const tally = newTally(limit);
  for (const key of keys) {
    const bytes = new TextEncoder().encode(key);
    const octets = key.split('.').map(Number);
    const isV4 = octets.length === 4;
    const v4 = isV4 ? octets.reduce((sum, octet) => (sum << 8) | octet, 0) : 0;
    const address: Address = { start: 0, end: bytes.length, v4, isV4 };
    countAddress(tally, bytes, address, key.length % 4);
  }
  return tally;
}

const key = fc.oneof(
  fc.integer({ min: 0, max: 30 }).map((n) => `${n * 8}.0.0.${n}`),
  fc.integer({ min: 0, max: 30 }).map((n) => `2001:db8::${n.toString(16)}`),
);

function truth(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const one of keys) counts.set(one, (counts.get(one) ?? 0) + 1);
  return counts;
}

describe('while there are few keys', () => {
  test('every count is right, and so are the flags', () => {
    fc.assert(
      fc.property(fc.array(key, { maxLength: 300 }), (keys) => {
        const tally = counted(keys);
        const rows = topOf(tally, 1000);
        expect(new Map(rows.map(({ key, flows }) => [key, flows]))).toEqual(truth(keys));
        expect(tally.low).toBe(0);
        for (const { key, flows, unreplied, assured } of rows) {
          expect([unreplied, assured]).toEqual([key.length % 2 === 1 ? flows : 0, key.length % 4 > 1 ? flows : 0]);
        }
      }),
    );
  });

  test('largest first, equal ones by their text, as many as asked for', () => {
    const tally = counted(['b:1', '10.0.0.1', 'a:1', 'a:1', '9.0.0.1']);
    expect(topOf(tally, 3).map(({ key }) => key)).toEqual(['a:1', '10.0.0.1', '9.0.0.1']);
    expect(topOf(tally, 0)).toEqual([]);
    expect(topOf(newTally(), 5)).toEqual([]);
  });

  test('growing loses nothing', () => {
    const keys = Array.from({ length: 5000 }, (_, n) =>
      n % 2 === 0 ? `10.${n >> 8}.${n & 255}.1` : `::${n.toString(16)}`,
    );
    const tally = counted([...keys, ...keys]);
    expect(tally.held).toBe(5000);
    expect(topOf(tally, 10_000).every(({ flows }) => flows === 2)).toBe(true);
  });
});

describe('with more keys than are held', () => {
  test('a count is never too high, and too low by no more than is said', () => {
    fc.assert(
      fc.property(fc.array(key, { maxLength: 400 }), fc.integer({ min: 4, max: 20 }), (keys, limit) => {
        const tally = counted(keys, limit);
        const counts = truth(keys);
        const rows = new Map(topOf(tally, 1000).map((row) => [row.key, row]));
        expect(tally.held).toBeLessThanOrEqual(limit);
        expect(rows.size).toBe(tally.held);
        for (const [name, real] of counts) {
          const flows = rows.get(name)?.flows ?? 0;
          expect(flows).toBeLessThanOrEqual(real);
          expect(real).toBeLessThanOrEqual(flows + tally.low);
        }
        expect(tally.low).toBeLessThanOrEqual((2 * keys.length) / limit);
        expect(tally.low > 0).toBe(counts.size > limit);
        if (tally.low > 0) expect([...rows.values()].every((row) => !('unreplied' in row))).toBe(true);
      }),
    );
  });

  test('a busy one among a hundred thousand others is found', () => {
    const tally = newTally();
    for (let n = 0; n < 250_000; n += 1) {
      countNumber(tally, n, 0);
      if (n % 10 === 0) countNumber(tally, -1, 0);
      if (n % 25 === 0) countText(tally, new TextEncoder().encode('::1'), 0, 3, 0);
    }
    const [first, second] = topOf(tally, 2);
    expect([first?.key, second?.key]).toEqual(['255.255.255.255', '::1']);
    expect(first?.flows).toBeGreaterThanOrEqual(25_000 - tally.low);
    expect(tally.low).toBeLessThanOrEqual(5);
    expect(tally.held).toBeLessThanOrEqual(100_000);
  });
});
