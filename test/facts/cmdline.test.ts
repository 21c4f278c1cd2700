import { expect, test } from 'vitest';
import { parseCmdline } from '../../src/facts/cmdline.ts';

test.each([
  ['quiet nf_conntrack.hashsize=65536 ro', 65536, 0],
  ['nf-conntrack.hashsize=0x100', 256, 0],
  ['nf_conntrack.hashsize=1 nf_conntrack.hashsize=2\n', 2, 0],
  ['"nf_conntrack.hashsize=5"', 5, 0],
  ['a="x nf_conntrack.hashsize=5 y"', undefined, 0],
  ['init=/x -- nf_conntrack.hashsize=5', undefined, 0],
  ['nf_conntrack.acct=1 hashsize=5', undefined, 0],
  ['nf_conntrack.hashsize=lots', undefined, 1],
  ['nf_conntrack.hashsize=', undefined, 1],
  ['nf_conntrack.hashsize=0', 0, 1],
  ['', undefined, 0],
])('%j asks for %s', (text, hashsize, problems) => {
  const found = parseCmdline(text);
  expect(found.hashsize).toBe(hashsize);
  expect(found.problems).toHaveLength(problems);
});
