import { describe, expect, test } from 'vitest';
import { isKnown, known, type Maybe } from '../src/model.ts';
import { type Given, origins } from '../src/origin.ts';
import { factsOf, type Said, values } from './support/facts.ts';
import { file, find, hashsize, lines500k, load, MAX, udev } from './support/origins.ts';

const given = (one: Maybe<Given> | undefined) =>
  one === undefined ? 'none' : isKnown(one) ? `${one.value} ${one.by}: ${one.how}` : `unknown: ${one.unknown}`;
const change = (more: object = {}) => ({
  id: '20261124-050000-1',
  at: '2026-11-24T05:00:00.000Z',
  bootId: 'b0000000-0000-4000-8000-000000000001',
  uptime: 100,
  outcome: 'applied' as const,
  options: {},
  strategy: 'live' as const,
  targets: { max: 131072, buckets: 131072, values: { udp_timeout: '20' } },
  before: { max: 65536, buckets: 65536 },
  ...more,
});

describe('what gave the value that is live', () => {
  test.each<[string, Said, string, string]>([
    ['the kernel', {}, 'max', '65536 kernel: kernel default at load'],
    ['the kernel, buckets', {}, 'buckets', '65536 kernel: kernel default at load'],
    [
      'hashsize',
      { files: hashsize, table: { buckets: 125440, max: 1003520 } },
      'max',
      '1003520 modprobe: 8 × hashsize in /etc/modprobe.d/nf_conntrack.conf:1, at load',
    ],
    [
      'hashsize, buckets',
      { files: hashsize, table: { buckets: 125440, max: 1003520 } },
      'buckets',
      '125440 modprobe: hashsize in /etc/modprobe.d/nf_conntrack.conf:1, at load',
    ],
    [
      'hashsize that a line of sysctl.d would override at a boot',
      { files: { ...hashsize, ...lines500k, ...load }, table: { buckets: 125440, max: 1003520 } },
      'max',
      '1003520 modprobe: 8 × hashsize in /etc/modprobe.d/nf_conntrack.conf:1, at load; /etc/sysctl.d/90-x.conf:3 has not been applied since',
    ],
    [
      'the command line',
      { cmdlineHashsize: 1024, table: { buckets: 1024, max: 8192 } },
      'max',
      '8192 cmdline: 8 × nf_conntrack.hashsize on the kernel command line, at load',
    ],
    [
      'a line',
      { files: { ...lines500k, ...load }, table: { max: 500000 } },
      'max',
      '500000 sysctl: /etc/sysctl.d/90-x.conf:3',
    ],
    [
      'a line that nothing applies',
      { files: lines500k, table: { max: 500000 } },
      'max',
      '500000 sysctl: /etc/sysctl.d/90-x.conf:3, applied by somebody at a time unknown',
    ],
    [
      'ufw',
      {
        files: file(`${MAX}=70000\n`, '/etc/ufw/sysctl.conf'),
        table: { max: 70000 },
        firewalls: [{ name: 'ufw', state: 'active', takesAlong: [] }],
      },
      'max',
      '70000 ufw: /etc/ufw/sysctl.conf:1, applied by ufw',
    ],
    [
      'kube-proxy',
      { table: { max: 131072 }, firewalls: [{ name: 'kube-proxy', state: 'active', takesAlong: [] }] },
      'max',
      '131072 kube-proxy: set by kube-proxy',
    ],
    [
      'a change of ctfix in this boot',
      { lastChange: change(), table: { max: 131072 } },
      'max',
      '131072 ctfix: ctfix change 20261124-050000-1',
    ],
    [
      'its timeout',
      { lastChange: change(), table: { values: { udp_timeout: '20' } } },
      'udp_timeout',
      '20 ctfix: ctfix change 20261124-050000-1',
    ],
    [
      'a change that found the value there',
      { lastChange: change({ targets: { max: 65536, buckets: 131072, values: {} } }) },
      'max',
      '65536 kernel: kernel default at load',
    ],
    [
      'a change in another boot',
      { lastChange: change({ bootId: 'b1' }), table: { max: 131072 } },
      'max',
      '131072 somebody: set by somebody at a time unknown; no file asks for it',
    ],
    [
      'a change of files alone',
      { lastChange: change({ strategy: 'persist' }), table: { max: 131072 } },
      'max',
      '131072 somebody: set by somebody at a time unknown; no file asks for it',
    ],
    [
      'a load with hashsize that is gone',
      { table: { max: 8192, buckets: 1024 } },
      'max',
      '8192 somebody: 8 × the buckets: loaded with hashsize=1024, which no file asks for now',
    ],
    ['no limit', { table: { max: 0 } }, 'max', '0 somebody: set by somebody at a time unknown; no file asks for it'],
    [
      'nobody knows',
      { machine: { memTotalKiB: 0 }, table: { max: 77 } },
      'max',
      "77 unknown: no file sets it; the kernel's own value is not known here",
    ],
    [
      'outside',
      { table: { namespace: 'child' } },
      'max',
      '65536 host: set outside this network namespace, for all of them',
    ],
    ['unreadable', { table: { max: { unknown: 'no permission' } } }, 'max', 'unknown: no permission'],
    ['no module', { module: { state: 'absent' } }, 'max', 'none'],
    [
      'a tree',
      { kind: 'sysroot', module: { state: 'absent' } },
      'max',
      'unknown: live kernel values not inspected (--root)',
    ],
    [
      'a timeout that the next boot changes',
      { files: { ...file('net.netfilter.nf_conntrack_udp_timeout = 9\n'), ...udev } },
      'udp_timeout',
      '30 kernel: kernel default; /etc/sysctl.d/90-x.conf:1 has not been applied since',
    ],
    ['a timeout as it comes', {}, 'udp_timeout', '30 kernel: kernel default'],
    [
      'a timeout of an older kernel',
      { table: { values: { udp_timeout_stream: '180' } } },
      'udp_timeout_stream',
      '180 kernel: kernel default',
    ],
    [
      'a timeout by hand',
      { table: { values: { udp_timeout: '9' } } },
      'udp_timeout',
      '9 somebody: set by somebody at a time unknown; no file asks for it',
    ],
    [
      'a value without a known default',
      { table: { values: { expect_max: '9' } } },
      'expect_max',
      "9 unknown: no file sets it; the kernel's own value is not known here",
    ],
    [
      'a timeout from a line',
      {
        files: { ...file('net.netfilter.nf_conntrack_udp_timeout = 9\n'), ...udev },
        table: { values: { udp_timeout: '9' } },
      },
      'udp_timeout',
      '9 sysctl: /etc/sysctl.d/90-x.conf:1',
    ],
    [
      'a timeout from a line by hand',
      { files: file('net.netfilter.nf_conntrack_udp_timeout = 9\n'), table: { values: { udp_timeout: '9' } } },
      'udp_timeout',
      '9 sysctl: /etc/sysctl.d/90-x.conf:1, applied by somebody at a time unknown',
    ],
  ])('%s', (_, said, name, expected) => {
    expect(given(find(said, name).now)).toBe(expected);
  });
});

test('the timeouts that kube-proxy writes are its own, now and after the next boot', () => {
  const firewalls = [{ name: 'kube-proxy', state: 'active', takesAlong: [] }] as const;
  const table = { values: { tcp_timeout_established: '86400', udp_timeout: '30', generic_timeout: '9' } };
  const by = (name: string) => {
    const { now, boot } = find({ firewalls, table }, name);
    return [given(now), given(boot)];
  };
  expect(by('tcp_timeout_established')).toEqual([
    '86400 kube-proxy: set by kube-proxy',
    '86400 kube-proxy: kube-proxy sets it whenever it starts',
  ]);
  expect(by('udp_timeout')[0]).toBe('30 kernel: kernel default');
  expect(by('generic_timeout')[0]).toMatch(/^9 somebody/);
});

test('a max below that of the files, where kube-proxy is active, is its own', () => {
  const firewalls = [{ name: 'kube-proxy', state: 'active', takesAlong: [] }] as const;
  const { now, boot, lost } = find({ firewalls, files: { ...lines500k, ...load }, table: { max: 131072 } });
  expect(given(now)).toBe('131072 kube-proxy: set by kube-proxy');
  expect(given(boot)).toBe('131072 kube-proxy: kube-proxy sets it whenever it starts');
  expect(lost.map(({ why }) => why)).toEqual(['does not count: kube-proxy sets it whenever it starts']);
});

test('a max that kube-proxy does not compute is its own by other settings, or anybody has set it', () => {
  const firewalls = [{ name: 'kube-proxy', state: 'active', takesAlong: [] }] as const;
  const { now, boot } = find({ firewalls, table: { max: 4000 } });
  expect(given(now)).toBe(
    '4000 unknown: set by somebody, or by kube-proxy with settings of its own; no file asks for it',
  );
  expect(given(boot)).toBe(
    "unknown: kube-proxy is active, and 4,000 may be its own or somebody's: its default settings give 131,072 here, and the next boot without it 65,536",
  );
  expect(find({ firewalls, table: { max: 0 } }).now).toMatchObject({ value: '0', by: 'somebody' });
});

describe('after the next boot', () => {
  test.each<[string, Said, string, string]>([
    [
      'a key that nobody knows',
      { files: file('net.netfilter.nf_conntrack_maxx = 9\n') },
      'maxx',
      'unknown: this kernel has no such key, or what brings it is not loaded',
    ],
    ['a size', {}, 'max', "65536 kernel: the kernel's own choice with more than 1 GiB of memory"],
    [
      'no memory known',
      { machine: { memTotalKiB: 0 }, table: { max: 77, buckets: 77 } },
      'max',
      "unknown: no file sets it, and the kernel's own value is not known here",
    ],
    [
      'a child namespace',
      { table: { namespace: 'child' } },
      'udp_timeout',
      'unknown: it is decided outside this network namespace',
    ],
    [
      'a timeout that somebody set',
      { table: { values: { udp_timeout: '9' } } },
      'udp_timeout',
      '30 kernel: no file sets it',
    ],
    [
      'one that differs by kernel',
      { table: { values: { udp_timeout_stream: '9' } } },
      'udp_timeout_stream',
      "unknown: no file sets it, and the kernel's own value is not known here",
    ],
    [
      'one that differs by kernel, as it comes',
      { table: { values: { udp_timeout_stream: '180' } } },
      'udp_timeout_stream',
      '180 kernel: no file sets it',
    ],
    [
      'a key that is asked for, without the module',
      { module: { state: 'absent' }, files: { ...file('net.netfilter.nf_conntrack_udp_timeout = 9\n'), ...udev } },
      'udp_timeout',
      '9 sysctl: /etc/sysctl.d/90-x.conf:1 sets it; /etc/udev/rules.d/50-a.rules:1 applies the files whenever the module is loaded',
    ],
  ])('%s', (_, said, name, expected) => {
    expect(given(find(said, name).boot)).toBe(expected);
  });
});

test('every value that a fresh table has comes from the kernel', () => {
  const own = origins(factsOf()).filter(({ name }) => name in values);
  expect(own.map(({ now }) => (now === undefined ? 'none' : known(now)?.by))).toEqual(own.map(() => 'kernel'));
});
