import { expect, test } from 'vitest';
import { isBadOption, listeningSockets, optionWords, queuesIn } from '../../src/facts/rules-seen.ts';

test('listeners are netfilter sockets in a conntrack or expectation group', () => {
  const text = `sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
0000000068471743 0   1          800405dd 0        0        0     2        0        11334
0000000002b49762 12  3741468062 00000007 0        0        0     2        0        18704
0000000002b49763 12  811        00000040 0        0        0     2        0        18705
0000000002b49764 12  812        00000020 0        0        0     2        0        18706
00000000dd296e77 12  0          00000000 0        0        0     2        0        12159
`;
  expect(listeningSockets(text)).toEqual([18704, 18706]);
  expect(listeningSockets('')).toEqual([]);
});

test('queues with the packets that wait in them', () => {
  const text =
    '    0   1234     5 1     0     0     0        7  1\n   10 3741468062     0 2 65535     0     0        0  1\n';
  expect(queuesIn(text)).toEqual([
    { queue: 0, port: 1234, waiting: 5 },
    { queue: 10, port: 3741468062, waiting: 0 },
  ]);
});

test('the words that modprobe hands over to the module itself', () => {
  const text = `insmod /lib/modules/6.1.0/kernel/net/ipv4/netfilter/nf_defrag_ipv4.ko x=1
insmod /lib/modules/6.1.0/kernel/net/netfilter/nf_conntrack.ko.xz acct=1  hashsize=1111  hashsize=2222 
`;
  expect(optionWords(text)).toEqual(['acct=1', 'hashsize=1111', 'hashsize=2222']);
  expect(optionWords('builtin nf_conntrack\n')).toEqual([]);
});

test.each([
  ['hashsize=131072', false],
  ['hashsize=0x1000', false],
  ['hashsize=0', false],
  ['hashsize="4096"', false],
  ['hashsize=4294967295', false],
  ['hashsize=4294967296', true],
  ['hashsize=99999999999', true],
  ['hashsize=-1', true],
  ['hashsize=5k', true],
  ['hashsize=089', true],
  ['hashsize', true],
  ['expect_hashsize=x', true],
  ['acct', false],
  ['acct=1', false],
  ['acct=yes', false],
  ['tstamp=maybe', true],
  ['nosuch=99999999999', false],
  ['nosuch', false],
])('%s makes the load fail: %s', (word, bad) => expect(isBadOption(word)).toBe(bad));
