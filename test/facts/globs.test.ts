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
