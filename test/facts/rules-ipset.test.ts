import { expect, test } from 'vitest';
import { comparableSet, ipsets, restored } from '../../src/facts/rules-ipset.ts';

const SAVED = `create blocklist hash:net family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x96277e77
add blocklist 192.0.2.0/24
add blocklist 10.0.0.0/8
create timed hash:ip family inet hashsize 1024 maxelem 65536 timeout 600 counters bucketsize 12 initval 0x1
add timed 1.2.3.4 timeout 593 packets 3 bytes 9
add timed 5.6.7.8 timeout 0 packets 7 bytes 70
create all list:set size 8
add all blocklist
`;
const [BLOCKLIST, TIMED, ALL] = ipsets(SAVED);
if (BLOCKLIST === undefined || TIMED === undefined || ALL === undefined) throw new Error('three sets');

test('sets with their members, in the order of their making', () => {
  expect([BLOCKLIST, TIMED, ALL].map(({ name, members }) => [name, members.length])).toEqual([
    ['blocklist', 2],
    ['timed', 2],
    ['all', 1],
  ]);
  expect(BLOCKLIST.members[0]).toBe('add blocklist 10.0.0.0/8');
});

test('what the kernel picks, counts or lets expire is not compared', () => {
  const other = ipsets(SAVED.replace('0x96277e77', '0x5').replace('timeout 593 packets 3 bytes 9', 'timeout 1'));
  expect(other.map(comparableSet)).toEqual([BLOCKLIST, TIMED, ALL].map(comparableSet));
  expect(comparableSet(TIMED)).toContain('add timed 5.6.7.8 timeout 0');
  const less = ipsets(SAVED.replace('add blocklist 10.0.0.0/8\n', ''))[0];
  expect(less && comparableSet(less)).not.toBe(comparableSet(BLOCKLIST));
});

test('a set is made, emptied and filled', () => {
  expect(restored(ALL)).toBe('create all list:set size 8\nflush all\nadd all blocklist\n');
});
