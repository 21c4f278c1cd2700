/** What could not be looked at is said, with the reason and the way; what was looked at is not. */
import { describe, expect, test } from 'vitest';
import { diagnose } from '../../src/doctor/diagnose.ts';
import type { DiagnosisFacts, Facts } from '../../src/model.ts';
import { doctorText } from '../../src/render/doctor.ts';
import { PLAIN } from '../render/support.ts';
import { factsOf, type Said } from '../support/facts.ts';
import { patient } from '../support/patient.ts';

const unknown = { unknown: 'no permission' };
const unseen = (facts: Facts) => diagnose(facts).unseen.map(({ what, how }) => `${what} > ${how}`);

test('root on a plain host has seen everything', () => expect(unseen(patient())).toEqual([]));

test('facts without a diagnosis do not tell what was not asked for', () => {
  expect(unseen(factsOf())).toEqual([]);
});

test.each<[string, Said, Partial<DiagnosisFacts>, RegExp]>([
  ['the log', { log: unknown }, {}, /^the kernel log > journalctl/],
  ['the counters', { table: { counters: unknown } }, {}, /^drops, evictions and refused flows > sudo conntrack -S/],
  [
    'the counters, with netlink there',
    {
      table: { counters: unknown },
      module: { tree: { nf_conntrack_netlink: { refcnt: 0, holders: [], driver: false } } },
    },
    {},
    /> sudo conntrack -S$/,
  ],
  ['the size', { table: { max: unknown, count: unknown } }, {}, /^the size of the table > sudo ctfix doctor$/],
  ['other namespaces', {}, { namespaces: unknown }, /^other network namespaces > sudo lsns -t net/],
  [
    'one namespace',
    {},
    { namespaces: [{ inode: 7, name: "it's", processes: [], counters: unknown, countersLater: unknown }] },
    /ip netns exec 'it'\\''s' sysctl net.netfilter.nf_conntrack_count/,
  ],
  [
    'many namespaces',
    {},
    { namespaces: [7, 8].map((inode) => ({ inode, processes: [], counters: unknown, countersLater: unknown })) },
    /^the tables of 2 other network namespaces > sudo ctfix top --namespaces$/,
  ],
  [
    'the flows of a full table',
    { table: { count: 40_000 } },
    { sample: unknown },
    /^who fills the table > sudo ctfix top/,
  ],
  [
    'the cloud that counts',
    {},
    { cloud: { interfaces: [{ name: 'ens5', driver: 'ena', exceeded: unknown, exceededLater: unknown }] } },
    /\(ens5\) > sudo ethtool -S ens5/,
  ],
  ['Azure', {}, { cloud: { vendor: 'azure', interfaces: [] } }, /Inbound Flows and Outbound Flows/],
  ['Google Cloud', {}, { cloud: { vendor: 'gcp', interfaces: [] } }, /^the limit of connections of Google Cloud/],
  [
    'the initramfs',
    {},
    { initramfs: { file: '/etc/initramfs-tools/modules', line: 1, image: '/boot/initrd.img', newer: unknown } },
    /^whether the initramfs has old options/,
  ],
  ['a container', { table: { namespace: 'child' } }, {}, /^who sets max and buckets/],
  ['a directory tree', { kind: 'sysroot' }, {}, /^everything live > sudo ctfix doctor on the host itself/],
])('%s', (_, said, looked, expected) => {
  const all = unseen(patient(said, looked));
  expect(all).toHaveLength(1);
  expect(all[0]).toMatch(expected);
});

test('files that cannot be read', () => {
  const facts = patient();
  const problems = [{ file: '/etc/sysctl.d/a.conf', what: 'no permission' }];
  expect(unseen({ ...facts, problems })).toEqual(['/etc/sysctl.d/a.conf > ls -l /etc/sysctl.d/a.conf']);
  const link = [{ file: '/etc/sysctl.d/b.conf', what: 'a link to /nowhere, which does not exist' }];
  expect(unseen({ ...facts, problems: link })).toEqual([]);
  expect(unseen({ ...facts, root: false, problems })).toEqual(['/etc/sysctl.d/a.conf > sudo ctfix doctor']);
});

describe('an ordinary user', () => {
  const facts = { ...patient({ log: unknown }, { namespaces: unknown, sample: unknown }), root: false };
  test('is told once how to see more', () => {
    const text = doctorText({ facts, diagnosis: diagnose(facts) }, PLAIN);
    expect(text.match(/sudo ctfix doctor/g)).toHaveLength(1);
    expect(text).toContain('all well: nothing is wrong in what was looked at, and 2 things could not be looked at');
  });
  test('is not told of flows that matter to nobody', () => expect(unseen(facts).join()).not.toContain('who fills'));
});

test('without a module there is nothing to see of the table', () => {
  expect(unseen(patient({ module: { state: 'absent' } }))).toEqual([]);
});
