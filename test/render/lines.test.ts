import fc from 'fast-check';
import { expect, test } from 'vitest';
import { columns, section, WIDTH, wrap } from '../../src/render/lines.ts';

const word = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 30 }).filter((text) => !text.includes(' '));

test('wrapping keeps every word in order and ends lines in time', () => {
  fc.assert(
    fc.property(fc.array(word, { minLength: 1 }), (words) => {
      const lines = wrap(words.join(' '), '  - ', '    ');
      expect(lines.map((line) => line.slice(4)).join(' ')).toBe(words.join(' '));
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(WIDTH);
    }),
  );
});

test('a word that is too long stays whole', () => {
  const path = `/${'x'.repeat(150)}`;
  expect(wrap(`see ${path} there`, '- ')).toEqual(['- see', `  ${path}`, '  there']);
});

test('columns line up, numbers to the right', () => {
  expect(
    columns(
      [
        ['max', '5', 'five'],
        ['buckets', '1,000', 'many'],
      ],
      [1],
    ),
  ).toEqual(['  max          5  five', '  buckets  1,000  many']);
  expect(columns([])).toEqual([]);
});

test('a section without lines is not there', () => {
  expect(section('notes', [])).toEqual([]);
  expect(section('notes', ['  - x'])).toEqual(['', 'notes', '  - x']);
});

test('a command to be copied is never broken', () => {
  const lead = 'x'.repeat(WIDTH - 12);
  expect(wrap(`${lead} sudo ctfix confirm now`, '')).toEqual([lead, 'sudo ctfix confirm now']);
});
