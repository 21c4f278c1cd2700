import { describe, expect, test } from 'vitest';
import { formulaOf } from '../src/demand.ts';
import type { Facts, PlanOptions } from '../src/model.ts';
import { size } from '../src/sizing.ts';
import { factsOf, fullLog, GIB, type Said } from './support/facts.ts';

const kubeProxy: Facts['firewalls'] = [{ name: 'kube-proxy', state: 'active', takesAlong: [] }];
const codes = (said: Said, options: PlanOptions) => size(factsOf(said), options).refusals.map(({ code }) => code);
const tableOf = (said: Said, options: PlanOptions = {}) => {
  const { verdict, targets } = size(factsOf(said), options);
  return { verdict, max: targets.max, buckets: targets.buckets };
};

/** The files that hold 131072/131072. */
const held = {
  '/etc/modprobe.d/nf_conntrack.conf': 'options nf_conntrack hashsize=131072\n',
  '/etc/sysctl.d/90-ctfix-conntrack.conf': 'net.netfilter.nf_conntrack_max = 131072\n',
  '/etc/udev/rules.d/90-ctfix-conntrack.rules':
    'ACTION=="add", SUBSYSTEM=="module", KERNEL=="nf_conntrack", RUN+="/lib/systemd/systemd-sysctl --prefix=/net/netfilter"\n',
};
const afterApply: NonNullable<Facts['lastChange']> = {
  id: '1',
  at: '2026-11-24T05:00:00.000Z',
  bootId: 'b0000000-0000-4000-8000-000000000001',
  uptime: 900,
  outcome: 'applied',
  options: {},
  strategy: 'live',
  targets: { max: 131072, buckets: 131072, values: {} },
  before: { max: 65536, buckets: 65536 },
};
const full4: Said = { machine: { memTotalKiB: 4 * GIB }, table: { count: 65536 }, log: fullLog(700, 800) };
const repaired4: Said = {
  machine: { memTotalKiB: 4 * GIB },
  table: { max: 131072, buckets: 131072, count: 65536 },
  log: fullLog(700, 800),
  files: held,
  lastChange: afterApply,
};

describe('the hosts of the design', () => {
  test.each<[string, Said, ReturnType<typeof tableOf>]>([
    ['2 GiB idle, 6.1', {}, { verdict: 'nothing', max: 65536, buckets: 65536 }],
    [
      '64 GiB idle',
      { machine: { memTotalKiB: 64 * GIB }, table: { max: 262144, buckets: 262144 } },
      { verdict: 'nothing', max: 262144, buckets: 262144 },
    ],
    ['4 GiB, full, log lines', full4, { verdict: 'needed', max: 131072, buckets: 131072 }],
    [
      'the same after apply, old log lines still there',
      repaired4,
      { verdict: 'nothing', max: 131072, buckets: 131072 },
    ],
    [
      'kube node, max from kube-proxy',
      { machine: { memTotalKiB: 64 * GIB, cpus: 32 }, table: { max: 1048576, buckets: 262144 }, firewalls: kubeProxy },
      { verdict: 'nothing', max: 1048576, buckets: 262144 },
    ],
    [
      "admin's live max 2,000,000, buckets 65,536",
      { table: { max: 2000000 } },
      { verdict: 'needed', max: 2000000, buckets: 2000384 },
    ],
  ])('%s', (_, said, expected) => {
    expect(tableOf(said)).toEqual(expected);
  });

  test('the formula is shown on an idle host, held at 1,048,576', () => {
    const { working } = size(
      factsOf({ machine: { memTotalKiB: 64 * GIB }, table: { max: 262144, buckets: 262144 } }),
      {},
    );
    expect(working.find(({ name }) => name === 'formula')).toMatchObject({ value: 1048576 });
  });

  test('the owner of a kube node is named', () => {
    const { reasons } = size(
      factsOf({
        machine: { memTotalKiB: 64 * GIB, cpus: 32 },
        table: { max: 1048576, buckets: 262144 },
        firewalls: kubeProxy,
      }),
      {},
    );
    expect(reasons[0]).toContain('kube-proxy owns max');
  });

  test('a short hash is named with its chain, and memory over the limit is a warning', () => {
    const { reasons, notes, memory } = size(factsOf({ table: { max: 2000000 } }), {});
    expect(reasons[0]).toContain('an average chain of 61');
    expect(memory.overLimit).toBe(true);
    expect(notes.join()).toContain('the present max is kept');
  });

  test.each([
    [87381, 'nothing', 131072],
    [87382, 'needed', 174764],
  ])('after apply, with %i flows', (count, verdict, atLeast) => {
    const sizing = size(factsOf({ ...repaired4, table: { max: 131072, buckets: 131072, count } }), {});
    expect(sizing.verdict).toBe(verdict);
    expect(sizing.targets.max).toBeGreaterThanOrEqual(atLeast);
  });
});

describe('the formula', () => {
  test.each([
    [GIB, 64, 32768],
    [4 * GIB, 64, 131072],
    [64 * GIB, 64, 1048576],
    [GIB, 32, 65536],
    [0, 64, 0],
  ] as const)('%i KiB at %i bits', (memTotalKiB, bits, expected) => {
    expect(formulaOf({ memTotalKiB, bits })).toBe(expected);
  });

  test('is planned as a precaution, and is nothing to do the second time', () => {
    const machine = { memTotalKiB: 16 * GIB };
    const table = { max: 262144, buckets: 262144 };
    expect(tableOf({ machine, table }, { precaution: true })).toEqual({
      verdict: 'precaution',
      max: 524288,
      buckets: 524288,
    });
    expect(tableOf({ machine, table })).toMatchObject({ verdict: 'nothing' });
  });

  test('is taken with demand where it is larger', () => {
    const said: Said = { machine: { memTotalKiB: 64 * GIB }, table: { max: 262144, buckets: 262144, count: 262000 } };
    expect(tableOf(said)).toEqual({ verdict: 'needed', max: 1048576, buckets: 1048576 });
  });
});

describe('demand', () => {
  test.each<[PlanOptions, number]>([
    [{ peak: 43690 }, 65536],
    [{ peak: 43691 }, 87382],
    [{ peak: 60000, headroom: 3 }, 180000],
    [{ peak: 60000, headroom: 1 }, 65536],
  ])('%o', (options, atLeast) => {
    const { max } = tableOf({}, options);
    expect(max).toBeGreaterThanOrEqual(atLeast);
    expect(max - atLeast).toBeLessThan(512);
  });

  test('doubles the live max that was full, not the larger one that the boot lost', () => {
    const files = { '/etc/sysctl.d/50-admin.conf': 'net.netfilter.nf_conntrack_max=500000\n' };
    expect(tableOf({ files, table: { count: 65536 } })).toMatchObject({ verdict: 'needed', max: 500000 });
  });

  test('a value that the boot lost is an intention: restored, with the file in the reason', () => {
    const files = { '/etc/sysctl.d/50-admin.conf': '# ours\nnet/netfilter/nf_conntrack_max=500000\n' };
    const sizing = size(factsOf({ files }), {});
    expect(sizing).toMatchObject({ verdict: 'needed', targets: { max: 500000, buckets: 500224 } });
    expect(sizing.reasons.join()).toContain('/etc/sysctl.d/50-admin.conf:2');
  });

  test('no limit stays no limit, whatever the load', () => {
    expect(tableOf({ table: { max: 0, count: 60000 } }, { precaution: true })).toMatchObject({ max: 0 });
    expect(tableOf({ table: { max: 0, count: 10 } }, { max: 100000 })).toMatchObject({
      verdict: 'requested',
      max: 100000,
    });
    expect(size(factsOf({ table: { max: 0, count: 10 } }), { max: 100000 }).reasons[0]).toContain('no limit now');
  });
});

describe('buckets', () => {
  test.each<[string, Said, PlanOptions, number]>([
    ['512 at 4 KiB', {}, { max: 100000 }, 100352],
    ['8192 at 64 KiB', { machine: { pageSize: 65536 } }, { max: 100000 }, 106496],
    ['1024 at 4 KiB and 32 bit', { machine: { bits: 32 } }, { max: 100000 }, 100352],
    ['ratio 8', {}, { max: 1000000, ratio: 8 }, 125440],
    ['never fewer than there are', {}, { max: 70000, ratio: 8 }, 65536],
    ['asked for, rounded up', {}, { hashsize: 100000 }, 100352],
  ])('%s', (_, said, options, expected) => {
    expect(tableOf(said, options).buckets).toBe(expected);
  });

  test('a computed max takes what its buckets offer, an explicit one stays', () => {
    expect(tableOf({}, { peak: 50000 })).toMatchObject({ max: 100352, buckets: 100352 });
    expect(tableOf({}, { max: 100000 })).toMatchObject({ max: 100000, buckets: 100352 });
    expect(tableOf({ table: { buckets: 262144 } }, { peak: 50000 })).toMatchObject({ max: 100000, buckets: 262144 });
  });

  test.each<[string, string, number, string]>([
    ['6.1.0-56-cloud-amd64', 'Debian 6.1.192-2', 262144, 'nothing'],
    ['6.1.0-56-cloud-amd64', 'Debian 6.1.100-1', 262144, 'needed'],
    ['6.1.0-56-cloud-amd64', '', 262144, 'needed'],
    ['6.1.0-56-cloud-amd64', '', 131072, 'nothing'],
    ['5.15.0-100-generic', '', 262144, 'needed'],
    ['5.15.215', '', 262144, 'nothing'],
    ['6.12.1', '', 262144, 'nothing'],
    ['6.12.1', '', 262656, 'needed'],
  ])('alone only above ratio 4, or 2 where the chain limit is short: %s %s, max %i', (kernel, text, max, verdict) => {
    const files = {
      '/etc/modules-load.d/a.conf': 'nf_conntrack\n',
      '/etc/sysctl.d/a.conf': `net.netfilter.nf_conntrack_max=${max}\n`,
    };
    const version = text === '' ? '' : `Linux version x #1 SMP ${text} (2026-01-01)`;
    expect(tableOf({ machine: { kernel, version }, table: { max }, files }).verdict).toBe(verdict);
  });

  test('a vendor kernel that shows the column of the limit has a short one', () => {
    const said: Said = { machine: { kernel: '5.14.0-427.el9.x86_64', version: '' } };
    expect(codes(said, { max: 400000, hashsize: 100000, memoryLimit: { share: 1 } })).toContain('over-ratio');
    const without: Said = { ...said, table: { counters: { drop: 0 }, countersLater: { drop: 0 } } };
    expect(codes(without, { max: 400000, hashsize: 100000, memoryLimit: { share: 1 } })).toEqual([]);
  });
});

describe('memory', () => {
  const said: Said = { machine: { memTotalKiB: GIB / 2 }, table: { max: 8192, buckets: 8192, count: 7000 } };

  test('256 B and 8 B, from the bill of 6.1', () => {
    const { memory } = size(factsOf({}), {});
    expect(memory).toMatchObject({ perFlow: 256, hash: 524288, whenFull: 65536 * 256 + 524288, overLimit: false });
  });

  test.each<[string, Said, number, number]>([
    ['before 5.19', { machine: { kernel: '5.10.0-32-amd64' } }, 384, 8],
    ['before 4.9', { machine: { kernel: '4.4.155' } }, 448, 8],
    ['accounting', { table: { values: { acct: '1', events: '2' } } }, 384, 8],
    ['events for all', { table: { values: { events: '1' } } }, 384, 8],
    ['timestamps', { table: { values: { timestamp: '1' } } }, 384, 8],
    ['the slab of an older debug kernel', { table: { slabObject: 341 } }, 341, 8],
    ['NAT', { module: { tree: { nf_conntrack: plain(), nf_nat: plain() } } }, 384, 16],
  ])('%s', (_, host, perFlow, perBucket) => {
    const { memory } = size(factsOf(host), {});
    expect(memory.perFlow).toBe(perFlow);
    expect(memory.hash).toBe(perBucket * 65536);
  });

  test('a computed max is held at the limit, with the other ways out, and stays there', () => {
    const first = size(factsOf(said), { peak: 500000 });
    expect(first.verdict).toBe('needed');
    expect(first.memory.overLimit).toBe(false);
    expect(first.targets.max).toBeGreaterThan(8192);
    expect(first.notes.join()).toMatch(/held at .*shorter timeouts.*notrack.*spreading/);
    const { max, buckets } = first.targets;
    const second = size(factsOf({ ...said, table: { max, buckets, count: 7000 }, files: holding(max, buckets) }), {
      peak: 500000,
    });
    expect(second).toMatchObject({ verdict: 'nothing', targets: { max, buckets } });
  });

  test('an explicit one over the limit is refused; a present one is kept', () => {
    expect(codes({}, { max: 1000000 })).toEqual(['over-memory-limit']);
    expect(codes({}, { hashsize: 2 ** 26 })).toEqual(['over-memory-limit']);
    expect(codes({}, { max: 1000000, memoryLimit: { share: 0.5 } })).toEqual([]);
    expect(codes({}, { max: 100000, memoryLimit: { bytes: 1000 } })).toEqual(['over-memory-limit']);
    expect(codes({ table: { max: 2000000 } }, { max: 2000000 })).toEqual([]);
  });
});

function plain() {
  return { refcnt: 0, holders: [], driver: false };
}

function holding(max: number, buckets: number) {
  return {
    ...held,
    '/etc/modprobe.d/nf_conntrack.conf': `options nf_conntrack hashsize=${buckets}\n`,
    '/etc/sysctl.d/90-ctfix-conntrack.conf': `net.netfilter.nf_conntrack_max = ${max}\n`,
  };
}
