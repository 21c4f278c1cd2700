import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonFault } from '../src/json-place.ts';

test.each<[string, number, number]>([
  ['', 1, 1],
  ['{', 1, 2],
  ['{\n  "a": 1,\n  "b" 2\n}', 3, 7],
  ['{\n  "a": 1,\n}', 3, 1],
  ['[1, 2', 1, 6],
  ['[1 2]', 1, 4],
  ['{"a": tru}', 1, 7],
  ['{} x', 1, 4],
  ['"\u00e4\u{1f600}" x', 1, 6],
  ['{"a": "two\nlines"}', 1, 7],
  ['[01]', 1, 3],
  ['\ufeff{}', 1, 1],
])('%j stops being JSON at %i:%i', (text, line, column) => {
  expect(jsonFault(text)).toEqual({ line, column });
});

test('agrees with JSON.parse about every text', () => {
  const almost = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', '{', '}', ',', ':', '\\', '\n', '\u0001', '-', '0', 'null'))
    .map(([text, at, piece]) => {
      const cut = at % (text.length + 1);
      return text.slice(0, cut) + piece + text.slice(cut + (at % 3));
    });
  fc.assert(
    fc.property(fc.oneof(fc.json(), almost), (text) => {
      let good = true;
      try {
        JSON.parse(text);
      } catch {
        good = false;
      }
      expect(jsonFault(text) === undefined).toBe(good);
    }),
    { numRuns: 2000 },
  );
});

test('depth is no danger', () => {
  expect(jsonFault('['.repeat(500_000))).toEqual({ line: 1, column: 500_001 });
  expect(jsonFault('['.repeat(500_000) + ']'.repeat(500_000))).toBeUndefined();
});
