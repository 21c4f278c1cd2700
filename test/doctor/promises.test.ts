/** What verify calls broken is wrong for the doctor, too, and is told once. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { diagnose } from '../../src/doctor/diagnose.ts';
import type { ChangeRecord, Targets } from '../../src/model.ts';
import { checkTargets } from '../../src/promises.ts';
import { APPLIED } from '../support/change-record.ts';
import type { Said } from '../support/facts.ts';
import { found, patient } from '../support/patient.ts';
import { anyPromised } from '../support/patients-any.ts';
import { checkRule } from '../support/rules.ts';
import { active, HOOK, live, OURS, sets } from '../support/said.ts';

const BUCKETS = { '/etc/modprobe.d/nf_conntrack.conf': 'options nf_conntrack hashsize=131072\n' };
const KEPT = { ...HOOK, ...BUCKETS, [OURS]: sets(131_072) };
const made = (targets: Partial<Targets> = {}, more: Partial<ChangeRecord> = {}): Pick<Said, 'lastChange'> => ({
  lastChange: {
    ...APPLIED,
    bootId: 'earlier',
    targets: { max: 131_072, buckets: 131_072, values: {}, ...targets },
    ...more,
  },
});
const table = live(131_072, 131_072);

describe('promise-broken', () => {
  checkRule('promise-broken', [
    ['no change was made', {}, {}, undefined],
    ['everything holds', { ...made(), table, files: KEPT }, {}, undefined],
    [
      'the files are gone, and so is what they held',
      made(),
      {},
      'warning',
      /ID, does not hold now, nor after the next boot\n\S+_max is 65536 now and not 131072[\s\S]*_buckets will be 65536 after[\s\S]*sudo ctfix apply --max 131072 --hashsize 131072\n[\s\S]*ctfix verify/,
    ],
    [
      'a timeout that somebody has set',
      {
        ...made({ values: { udp_timeout: '20' } }),
        table,
        files: { ...KEPT, [OURS]: `${sets(131_072)}${sets(20, 'net.netfilter.nf_conntrack_udp_timeout')}` },
      },
      {},
      'warning',
      /does not hold now\n\S+_udp_timeout is 30 now and not 20\n[\s\S]*sudo ctfix apply --timeout udp=20/,
    ],
    [
      'it waits for the next load',
      { ...made({}, { strategy: 'persist', bootId: APPLIED.bootId, before: live(65_536) }), files: KEPT },
      {},
      undefined,
    ],
    [
      'nothing can be seen',
      { ...made(), table: { namespace: 'child', max: 131_072, buckets: 131_072 } },
      {},
      undefined,
    ],
  ]);

  test.each<[string, Said, string]>([
    [
      'a drop-in that the boot loses',
      { files: { ...BUCKETS, [OURS]: sets(131_072) }, table: live(65_536, 131_072) },
      'drop-in-lost',
    ],
    [
      'a later file',
      { files: { ...KEPT, '/etc/sysctl.d/99-x.conf': sets(65_536) }, table: live(65_536, 131_072) },
      'later-sysctl',
    ],
    ['somebody lowered it', { files: KEPT, table: live(65_536, 131_072) }, 'lowered-since'],
    ['somebody raised it', { files: KEPT, table: live(200_000, 131_072) }, 'next-boot-loses'],
    ['the next boot loses it', { table, files: {} }, 'next-boot-loses'],
    [
      'kube-proxy lowered it',
      { files: { ...KEPT, [OURS]: sets(262_144) }, ...made({ max: 262_144 }), table, firewalls: active('kube-proxy') },
      'kube-proxy',
    ],
  ])('%s: that finding tells it', (_, said, code) => {
    const facts = patient({ ...made(), ...said });
    expect(
      checkTargets(facts, facts.lastChange ?? { ...APPLIED, targets: { max: 0, buckets: 0, values: {} } }).findings,
    ).not.toEqual([]);
    expect(found(facts)).toContain(`warning ${code}`);
    expect(found(facts)).not.toContain('warning promise-broken');
  });

  test('a live value that is less than promised, where the next boot gives even less, is told beside', () => {
    const facts = patient({
      ...made(),
      table: live(100_000, 131_072),
      files: { ...BUCKETS, ...HOOK, [OURS]: sets(70_000) },
    });
    const { findings } = diagnose(facts);
    expect(findings.map(({ code }) => code)).toEqual(['next-boot-loses', 'promise-broken']);
    expect(findings[1]?.proof).toEqual(['net.netfilter.nf_conntrack_max is 100000 now and not 131072']);
  });
});

test('where verify ends with 2, the doctor finds something, and where nothing is broken it says nothing of promises', () => {
  let [broken, kept] = [0, 0];
  fc.assert(
    fc.property(anyPromised, (facts) => {
      const { findings } = checkTargets(facts, facts.lastChange);
      const { verdict, findings: told } = diagnose(facts);
      if (findings.length > 0) {
        broken += 1;
        expect(verdict).toBe('found');
      } else {
        kept += 1;
        expect(told.map(({ code }) => code)).not.toContain('promise-broken');
      }
    }),
    { numRuns: 500 },
  );
  expect([broken > 50, kept > 0]).toEqual([true, true]);
});
