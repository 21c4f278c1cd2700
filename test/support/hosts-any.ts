/** Arbitrary hosts and options for properties. */
import fc from 'fast-check';
import { roundBuckets } from '../../src/kernel.ts';
import type { Facts, PlanOptions } from '../../src/model.ts';
import { factsOf, GIB, values } from './facts.ts';

const KERNELS = [
  '3.10.0-1160.el7.x86_64',
  '4.4.155',
  '4.18.0-240.el8.x86_64',
  '5.10.0-32-amd64',
  '5.15.0-100-generic',
  '6.1.0-56-cloud-amd64',
  '6.12.1',
  '7.2.13+deb14-amd64',
];

const udevRule =
  'ACTION=="add", SUBSYSTEM=="module", KERNEL=="nf_conntrack", RUN+="/lib/systemd/systemd-sysctl --prefix=/net/netfilter"\n';
const size = fc.oneof(
  fc.constantFrom(1024, 16384, 65536, 131072, 262144, 1048576),
  fc.integer({ min: 600, max: 3_000_000 }),
);

const FILES: Readonly<Record<string, fc.Arbitrary<string>>> = {
  '/etc/modprobe.d/nf_conntrack.conf': size.map((n) => `# tuned by hand\noptions nf-conntrack acct=0 hashsize=${n}`),
  '/etc/modprobe.d/zz.conf': size.map((n) => `options nf_conntrack hashsize=${n}\n`),
  '/etc/modprobe.d/broken.conf': size.map((n) => `options nf_conntrack hashsize = ${n}\n`),
  '/etc/modprobe.d/options_nf_conntrack.conf': size.map((n) => `options nf_conntrack hashsize=${n}\r\n`),
  '/etc/sysctl.d/60-times.conf': fc
    .integer({ min: 20, max: 900_000 })
    .map((n) => `net.netfilter.nf_conntrack_tcp_timeout_established=${n}\nnet.netfilter.nf_conntrack_acct=1\n`),
  '/usr/lib/tuned/router/tuned.conf': size.map((n) => `[net]\nnf_conntrack_hashsize=${n}\n`),
  '/etc/sysctl.d/10-admin.conf': size.map((n) => `net.netfilter.nf_conntrack_max=${n}\n`),
  '/etc/sysctl.d/99-admin.conf': size.map((n) => `net/netfilter/nf_conntrack_max = ${n}\nnet.ipv4.ip_forward=1\n`),
  '/usr/lib/sysctl.d/95-vendor.conf': size.map((n) => `net.nf_conntrack_max = ${n}\n`),
  '/usr/lib/sysctl.d/92-buckets.conf': size.map((n) => `net.netfilter.nf_conntrack_buckets = ${n}\n`),
  '/etc/sysctl.conf': size.map((n) => `net.netfilter.nf_conntrack_max = ${n}\r\n`),
  '/etc/ufw/sysctl.conf': size.map((n) => `net/netfilter/nf_conntrack_max=${n}`),
  '/etc/modules-load.d/c.conf': fc.constant('nf_conntrack\n'),
  '/etc/udev/rules.d/50-ct.rules': fc.constant(udevRule),
};

/** Files somebody else may have left: none, or a few. */
const files = fc
  .oneof(fc.constant<string[]>([]), fc.subarray(Object.keys(FILES), { maxLength: 3 }), fc.subarray(Object.keys(FILES)))
  .chain((paths) => fc.record(Object.fromEntries(paths.map((path) => [path, FILES[path] ?? fc.constant('')]))));

const links = fc.constantFrom<Record<string, string>>({}, { '/etc/sysctl.d/99-sysctl.conf': '/etc/sysctl.conf' });
const active = (name: 'ufw' | 'kube-proxy'): Facts['firewalls'][number] => ({ name, state: 'active', takesAlong: [] });

/** A host: any table, any signs of trouble, any files. */
export const anyHost: fc.Arbitrary<Facts> = fc
  .record({
    kernel: fc.constantFrom(...KERNELS),
    memTotalKiB: fc.integer({ min: GIB / 4, max: 128 * GIB }),
    pageSize: fc.constantFrom(4096, 16384, 65536),
    udev: fc.boolean(),
    systemd: fc.boolean(),
    state: fc.constantFrom('loaded', 'loaded', 'absent', 'builtin'),
    nat: fc.boolean(),
    max: fc.oneof(size, fc.constant(0)),
    buckets: size,
    fill: fc.constantFrom(0, 0.1, 0.5, 0.7, 0.96, 1, 1.3),
    early: fc.nat(100),
    rise: fc.constantFrom(0, 0, 3),
    log: fc.array(fc.integer({ min: 1, max: 4999 }), { maxLength: 3 }),
    files,
    links,
    owners: fc.subarray<'ufw' | 'kube-proxy'>(['ufw', 'kube-proxy']),
    cmdline: fc.oneof({ weight: 30, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: size }),
  })
  .map((any) => {
    const plain = { refcnt: 0, holders: [], driver: false };
    const counters = { drop: any.early, early_drop: any.early };
    const later = { drop: any.early + any.rise, early_drop: any.early + any.rise };
    const text = 'nf_conntrack: nf_conntrack: table full, dropping packet';
    const machine = {
      kernel: any.kernel,
      version: '',
      memTotalKiB: any.memTotalKiB,
      pageSize: any.pageSize,
      udev: any.udev,
      systemd: any.systemd,
    };
    const tree = { nf_conntrack: plain, ...(any.nat ? { nf_nat: plain } : {}) };
    const max = any.max === 0 && any.kernel.startsWith('7.') ? 65536 : any.max;
    const buckets = roundBuckets(any.buckets, { pageSize: any.pageSize, bits: 64 });
    const table = {
      max,
      buckets,
      count: Math.floor(any.fill * (max === 0 ? 50_000 : max)),
      counters,
      countersLater: later,
      values,
    };
    return factsOf({
      machine,
      module: { state: any.state as Facts['module']['state'], tree: any.state === 'absent' ? {} : tree },
      ...(any.state === 'absent' ? {} : { table }),
      log: { source: 'kmsg', full: any.log.sort((a, b) => a - b).map((at) => ({ at, text })), total: any.log.length },
      firewalls: any.owners.map(active),
      files: any.files,
      links: '/etc/sysctl.conf' in any.files ? any.links : {},
      ...(any.cmdline === null ? {} : { cmdlineHashsize: any.cmdline }),
    });
  });

/** Options that are possible, alone and together. */
export const anyOptions: fc.Arbitrary<PlanOptions> = fc
  .record(
    {
      max: fc.oneof(size, fc.integer({ min: 1, max: 100_000_000 })),
      hashsize: fc.integer({ min: 1, max: 4_000_000 }),
      precaution: fc.constant(true),
      ratio: fc.constantFrom(1, 1.5, 2, 4, 8),
      peak: fc.integer({ min: 1, max: 3_000_000 }),
      headroom: fc.constantFrom(1, 1.2, 2, 3, 5.5),
      memoryLimit: fc.oneof(
        fc.constantFrom({ share: 1 }, { share: 0.01 }),
        fc.integer({ min: 1, max: 2 ** 32 }).map((bytes) => ({ bytes })),
      ),
      allowShrink: fc.constant(true),
      timeouts: fc.constantFrom({ tcp_timeout_established: 86400 }, { udp: 30, generic: 120 }),
      strategy: fc.constantFrom('auto', 'live', 'persist', 'reload'),
      takeOver: fc.constant(true),
    },
    { requiredKeys: [] },
  )
  .map((some) => Object.fromEntries(Object.entries(some).filter(([, value]) => value !== undefined)) as PlanOptions);

/** Mostly few options at once: most hosts are asked for little. */
export const fewOptions: fc.Arbitrary<PlanOptions> = fc
  .tuple(
    anyOptions,
    fc.subarray(['max', 'precaution', 'peak', 'allowShrink', 'timeouts', 'strategy', 'ratio'] as const, {
      maxLength: 2,
    }),
    fc.constantFrom<PlanOptions>({ takeOver: true }, { takeOver: true, memoryLimit: { share: 1 } }, {}),
  )
  .map(([all, names, more]) => {
    const few = names.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]]]));
    return { ...(Object.fromEntries(few) as PlanOptions), ...more };
  });
