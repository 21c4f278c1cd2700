/** Facts and plans made by hand, for renderers: every part filled. */
import type { Facts, Plan } from '../../src/model.ts';
import type { PlanReport } from '../../src/render/plan-parts.ts';

export const facts: Facts = {
  schema: 'ctfix.facts/v1',
  kind: 'recorded',
  root: true,
  machine: {
    kernel: '6.1.0-56-cloud-amd64',
    arch: 'x64',
    bits: 64,
    pageSize: 4096,
    memTotalKiB: 4_018_000,
    bootId: '0f2c9a52-1111-4222-8333-944455556666',
    machineId: '4a5b6c7d8e9f4a5b6c7d8e9f4a5b6c7d',
    uptime: 93_784,
    os: { id: 'debian', version: '12', name: 'Debian GNU/Linux 12 (bookworm)' },
    systemd: true,
    udev: true,
  },
  module: { state: 'loaded', loadable: true, tree: {}, inode: 4711 },
  table: {
    max: 65_536,
    buckets: 65_536,
    count: 65_536,
    namespace: 'initial',
    writable: true,
    counters: { drop: 500, early_drop: 0 },
    countersLater: { drop: 532, early_drop: 0 },
    slabObject: 256,
    values: { max: '65536' },
  },
  log: {
    source: 'journal',
    full: [
      { at: 93_700.5, text: 'nf_conntrack: nf_conntrack: table full, dropping packet' },
      { at: 93_780.25, text: 'nf_conntrack: nf_conntrack: table full, dropping packet' },
    ],
    total: 12,
  },
  firewalls: [{ name: 'ufw', unit: 'ufw.service', state: 'active', takesAlong: [] }],
  config: {
    systemdSysctl: [],
    procpsSysctl: [],
    ufwSysctl: [],
    modprobe: [],
    modulesLoad: [],
    hooks: [],
    tuned: [],
    own: {},
  },
  problems: [],
};

export const plan: Plan = {
  schema: 'ctfix.plan/v1',
  ctfix: '0.1.0',
  host: {
    machineId: '4a5b6c7d8e9f4a5b6c7d8e9f4a5b6c7d',
    bootId: '0f2c9a52-1111-4222-8333-944455556666',
    kernel: '6.1.0-56-cloud-amd64',
    os: 'Debian GNU/Linux 12 (bookworm)',
  },
  options: { memoryLimit: { share: 0.05 }, timeouts: { tcp_timeout_established: 86_400 } },
  sizing: {
    verdict: 'needed',
    reasons: [
      'the table is full: 65,536 of 65,536 flows',
      'the kernel logged "table full" 12 times since the last change of max, the last time four seconds ago, and new connections are being dropped now',
    ],
    present: { max: 65_536, buckets: 65_536, count: 65_536 },
    targets: { max: 131_072, buckets: 131_072, values: { tcp_timeout_established: '86400' } },
    working: [
      { name: 'formula', value: 251_125, how: 'MemTotal 4,018,000 KiB / 16 KiB' },
      { name: 'demand', value: 131_072, how: '2 x 65,536, because the table was full' },
    ],
    memory: {
      perFlow: 256,
      perFlowHow: 'slab object 256 B, no extension',
      hash: 1_048_576,
      whenFull: 34_603_008,
      share: 0.00841,
      limit: 205_721_600,
      overLimit: false,
    },
    refusals: [],
    notes: ['a computed size never shrinks'],
  },
  strategy: {
    taken: 'live',
    why: 'the module is loaded and this is the initial network namespace: no flow is lost',
    others: [
      { strategy: 'persist', cost: 'files only; nothing helps before the next boot', blockedBy: [] },
      { strategy: 'reload', cost: 'every flow pauses', blockedBy: ['docker.service', 'a namespace (pid 4711)'] },
    ],
    refusals: [],
  },
  actions: [
    {
      do: 'write-file',
      path: '/etc/modprobe.d/nf_conntrack.conf',
      before: '# ours\noptions nf_conntrack hashsize=16384\r\noptions nf_conntrack acct=1',
      after: '# ours\noptions nf_conntrack hashsize=131072\r\noptions nf_conntrack acct=1',
      mode: 0o644,
      why: 'the buckets of the next load',
    },
    {
      do: 'write-file',
      path: '/etc/sysctl.d/90-ctfix-conntrack.conf',
      after: 'net.netfilter.nf_conntrack_max = 131072\n',
      mode: 0o644,
      why: 'max at the next boot',
    },
    { do: 'write-file', path: '/etc/sysctl.d/old.conf', before: 'x = 1\n', mode: 0o644, why: 'no longer needed' },
    { do: 'refresh', command: { udev: 'reload' }, why: 'the new rule counts from now on' },
    {
      do: 'set-value',
      path: '/sys/module/nf_conntrack/parameters/hashsize',
      name: 'nf_conntrack hashsize',
      before: '65536',
      after: '131072',
      why: 'buckets grow before max',
    },
    {
      do: 'set-value',
      path: '/proc/sys/net/netfilter/nf_conntrack_max',
      name: 'net.netfilter.nf_conntrack_max',
      before: '65536',
      after: '131072',
      why: 'room for new flows',
    },
  ],
  refusals: [],
  unchanged: [{ item: '/etc/udev/rules.d/90-ctfix-conntrack.rules', why: 'already as wanted' }],
  notes: ['fail2ban is not touched'],
  unknowns: [{ what: 'the kernel log: no permission to read /dev/kmsg', costs: 'whether the table was full before' }],
};

export const report: PlanReport = { plan, facts, now: new Date('2026-11-24T05:33:10.000Z') };

export const refused: Plan = {
  ...plan,
  refusals: [
    {
      code: 'later-winner',
      what: 'net.netfilter.nf_conntrack_max = 65536 is read later and wins',
      remedy: 'remove the line, or add --take-over',
      file: '/etc/sysctl.d/99-zz.conf',
      line: 3,
    },
  ],
};
