import { describe, expect, test } from 'vitest';
import { evidenceOf } from '../src/evidence.ts';
import type { ChangeRecord, Facts } from '../src/model.ts';
import { factsOf, fullLog, type Said } from './support/facts.ts';

const change: ChangeRecord = {
  id: '20261124-1',
  at: '2026-11-24T05:00:00.000Z',
  bootId: 'b0000000-0000-4000-8000-000000000001',
  uptime: 900,
  outcome: 'applied',
  options: {},
  strategy: 'live',
  targets: { max: 131072, buckets: 131072, values: {} },
  before: { max: 65536, buckets: 65536 },
  counters: { drop: 9, early_drop: 5 },
};
const counters = (first: number, later = first, drop = 0, dropLater = drop) => ({
  counters: { drop, early_drop: first },
  countersLater: { drop: dropLater, early_drop: later },
});
const raised = { max: 131072, buckets: 131072 };
const fuller = { ...raised, count: 120_000 };
const clashes = (first: number, later: number) => ({
  counters: { drop: first, early_drop: 0, insert_failed: first },
  countersLater: { drop: later, early_drop: 0, insert_failed: later },
});
const unknown = { unknown: 'no permission' };
const kube: Said = { firewalls: [{ name: 'kube-proxy', state: 'active', takesAlong: [] }] };

describe('what counts', () => {
  test.each<[string, Said, number]>([
    ['an idle host', {}, 0],
    ['count at 95 %', { table: { count: 62260 } }, 1],
    ['count below 95 %', { table: { count: 62259 } }, 0],
    ['no limit, whatever the count', { table: { max: 0, count: 900000, ...counters(3) }, log: fullLog(5) }, 0],
    ['a log line of this boot', { log: fullLog(5) }, 1],
    ['early_drop since the load', { table: counters(1) }, 1],
    ['all three', { table: { count: 65536, ...counters(1) }, log: fullLog(5) }, 3],
    ["kube-proxy's own max is there from its start on", { ...kube, table: { max: 131072 }, log: fullLog(5) }, 1],
    ['one that it does not compute may be newer', { ...kube, table: { max: 200_000 }, log: fullLog(5) }, 0],
    ["the kernel's own, in another namespace", { table: { namespace: 'child' }, log: fullLog(5) }, 1],
    ['more than that there', { table: { namespace: 'child', max: 200_000 }, log: fullLog(5) }, 0],
    ['older than our change', { table: { ...raised, ...counters(5) }, log: fullLog(899, 900), lastChange: change }, 0],
    ['newer than our change', { table: { ...raised, ...counters(6) }, log: fullLog(899, 901), lastChange: change }, 2],
    ['after a load that reset the counters', { table: { ...raised, ...counters(2) }, lastChange: change }, 1],
    ['a change that is no longer in force', { table: counters(5), log: fullLog(10), lastChange: change }, 2],
    [
      'a change of an earlier boot, held by files',
      {
        table: { ...raised, ...counters(5) },
        log: fullLog(10),
        lastChange: { ...change, bootId: 'other' },
        files: {
          '/etc/modules-load.d/a.conf': 'nf_conntrack\n',
          '/etc/sysctl.d/a.conf': 'net.netfilter.nf_conntrack_max=131072\n',
        },
      },
      2,
    ],
    ['raised by somebody else, old signs', { table: { ...raised, ...counters(5) }, log: fullLog(10) }, 0],
    ['raised by somebody else, evictions go on', { table: { ...raised, ...counters(5, 6) }, log: fullLog(10) }, 1],
    ['raised by somebody else, drops go on', { table: { ...fuller, ...counters(0, 0, 3, 4) }, log: fullLog(10) }, 1],
    ['raised by somebody else, new flows clash', { table: { ...fuller, ...clashes(3, 4) }, log: fullLog(10) }, 0],
    [
      'raised by somebody else, drops in a table that is nearly empty',
      { table: { ...raised, ...counters(0, 0, 3, 4) }, log: fullLog(10) },
      0,
    ],
    ['drops alone, without a log line', { table: { ...raised, ...counters(0, 0, 3, 4) } }, 0],
    [
      'written for the next load only, old signs',
      {
        table: counters(5),
        log: fullLog(10),
        lastChange: { ...change, strategy: 'persist' },
        files: { '/etc/modprobe.d/a.conf': 'options nf_conntrack hashsize=131072\n' },
      },
      0,
    ],
    ['nothing is known', { log: unknown, table: { counters: unknown, countersLater: unknown, count: unknown } }, 0],
  ])('%s', (_, said, expected) => {
    expect(evidenceOf(factsOf(said)).full).toHaveLength(expected);
  });
});

test('a line that names another namespace is a note', () => {
  const text = 'nf_conntrack: nf_conntrack: table full in netns 4026532230, dropping packet';
  const log: Facts['log'] = { source: 'kmsg', full: [{ at: 5, text, netns: 4026532230 }], total: 1 };
  const { full, notes } = evidenceOf(factsOf({ log }));
  expect(full).toEqual([]);
  expect(notes.join()).toContain('inode 4026532230');
});

test('lines that do not count are named, with the reason', () => {
  const ours = evidenceOf(factsOf({ table: raised, log: fullLog(1, 2), lastChange: change }));
  expect(ours.notes).toEqual([expect.stringMatching(/^2 log lines .* do not count: .*change 20261124-1$/)]);
  const theirs = evidenceOf(factsOf({ table: raised, log: fullLog(1, 2) }));
  expect(theirs.notes).toEqual([expect.stringContaining('at a time unknown')]);
});

test('what is unknown is listed, with the answer that it costs', () => {
  const { unknowns } = evidenceOf(factsOf({ log: unknown, table: { counters: unknown } }));
  expect(unknowns.map(({ what }) => what)).toEqual(['the kernel log: no permission', 'the counters: no permission']);
  expect(unknowns.every(({ costs }) => costs.startsWith('whether'))).toBe(true);
});
