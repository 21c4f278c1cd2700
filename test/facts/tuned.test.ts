import { expect, test } from 'vitest';
import { activeProfiles, parseProfile, profileFiles, reappliesSysctl } from '../../src/facts/tuned.ts';

test('a profile: what the sysctl files beat and what they do not', () => {
  const text = [
    '[main]',
    'include=throughput-performance, my-base',
    '[sysctl]',
    '# net.nf_conntrack_max = 1',
    'net.nf_conntrack_max=131072',
    'net/netfilter/nf_conntrack_tcp_loose = 0',
    'vm.swappiness=10',
    'net.netfilter.nf_conntrack_buckets=lots',
    '[net]',
    'nf_conntrack_hashsize=1048576',
    '[sysfs]',
    '/sys/module/nf_conntrack/parameters/hashsize=4096',
  ].join('\n');
  const profile = parseProfile('/f', text);
  expect(profile.include).toEqual(['throughput-performance', 'my-base']);
  expect(profile.beneath.map(({ key, value, line }) => [key, value, line])).toEqual([
    ['net.netfilter.nf_conntrack_max', '131072', 5],
    ['net.netfilter.nf_conntrack_tcp_loose', '0', 6],
  ]);
  expect(profile.above.map(({ key, value, line }) => [key, value, line])).toEqual([
    ['net.netfilter.nf_conntrack_buckets', '1048576', 10],
    ['net.netfilter.nf_conntrack_buckets', '4096', 12],
  ]);
});

test.each([
  [undefined, true],
  ['reapply_sysctl = 1\n', true],
  ['# reapply_sysctl = 0\n', true],
  ['daemon = 1\nreapply_sysctl=0\n', false],
  ['reapply_sysctl = False\n', false],
])('%j: re-applies %s', (text, expected) => expect(reappliesSysctl(text)).toBe(expected));

test("names of profiles never leave the profiles' directories", () => {
  expect(activeProfiles('virtual-guest my\n')).toEqual(['virtual-guest', 'my']);
  expect(profileFiles('../../x')).toEqual([]);
  expect(profileFiles('a')[0]).toBe('/etc/tuned/profiles/a/tuned.conf');
});
