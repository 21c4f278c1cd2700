/** Sysctl keys that no kernel has: what was meant, and what is left alone. */
import { expect, test } from 'vitest';
import { strayKeys } from '../../src/facts/stray-keys.ts';
import { parseSysctl } from '../../src/facts/sysctl-files.ts';
import { knownNames } from '../../src/origin-defaults.ts';

const HERE = ['max', 'buckets', 'count', 'tcp_timeout_established', 'udp_timeout'];
const MAX = 'net.netfilter.nf_conntrack_max';
const stray = (line: string) =>
  strayKeys([{ file: '/etc/sysctl.d/a.conf', entries: parseSysctl(`# a\n${line}\n`) }], HERE, knownNames());

test.each<[line: string, meant: string | undefined]>([
  ['net.ipv4.netfilter.ip_conntrack_max = 9', MAX],
  ['net.ipv4.ip_conntrack_max = 9', MAX],
  ['net.nf_conntrack_buckets = 9', 'net.netfilter.nf_conntrack_buckets'],
  ['net.netfilter.nf_conntrack-max = 9', MAX],
  ['net.netfilter.nf_conntrack_maxx = 9', MAX],
  ['net.netfilter.conntrack_max = 9', MAX],
  ['nf_conntrack_max = 9', MAX],
  ['net/netfilter/nf_conntrack_tcp_timeout_establised = 9', 'net.netfilter.nf_conntrack_tcp_timeout_established'],
  ['net.ipv4.netfilter.ip_conntrack_tcp_timeout_established=9', 'net.netfilter.nf_conntrack_tcp_timeout_established'],
  ['net.netfilter.nf_conntrak_max = 9', MAX],
  ['net.netfilter.nf_contrack_max = 9', MAX],
  ['net.netfilter.nf_conntract_max = 9', MAX],
  ['net.nf_contrack_max = 9', MAX],
  ['net/netfilter/nf_contrack_tcp_timeout_established = 9', 'net.netfilter.nf_conntrack_tcp_timeout_established'],
  ['net.netfilter.nf_conntrack_hashsize = 9', 'net.netfilter.nf_conntrack_buckets'],
  ['net.netfilter.nf_conntrack_maximum = 9', MAX],
  ['net.netfilter.nf_conntrack_turbo = 1', undefined],
])('%s', (line, meant) => {
  const [found, ...more] = stray(line);
  expect(more).toEqual([]);
  expect(found?.stray).toMatchObject({ file: '/etc/sysctl.d/a.conf', line: 2 });
  expect(found?.stray.meant).toBe(meant);
});

test('a key of other kernels is said to be one', () => {
  expect(stray('net.netfilter.nf_conntrack_helper = 1').map(({ stray: { meant, once } }) => ({ meant, once }))).toEqual(
    [{ meant: undefined, once: 'this kernel has no such key' }],
  );
});

test.each([
  ['net.netfilter.nf_conntrack_max = 9'],
  ['net/netfilter/nf_conntrack_max = 9'],
  ['net.nf_conntrack_max = 9'],
  ['net.netfilter.nf_conntrack_* = 9'],
  ['net.ipv4.vs.conntrack = 1'],
  ['net.core.somaxconn = 9'],
  ['-net.netfilter.nf_conntrack_maxx'],
  ['# net.netfilter.nf_conntrack_maxx = 9'],
  ['net.example.conntrack_of_somebody_else = 1'],
  ['net.netfilter.nf_log_all_netns = 1'],
  ['net.netfilter.nf_log.2 = NONE'],
  ['net.netfilter.nf_hooks_lwtunnel = 1'],
  ['net.netfilter.nf_flowtable_tcp_timeout = 30'],
  ['net.bridge.bridge-nf-call-iptables = 1'],
  ['net.ipv4.tcp_max_syn_backlog = 9'],
  ['net.nf_contrack_turbo = 9'],
])('left alone: %s', (line) => expect(stray(line)).toEqual([]));

test('a key as long as a file is no matter', () => {
  const begin = performance.now();
  expect(stray(`net.netfilter.nf_conntrack_${'a'.repeat(900_000)} = 9`)).toHaveLength(1);
  expect(performance.now() - begin).toBeLessThan(2000);
});
