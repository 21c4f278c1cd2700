/** The rule for what no other rule tells: a plan and a diagnosis never contradict each other. */
import { describe, expect, test } from 'vitest';
import { size } from '../../src/sizing.ts';
import { GIB, type Said } from '../support/facts.ts';
import { found, patient } from '../support/patient.ts';
import { checkRule } from '../support/rules.ts';
import { HOOK, LOAD, live } from '../support/said.ts';

const unknown = { unknown: 'no permission' };
/** Neither the kernel nor its default says what there is, and there are flows: only the plan has an answer. */
const blind = { table: { max: unknown, count: 65_000 }, machine: { memTotalKiB: 0 } };

/** A kernel that cannot resize live, and files that have enough for its next load. */
const waiting: Said = {
  machine: { kernel: '4.4.0-210-generic', version: '', memTotalKiB: 16 * GIB },
  table: { ...live(1_000_000, 16_384), counters: { drop: 0 }, countersLater: { drop: 0 } },
  files: {
    '/etc/modprobe.d/a.conf': 'options nf_conntrack hashsize=1000448\n',
    '/etc/sysctl.d/a.conf': 'net.netfilter.nf_conntrack_max=1000000\n',
    ...LOAD,
    ...HOOK,
  },
};

describe('change-needed', () => {
  checkRule('change-needed', [
    [
      'the plan alone calls it needed',
      blind,
      {},
      'warning',
      /65,000 flows \(tracked now\) ask for room, and the present max is unknown[\s\S]*ctfix plan/,
    ],
    ['no flows, and nothing is needed', { ...blind, table: { max: unknown, count: 0 } }, {}, undefined],
    ['a host with its defaults', {}, {}, undefined],
    ['nearly full has a rule of its own', { table: { count: 50_000 } }, {}, undefined],
    ['a value that the boot loses has one', { table: live(200_000) }, {}, undefined],
    ['a hash too short that waits for the next load is a note, and needs no other change', waiting, {}, undefined],
  ]);

  test('both are needed by the plan, and the first is told alone', () => {
    const facts = patient(blind);
    expect(size(facts, {}).verdict).toBe('needed');
    expect(found(facts)).toEqual(['warning change-needed']);
    expect(size(patient(waiting), {}).verdict).toBe('needed');
    expect(found(patient(waiting))).toEqual(['note hash-too-short', 'note lowered-since']);
  });
});
