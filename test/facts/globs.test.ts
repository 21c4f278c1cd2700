import fc from 'fast-check';
import { expect, test } from 'vitest';
import { globOf } from '../../src/facts/globs.ts';

test.each([
  ['net/*/nf', 'net/a/nf', true],
  ['net/*/nf', 'net/a/b/nf', false],
  ['n?t', 'n/t', false],
  ['[a-c]x', 'bx', true],
  ['[!a-c]x', 'bx', false],
  ['[!a-c]x', 'zx', true],
  ['a.b', 'axb', false],
  ['[z-a]', 'z', false],
  ['a(b', 'a(b', true],
  ['[^a-c]x', 'bx', false],
  ['[^a-c]x', 'zx', true],
  ['a\\*', 'a*', true],
  ['a\\*', 'ab', false],
  ['[[:alpha:]]x', 'bx', true],
  ['[[:alpha:]]x', '1x', false],
  ['[[:nosuch:]]x', 'ax', false],
  ['[]a]x', ']x', true],
  ['[\\]a]x', ']x', true],
  ['[a', '[a', true],
  ['{a,b}', 'a', false],
  ['\\', '\\', true],
])('glob %s on %s: %s', (glob, path, expected) => expect(globOf(glob)(path)).toBe(expected));

test.each(['*', '?*', '*a', '[!/]*', '*\\x', '['])('%j, however often, takes no time', (piece) => {
  const begin = performance.now();
  globOf(`net/${piece.repeat(5000)}X`)('net/netfilter/nf_conntrack_max'.repeat(20));
  expect(performance.now() - begin).toBeLessThan(1000);
});

test('agrees with a regular expression', () => {
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '?'), maxLength: 8 });
  const path = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 8 });
  fc.assert(
    fc.property(pattern, path, (pattern, path) => {
      const regex = new RegExp(`^${pattern.replaceAll('*', '[^/]*').replaceAll('?', '[^/]')}$`);
      expect(globOf(pattern)(path)).toBe(regex.test(path));
    }),
    { numRuns: 2000 },
  );
});
