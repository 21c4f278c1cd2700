import { expect, test } from 'vitest';
import { bytes, duration, grouped, instant, percent, plural } from '../../src/render/numbers.ts';

test.each([
  [0, '0'],
  [999, '999'],
  [1_000, '1,000'],
  [1_048_576, '1,048,576'],
  [2_147_483_647, '2,147,483,647'],
])('grouped %d', (value, text) => expect(grouped(value)).toBe(text));

test.each([
  [0, '0 B'],
  [1023, '1,023 B'],
  [1024, '1.0 KiB'],
  [37_748_736, '36.0 MiB'],
  [5 * 2 ** 40, '5.0 TiB'],
  [5000 * 2 ** 40, '5000.0 TiB'],
])('bytes %d', (value, text) => expect(bytes(value)).toBe(text));

test.each([
  [0, '0 %'],
  [0.00001, 'under 0.01 %'],
  [0.0092, '0.92 %'],
  [0.05, '5 %'],
  [1, '100 %'],
])('percent %d', (value, text) => expect(percent(value)).toBe(text));

test.each([
  [0, '0 s'],
  [59, '59 s'],
  [60, '1 min'],
  [84, '1 min 24 s'],
  [3600, '1 h'],
  [93_784, '1 d 2 h'],
  [-5, '0 s'],
])('duration %d', (value, text) => expect(duration(value)).toBe(text));

test('an instant is sortable and in UTC', () => {
  expect(instant(new Date('2026-11-24T05:33:10.123Z'))).toBe('2026-11-24 05:33:10Z');
});

test.each([
  [1, '1 line'],
  [1200, '1,200 lines'],
])('plural %d', (many, text) => expect(plural(many, 'line')).toBe(text));
