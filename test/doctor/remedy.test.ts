/** Every command of ctfix that a diagnosis prints does what it is printed for: it is neither refused nor without effect. */
import { readdirSync } from 'node:fs';
import { Command } from 'commander';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sizingFlags } from '../../src/commands/flags.ts';
import { diagnose } from '../../src/doctor/diagnose.ts';
import { gather } from '../../src/facts/gather.ts';
import { recordedHost } from '../../src/host/recorded.ts';
import { type DiagnosisFacts, type Facts, known } from '../../src/model.ts';
import { type PlanFlags, planOptions } from '../../src/options.ts';
import { planFor } from '../../src/survey.ts';
import { GIB, type Said, simulate, templates } from '../support/facts.ts';
import { anyHost } from '../support/hosts-any.ts';
import { findingOf, patient, wordsOf } from '../support/patient.ts';
import { anyPatient, anyPromised } from '../support/patients-any.ts';
import { folder, sleep } from '../support/recorded.ts';
import { HOOK, LOAD, live, OURS, sets } from '../support/said.ts';

/** The options of a command line, by the parsers of the program. */
function optionsOf(command: string) {
  const parser = sizingFlags(new Command().exitOverride());
  parser.parse(command.replace('sudo ctfix apply', '').trim().split(/ +/).filter(Boolean), { from: 'user' });
  return planOptions(parser.opts<PlanFlags>());
}

/** Every `sudo ctfix apply …` of a diagnosis, with what its plan comes to. */
function outcomes(facts: Facts) {
  return diagnose(facts).findings.flatMap(({ code, remedies }) =>
    remedies.flatMap(({ say, command }) => {
      expect(say).not.toContain('sudo ctfix apply');
      if (command?.startsWith('sudo ctfix apply') !== true) return [];
      if (known(facts.table.namespace) === 'child') {
        expect(say).toMatch(/^on the host: /);
        return [];
      }
      const { plan } = planFor(facts, optionsOf(command), { templates, version: '0.0.0' });
      const refused = plan.refusals.map((each) => each.code);
      return [{ code, command, plan, verdict: plan.sizing.verdict, refused }];
    }),
  );
}

const effectless = (facts: Facts) =>
  outcomes(facts)
    .filter(({ verdict, refused }) => verdict === 'nothing' || refused.length > 0)
    .map(({ plan: _, ...told }) => told);

test.each([
  ['hosts', anyHost],
  ['hosts of which some is unknown', anyPatient],
  ['hosts where a change was made', anyPromised],
])('no command that apply refuses or that does nothing: %s', (_, hosts) => {
  let printed = 0;
  fc.assert(
    fc.property(hosts, (facts) => {
      printed += outcomes(facts).length;
      expect(effectless(facts)).toEqual([]);
    }),
    { numRuns: 500 },
  );
  expect(printed).toBeGreaterThan(150);
});

/** What one command ends; of several owners, or of lines that stay where they are, it may take more than one. */
const ENDED = [
  'hash-too-short',
  'table-filling',
  'broken-option',
  'drop-in-lost',
  'hashsize-alone',
  'lowered-since',
  'next-boot-loses',
  'no-limit',
];

/** The memory limit does not allow what the flows need. */
const isHeld = ({ table }: Facts, max: number) => max !== 0 && 1.5 * (known(table.count) ?? 0) > max;

test('a command ends what it is printed for', () => {
  let ended = 0;
  fc.assert(
    fc.property(anyHost, (facts) => {
      for (const { code, plan } of outcomes(facts)) {
        if (!ENDED.includes(code) || isHeld(facts, plan.sizing.targets.max)) continue;
        ended += 1;
        const after = simulate(facts, plan);
        const calm = { ...after, table: { ...after.table, counters: after.table.countersLater } };
        const { severity } = findingOf(calm, code) ?? {};
        expect([undefined, 'note']).toContain(severity);
      }
    }),
    { numRuns: 500 },
  );
  expect(ended).toBeGreaterThan(100);
});

test.each(readdirSync(folder('.')))('the recorded host %s', async (name) => {
  expect(effectless(await gather(recordedHost(folder(name)), { sleep, diagnosis: true }))).toEqual([]);
});

/** `apply` refuses the first command that comes to mind on each of these. */
describe('what stands in the way', () => {
  const chef = { '/etc/modprobe.d/options_nf_conntrack.conf': 'options nf_conntrack hashsize=65536\n' };
  const short = { drop: 9, early_drop: 9, insert_failed: 0, chainlength: 0 };
  const elsewhere = (entries: number) => ({
    namespaces: [
      {
        inode: 4026532230,
        name: 'tenant',
        processes: [],
        counters: { ...short, entries },
        countersLater: { ...short, entries },
      },
    ],
  });
  const refusing = { counters: { chainlength: 900 }, countersLater: { chainlength: 950 } };
  const ours = { [OURS]: sets(600_000), ...HOOK };

  test.each<[name: string, code: string, said: Said, looked: Partial<DiagnosisFacts>, says: RegExp]>([
    ['a later option', 'table-full', { files: chef, table: { count: 65_000 } }, {}, /sudo ctfix apply --take-over$/m],
    [
      'a later file, for another namespace',
      'namespace-full',
      { files: { '/etc/sysctl.conf': sets(65_536), ...LOAD } },
      elsewhere(65_536),
      /sudo ctfix apply --max 131072 --take-over$/m,
    ],
    [
      'the memory limit, for another namespace',
      'namespace-full',
      { machine: { memTotalKiB: GIB / 4 } },
      elsewhere(65_536),
      /over the memory limit of .*: ask for less, or raise --memory-limit.*\n\n?see who fills it there/,
    ],
    [
      'a later option, for shorter chains',
      'chain-refused',
      { files: chef, table: refusing },
      {},
      /sudo ctfix apply --hashsize 131072 --take-over$/m,
    ],
    [
      'a later file, for hashsize alone',
      'hashsize-alone',
      { files: { '/etc/modprobe.d/zz.conf': 'options nf_conntrack hashsize=65536\n' }, table: live(65_536, 131_072) },
      {},
      /sudo ctfix apply --max 65536 --take-over$/m,
    ],
    [
      'a later file, for a module that is built in',
      'builtin-option',
      {
        files: {
          '/etc/modprobe.d/a.conf': 'options nf_conntrack hashsize=131072\n',
          '/etc/sysctl.d/99-z.conf': sets(32_768, 'net.netfilter.nf_conntrack_buckets'),
        },
        module: { state: 'builtin' },
      },
      {},
      /sudo ctfix apply --hashsize 131072 --take-over$/m,
    ],
    [
      'the command line, for what a file lost',
      'lowered-since',
      { files: ours, cmdlineHashsize: 65_536, table: live(65_536) },
      {},
      /beats every file: set nf_conntrack.hashsize=\d+ in the boot loader/,
    ],
  ])('%s', (_, code, said, looked, says) => {
    const facts = patient(said, looked);
    expect(wordsOf(findingOf(facts, code))).toMatch(says);
    expect(effectless(facts)).toEqual([]);
  });
});
