import { describe, expect, test } from 'vitest';
import { type Facts, isKnown, type MachineFacts, type TableFacts } from '../src/model.ts';
import { heldAtBoot } from '../src/nextboot.ts';
import { BUCKETS_KEY, keyOf, MAX_KEY } from '../src/own.ts';
import { factsOf, GIB, type Said } from './support/facts.ts';

const firewalls: Facts['firewalls'] = [{ name: 'kube-proxy', state: 'active', takesAlong: [] }];
type Table = Partial<TableFacts>;
type Files = Readonly<Record<string, string>>;
const load = { '/etc/modules-load.d/a.conf': 'nf_conntrack\n' };
const asks = (max: number, key = 'max') => ({
  '/etc/sysctl.d/50-a.conf': `net.netfilter.nf_conntrack_${key} = ${max}\n`,
  ...load,
});

/** `VALUE OWNER`, or the reason; a host of 2 GiB, where the kernel takes 65,536 and 65,536. */
function next(said: Said, key: string): string {
  const held = heldAtBoot(factsOf({ firewalls, ...said }), key);
  if (held === undefined) return 'nothing';
  return isKnown(held) ? `${held.value} ${held.by}` : held.unknown;
}

const cpus = (count: number, table: Table, files: Files = {}): Said => ({
  machine: { cpus: count },
  table,
  files,
});

describe('max', () => {
  test.each<[string, Said, string]>([
    ['its least', cpus(4, { max: 131_072 }), '131072 kube-proxy'],
    ['its own for many cores', cpus(16, { max: 524_288 }), '524288 kube-proxy'],
    ['as old releases have it', cpus(96, { max: 3_145_728 }), '3145728 kube-proxy'],
    ['as 1.36 has it', cpus(96, { max: 1_048_576 }), '1048576 kube-proxy'],
    ['what the kernel takes by itself', cpus(4, { max: 65_536 }), '65536 kernel'],
    ['what a file asks for', cpus(4, { max: 600_000 }, asks(600_000)), '600000 sysctl'],
    ['its own over more that a file asks for', cpus(4, { max: 131_072 }, asks(1_000_000)), '131072 kube-proxy'],
    ['its own over less', cpus(4, { max: 131_072 }, asks(100_000)), '131072 kube-proxy'],
  ])('%s', (_, said, expected) => {
    expect(next(said, MAX_KEY)).toBe(expected);
  });

  test.each<[string, Said, string]>([
    ['more than it computes', cpus(4, { max: 600_000 }), 'its default settings give 131,072 here'],
    ['the figure of another number of cores', cpus(4, { max: 524_288 }), 'the next boot without it 65,536'],
    ['more than a file asks for', cpus(4, { max: 600_000 }, asks(262_144)), 'the next boot without it 262,144'],
    ['less than a file asks for', cpus(4, { max: 600_000 }, asks(1_000_000)), '600,000 may be its own or somebody'],
    ['with two figures', cpus(96, { max: 600_000 }), 'give 3,145,728 or 1,048,576 here'],
    ['no limit', cpus(4, { max: 0 }), "0 may be its own or somebody's"],
    [
      'the number of processors is not known',
      { machine: { cpus: undefined }, table: { max: 131_072 } } as unknown as Said,
      'how many processors there are is not known',
    ],
  ])('unknown: %s', (_, said, reason) => {
    expect(next(said, MAX_KEY)).toContain('kube-proxy is active, and ');
    expect(next(said, MAX_KEY)).toContain(reason);
  });

  test('one that is not active decides nothing', () => {
    const inactive: Facts['firewalls'] = [{ name: 'kube-proxy', state: 'inactive', takesAlong: [] }];
    expect(next({ firewalls: inactive, table: { max: 600_000 } }, MAX_KEY)).toBe('65536 kernel');
  });
});

describe('buckets', () => {
  const big: Partial<MachineFacts> = { memTotalKiB: 8 * GIB, kernel: '5.10.0', cpus: 16 };
  test.each<[string, Table, Files, string]>([
    ['a quarter of its max', { max: 524_288, buckets: 131_072 }, {}, '131072 kube-proxy'],
    ['more of them, by hand', { max: 524_288, buckets: 262_144 }, {}, '131072 kube-proxy'],
    ['a sysfs that it cannot write', { max: 524_288, buckets: 65_536 }, {}, '65536 kernel'],
    ['a max of a file, and its quarter', { max: 600_000, buckets: 131_072 }, asks(600_000), '131072 kube-proxy'],
    ['as the kernel takes them, whosever max is', { max: 700_000, buckets: 65_536 }, {}, '65536 kernel'],
    [
      'as many as a quarter of any max that it can have set',
      { max: 262_144, buckets: 500_224 },
      asks(262_144),
      '65536 kernel',
    ],
  ])('%s', (_, table, files, expected) => {
    expect(next({ machine: big, table, files }, BUCKETS_KEY)).toBe(expected);
  });

  test.each<[string, Table, Files, string]>([
    ['not a quarter of what it gives', { max: 600_000, buckets: 150_016 }, asks(600_000), '150,016 buckets may be'],
    ['nor of a max that nobody knows', { max: 700_000, buckets: 150_016 }, {}, '700,000 may be its own'],
  ])('unknown: %s', (_, table, files, expected) => {
    expect(next({ machine: big, table, files }, BUCKETS_KEY)).toContain(expected);
  });
});

describe('timeouts', () => {
  const of = (name: string, value: string, files: Files = {}) =>
    next({ table: { values: { [name]: value } }, files }, keyOf(name));
  const line = asks(86_400, 'tcp_timeout_established');

  test('its own, also over a line', () => {
    expect(of('tcp_timeout_established', '86400')).toBe('86400 kube-proxy');
    expect(of('tcp_timeout_close_wait', '3600', asks(30, 'tcp_timeout_close_wait'))).toBe('3600 kube-proxy');
  });

  test('what a line asks for, and what the kernel has', () => {
    expect(of('tcp_timeout_established', '86400', line)).toBe('86400 sysctl');
    expect(of('tcp_timeout_established', '432000')).toBe('nothing');
    expect(of('tcp_timeout_established', '432000', line)).toBe('86400 sysctl');
    expect(of('generic_timeout', '9')).toBe('nothing');
  });

  test('another value is its own or somebody else has set it', () => {
    expect(of('tcp_timeout_established', '7200')).toContain("7200 may be its own or somebody's");
    expect(of('udp_timeout', '10')).toContain("10 may be its own or somebody's");
    expect(next({ firewalls: [], table: { values: { udp_timeout: '10' } } }, keyOf('udp_timeout'))).toBe('nothing');
  });
});
