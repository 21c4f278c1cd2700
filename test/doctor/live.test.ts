/** The rules about flows that are lost now, one table for each: what makes the finding, what does not. */
import { describe, expect, test } from 'vitest';
import type { DiagnosisFacts, FlowSample } from '../../src/model.ts';
import type { Said } from '../support/facts.ts';
import { found, patient } from '../support/patient.ts';
import { checkRule } from '../support/rules.ts';

const unknown = { unknown: 'no permission' };
const zero = { drop: 0, early_drop: 0, insert_failed: 0, chainlength: 0 };
const counters = (first: object, later: object = first) => ({
  counters: { ...zero, ...first },
  countersLater: { ...zero, ...later },
});
const MODERN = { kernel: '6.12.117', version: 'Linux version 6.12.117' };
const SHORT = { kernel: '6.1.0-13-amd64', version: 'Linux version 6.1.0-13-amd64 #1 SMP Debian 6.1.55-1' };

test('a host with its defaults is well', () => {
  expect(found(patient())).toEqual([]);
  expect(found(patient({ module: { state: 'absent' } }))).toEqual([]);
  expect(found(patient({ module: { state: 'builtin' } }))).toEqual([]);
});

describe('hash-too-short', () => {
  const long = { max: 2_000_000, buckets: 65536 };
  checkRule('hash-too-short', [
    [
      'chain 61 when full',
      { table: long, machine: MODERN },
      {},
      'warning',
      /average chain 61 when 2,000,000 flows[\s\S]*50 to 79/,
    ],
    [
      'refused now',
      { table: { ...long, ...counters({ chainlength: 4 }, { chainlength: 9 }) }, machine: MODERN },
      {},
      'critical',
      /9 flows were refused[\s\S]*5 of them in half a second/,
    ],
    [
      'built in before 4.8, where the kernel command line alone sets it',
      { table: long, machine: { kernel: '4.4.155' }, module: { state: 'builtin' } },
      {},
      'warning',
      /put nf_conntrack.hashsize=2000384 on the kernel command line: nothing else sets it here\n$/,
    ],
    ['ratio 4 is fine', { table: { max: 262144, buckets: 65536 }, machine: MODERN }, {}, undefined],
    [
      'ratio 4 is not fine with a short limit',
      { table: { max: 262144, buckets: 65536 }, machine: SHORT },
      {},
      'warning',
      /8 to 31/,
    ],
    [
      'chains as long as the short limit',
      { table: { max: 524288, buckets: 65536, count: 300_000 }, machine: SHORT },
      {},
      'critical',
      /average chain 9.2 now/,
    ],
    [
      'a kernel without a limit',
      {
        table: { ...long, count: 1_900_000, counters: { drop: 0 }, countersLater: { drop: 0 } },
        machine: { kernel: '5.10.0-32-amd64', version: '' },
      },
      {},
      'warning',
      /chains of any length/,
    ],
    [
      'buckets unknown',
      { table: { max: 262144, buckets: unknown }, machine: { ...MODERN, memTotalKiB: 0 } },
      {},
      undefined,
    ],
    [
      'before the module is loaded',
      { module: { state: 'absent' }, files: { '/etc/modprobe.d/a.conf': 'options nf_conntrack hashsize=16384\n' } },
      {},
      'warning',
      /so it will be when the module is loaded/,
    ],
  ]);
});

describe('chain-refused', () => {
  checkRule('chain-refused', [
    [
      'now',
      { table: counters({ chainlength: 2 }, { chainlength: 4 }), machine: MODERN },
      {},
      'critical',
      /ctfix top --by source/,
    ],
    ['often since the boot', { table: counters({ chainlength: 500 }), machine: SHORT }, {}, 'warning', /6\.1\.192/],
    ['rarely since the boot', { table: counters({ chainlength: 50 }), machine: SHORT }, {}, undefined],
    ['no such counter', { table: { counters: { drop: 0 }, countersLater: { drop: 0 } } }, {}, undefined],
    [
      'the hash is too short anyway',
      { table: { max: 2_000_000, ...counters({ chainlength: 2 }, { chainlength: 4 }) } },
      {},
      undefined,
    ],
  ]);
});

describe('insert-races', () => {
  const dns: FlowSample = { flows: 1000, whole: false, kinds: { udp: 900 }, unreplied: 0, dns: 600, silent: 0 };
  checkRule('insert-races', [
    [
      'now',
      { table: counters({ drop: 10, insert_failed: 10 }, { drop: 13, insert_failed: 13 }) },
      { sample: dns },
      'warning',
      /3 in half a second[\s\S]*60 % of 1,000 flows[\s\S]*single-request-reopen/,
    ],
    [
      'often since the boot',
      { table: counters({ drop: 950, insert_failed: 900 }) },
      {},
      'note',
      /insert_failed 900, 11 a minute/,
    ],
    ['now and then', { table: counters({ drop: 20, insert_failed: 20 }) }, {}, undefined],
    [
      'all of them are long chains',
      { table: counters({ drop: 900, insert_failed: 900, chainlength: 900 }) },
      {},
      undefined,
    ],
    [
      'resolved without a loss (before 5.10)',
      { machine: { kernel: '4.18.0-553.el8.x86_64', version: '' }, table: counters({ insert_failed: 900 }) },
      {},
      undefined,
    ],
    [
      'some of them resolved',
      {
        machine: { kernel: '5.4.0-150-generic', version: '' },
        table: counters({ drop: 3, insert_failed: 900 }, { drop: 5, insert_failed: 950 }),
      },
      {},
      'warning',
      /insert_failed 950, up to 5 of them lost, up to 2 in half a second/,
    ],
    [
      'before 4.7 a race is no drop',
      { machine: { kernel: '3.10.0-1160.el7.x86_64', version: '' }, table: counters({ insert_failed: 900 }) },
      {},
      'note',
      /11 a minute/,
    ],
    ['counters unknown', { table: { counters: unknown, countersLater: unknown } }, {}, undefined],
  ]);
});

describe('dead-entries', () => {
  const sample = (more: Partial<FlowSample>): Partial<DiagnosisFacts> => ({
    sample: { flows: 1000, whole: false, kinds: {}, unreplied: 0, dns: 0, silent: 0, ...more },
  });
  const at = (count: number): Said => ({ table: { count } });
  checkRule('dead-entries', [
    [
      'ended',
      at(60_000),
      sample({ kinds: { 'tcp TIME_WAIT': 700, 'tcp ESTABLISHED': 300 } }),
      'warning',
      /70 % are TCP connections that have ended[\s\S]*tcp_time_wait=30/,
    ],
    ['never answered', at(60_000), sample({ unreplied: 800 }), 'warning', /ctfix top --by source/],
    ['silent for a day', at(60_000), sample({ silent: 600 }), 'warning', /tcp_established=86400/],
    ['half full: a note', at(40_000), sample({ silent: 600 }), 'note'],
    ['hardly anything in it', at(1000), sample({ silent: 600 }), undefined],
    ['most are alive', at(60_000), sample({ kinds: { 'tcp TIME_WAIT': 400 } }), undefined],
    ['too few to tell', at(60_000), sample({ flows: 50, unreplied: 50 }), undefined],
    [
      'expired and still counted',
      { table: { max: 1000, buckets: 65536, count: 900 } },
      sample({ flows: 300, whole: true }),
      'warning',
      /600 have expired/,
    ],
    ['not to be seen', at(60_000), { sample: unknown }, undefined],
  ]);
});

describe('elsewhere', () => {
  const eth = (exceeded: number, later = exceeded) => ({
    cloud: {
      vendor: 'aws' as const,
      interfaces: [{ name: 'ens5', driver: 'ena', exceeded, exceededLater: later, available: 7 }],
    },
  });
  checkRule('cloud-limit', [
    ['now', {}, eth(5, 9), 'critical', /ens5: conntrack_allowance_exceeded 9, 4 of them[\s\S]*7 more connections/],
    ['once', {}, eth(5), 'warning', /no setting here raises it/],
    ['never', {}, eth(0), undefined],
    [
      'unknown',
      {},
      { cloud: { interfaces: [{ name: 'ens5', driver: 'ena', exceeded: unknown, exceededLater: unknown }] } },
      undefined,
    ],
  ]);
  checkRule('other-datapath', [
    [
      'Cilium',
      {},
      { datapaths: [{ name: 'cilium', trace: '/sys/class/net/cilium_host' }] },
      'note',
      /Cilium[\s\S]*cilium_host is there/,
    ],
    ['none', {}, {}, undefined],
  ]);
  checkRule('unload-hangs', [
    ['on its way out', { module: { state: 'unloading' } }, {}, 'critical', /reboot/],
    ['loaded', {}, {}, undefined],
  ]);
  checkRule('no-limit', [
    ['max 0', { table: { max: 0 } }, {}, 'note'],
    ['max', {}, {}, undefined],
  ]);
});

test('critical comes first, notes last, and the order of the rules holds within', () => {
  const facts = patient(
    {
      table: { max: 524288, count: 524288, buckets: 65536, ...counters({ drop: 900, insert_failed: 900 }) },
      machine: MODERN,
    },
    {
      datapaths: [{ name: 'cilium', trace: '/sys/class/net/cilium_host' }],
      cloud: { interfaces: [{ name: 'a', driver: 'ena', exceeded: 1, exceededLater: 1 }] },
    },
  );
  expect(found(facts)).toEqual([
    'critical table-full',
    'warning hash-too-short',
    'warning cloud-limit',
    'warning next-boot-loses',
    'note insert-races',
    'note other-datapath',
  ]);
});
