import { describe, expect, test } from 'vitest';
import type { Facts } from '../src/model.ts';
import { nextBoot } from '../src/nextboot.ts';
import { factsOf, GIB, type Said } from './support/facts.ts';

const modprobe = { '/etc/modprobe.d/nf_conntrack.conf': 'options nf_conntrack hashsize=125000\n' };
const sysctl = { '/etc/sysctl.d/50-a.conf': 'net.netfilter.nf_conntrack_max = 500000\n' };
const load = { '/etc/modules-load.d/a.conf': 'nf_conntrack\n' };
const udev = {
  '/etc/udev/rules.d/50-a.rules':
    'ACTION=="add", SUBSYSTEM=="module", KERNEL=="nf_conntrack", RUN+="/lib/systemd/systemd-sysctl --prefix=/net/netfilter"\n',
};
const install = {
  '/etc/modprobe.d/firewalld-sysctls.conf':
    "install nf_conntrack /sbin/modprobe --ignore-install nf_conntrack $CMDLINE_OPTS && /sbin/sysctl --quiet --pattern 'net[.]netfilter[.]nf_conntrack.*' --system\n",
};
const alias = { '/etc/sysctl.d/50-a.conf': 'net.nf_conntrack_max = 500000\n' };
const owner = (name: 'ufw' | 'kube-proxy', state: 'active' | 'inactive'): Facts['firewalls'] => [
  { name, state, takesAlong: [] },
];

/** What a 6.1 host with 2 GiB gives: boot max, boot buckets, load max, load buckets; as measured over reboots. */
const given = (said: Said) => {
  const { boot, load: later } = nextBoot(factsOf(said));
  return [boot.max?.value, boot.buckets?.value, later.max?.value, later.buckets?.value];
};

describe('after a boot, and after a load by hand', () => {
  test.each<[string, Said['files'], number[]]>([
    ['nothing', {}, [65536, 65536, 65536, 65536]],
    ['sysctl.d only: lost', sysctl, [65536, 65536, 65536, 65536]],
    ['sysctl.d and modules-load.d', { ...sysctl, ...load }, [500000, 65536, 65536, 65536]],
    ['modprobe.d only: 8 times', modprobe, [1003520, 125440, 1003520, 125440]],
    ['all but a hook', { ...modprobe, ...sysctl, ...load }, [500000, 125440, 1003520, 125440]],
    ['modprobe.d and sysctl.d', { ...modprobe, ...sysctl }, [1003520, 125440, 1003520, 125440]],
    ['sysctl.d and a udev rule', { ...sysctl, ...udev }, [500000, 65536, 500000, 65536]],
    ['with the install line of firewalld', { ...modprobe, ...sysctl, ...install }, [500000, 125440, 500000, 125440]],
    ['with a udev rule', { ...modprobe, ...sysctl, ...udev }, [500000, 125440, 500000, 125440]],
    ['the legacy spelling is not what a hook applies', { ...alias, ...udev }, [65536, 65536, 65536, 65536]],
    ['the legacy spelling at boot', { ...alias, ...load }, [500000, 65536, 65536, 65536]],
    [
      'the last hashsize wins',
      { ...modprobe, '/etc/modprobe.d/zz.conf': 'options nf-conntrack hashsize=512\n' },
      [4096, 512, 4096, 512],
    ],
    [
      'hashsize=0 leaves it to the kernel',
      { '/etc/modprobe.d/a.conf': 'options nf_conntrack hashsize=0\n' },
      [65536, 65536, 65536, 65536],
    ],
  ])('%s', (_, files, expected) => {
    expect(given({ files: files ?? {} })).toEqual(expected);
  });
});

describe('who decides', () => {
  test.each<[string, Said, Partial<Record<'value' | 'by' | 'file' | 'line', unknown>>]>([
    ['the kernel', {}, { value: 65536, by: 'kernel' }],
    [
      'a line',
      { files: { ...sysctl, ...udev } },
      { value: 500000, by: 'sysctl', file: '/etc/sysctl.d/50-a.conf', line: 1 },
    ],
    [
      'ufw over sysctl.d',
      {
        files: { ...sysctl, ...udev, '/etc/ufw/sysctl.conf': '#\nnet/netfilter/nf_conntrack_max=90000\n' },
        firewalls: owner('ufw', 'active'),
      },
      { value: 90000, by: 'ufw', file: '/etc/ufw/sysctl.conf', line: 2 },
    ],
    [
      'ufw that is switched off',
      {
        files: { ...sysctl, ...udev, '/etc/ufw/sysctl.conf': 'net/netfilter/nf_conntrack_max=90000\n' },
        firewalls: owner('ufw', 'inactive'),
      },
      { value: 500000, by: 'sysctl' },
    ],
    [
      'kube-proxy',
      { table: { max: 131072 }, firewalls: owner('kube-proxy', 'active') },
      { value: 131072, by: 'kube-proxy' },
    ],
    ['the command line over modprobe.d', { files: modprobe, cmdlineHashsize: 1000 }, { value: 8192, by: 'cmdline' }],
    [
      '/etc/sysctl.conf where there is no systemd',
      {
        machine: { systemd: false },
        files: { ...sysctl, ...load, '/etc/sysctl.conf': 'net.netfilter.nf_conntrack_max=7\n' },
      },
      { value: 7, file: '/etc/sysctl.conf' },
    ],
    [
      'sysctl.d where systemd does not read /etc/sysctl.conf',
      { files: { ...sysctl, ...load, '/etc/sysctl.conf': 'net.netfilter.nf_conntrack_max=7\n' } },
      { value: 500000 },
    ],
    [
      'built in: the files at boot, not modprobe.d',
      { module: { state: 'builtin' }, files: { ...modprobe, ...sysctl } },
      { value: 500000, by: 'sysctl' },
    ],
    [
      'no limit where the kernel takes it',
      { files: { ...udev, '/etc/sysctl.d/a.conf': 'net.netfilter.nf_conntrack_max=0\n' } },
      { value: 0 },
    ],
    [
      'no limit where it does not',
      {
        machine: { kernel: '7.2.13' },
        files: { ...udev, '/etc/sysctl.d/a.conf': 'net.netfilter.nf_conntrack_max=0\n' },
      },
      { value: 65536 },
    ],
  ])('%s', (_, said, expected) => {
    expect(nextBoot(factsOf(said)).boot.max).toMatchObject(expected);
  });

  test('a sysctl line for buckets comes after the option, and is rounded', () => {
    const files = { ...modprobe, ...udev, '/etc/sysctl.d/a.conf': 'net.netfilter.nf_conntrack_buckets = 200000\n' };
    const { boot } = nextBoot(factsOf({ files }));
    expect([boot.buckets?.value, boot.max?.value]).toEqual([200192, 1003520]);
  });
});

describe("the kernel's own choice", () => {
  test.each<[string, number, number, number, number]>([
    ['6.1.0', 2 * GIB, 4096, 65536, 65536],
    ['6.1.0', 8 * GIB, 4096, 262144, 262144],
    ['6.1.0', 4 * GIB - 100_000, 4096, 65536, 65536],
    ['6.1.0', GIB / 2, 4096, 4096, 4096],
    ['6.1.0', 20_000, 4096, 1024, 1024],
    ['6.1.0', 20_000, 65536, 8192, 8192],
    ['5.10.0', 2 * GIB, 4096, 16384, 65536],
    ['5.10.0', 8 * GIB, 4096, 65536, 262144],
    ['5.10.0', GIB / 2, 4096, 4096, 16384],
  ])('%s with %i KiB, pages of %i', (kernel, memTotalKiB, pageSize, buckets, max) => {
    const { boot } = nextBoot(factsOf({ machine: { kernel, memTotalKiB, pageSize }, module: { state: 'absent' } }));
    expect([boot.buckets?.value, boot.max?.value]).toEqual([buckets, max]);
  });

  test('a live size that fits the memory is the choice, a little off or of a vendor', () => {
    const near = factsOf({ machine: { memTotalKiB: 480_000 }, table: { buckets: 4096, max: 4096 } });
    expect(nextBoot(near).boot.buckets?.value).toBe(4096);
    const el9 = factsOf({
      machine: { kernel: '5.14.0-427.el9.x86_64', memTotalKiB: 8 * GIB },
      table: { buckets: 262144, max: 262144 },
    });
    expect(nextBoot(el9).boot.max?.value).toBe(262144);
    const admin = factsOf({
      machine: { kernel: '5.10.0-32-amd64', memTotalKiB: 8 * GIB },
      table: { buckets: 262144, max: 262144 },
    });
    expect(nextBoot(admin).boot.buckets?.value).toBe(65536);
  });

  test('is unknown when the memory is', () => {
    const { boot } = nextBoot(factsOf({ kind: 'sysroot', machine: { memTotalKiB: 0 }, module: { state: 'absent' } }));
    expect(boot).toEqual({ max: undefined, buckets: undefined });
  });
});
