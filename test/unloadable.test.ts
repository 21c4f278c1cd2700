/** A line of modprobe.d with which nf_conntrack cannot be loaded: every command says so, and a plan repairs it. */
import { describe, expect, test } from 'vitest';
import { origins } from '../src/origin.ts';
import { planFor } from '../src/survey.ts';
import { factsOf, type Said, simulate, templates } from './support/facts.ts';
import { findingOf, found, patient, wordsOf } from './support/patient.ts';
import { HOOK, live, OURS, sets } from './support/said.ts';

const CT = '/etc/modprobe.d/ct.conf';
const broken = { [CT]: '# ours\noptions nf_conntrack hashsize = 65536\n' };
const plan = (said: Said, takeOver = false) =>
  planFor(factsOf(said), takeOver ? { takeOver } : {}, { templates, version: '0.0.0' }).plan;

describe.each<[string, Said]>([
  ['loaded', {}],
  ['not loaded', { module: { state: 'absent' } }],
  ['more than the kernel gives', { table: live(200_000, 262_144) }],
  ['held by ctfix', { files: { [OURS]: sets(65_536), ...HOOK } }],
])('%s', (_, said) => {
  const sick: Said = { ...said, files: { ...said.files, ...broken } };

  test('the plan is needed, and refused until the line is taken over', () => {
    const { sizing, refusals } = plan(sick);
    expect(sizing.verdict).toBe('needed');
    expect(sizing.reasons.join('\n')).toMatch(/ct.conf:2: hashsize without a value.*the next boot would have no/s);
    expect(refusals).toMatchObject([{ code: 'broken-modprobe', file: CT, line: 2 }]);
  });

  test('with --take-over it repairs the line, and then nothing is left to do', () => {
    const repair = plan(sick, true);
    expect(repair.refusals).toEqual([]);
    const after = simulate(factsOf(sick), repair);
    expect(after.config.texts?.[CT]).toMatch(/^# ours\noptions nf_conntrack hashsize=\d+\n$/);
    const again = planFor(after, {}, { templates, version: '0.0.0' }).plan;
    expect([again.sizing.verdict, again.actions]).toEqual(['nothing', []]);
    const max = origins(after).find(({ name }) => name === 'max');
    expect(max?.boot).toMatchObject({ value: String(repair.sizing.targets.max) });
  });

  test('the next boot is unknown', () => {
    const unknown = { unknown: expect.stringMatching(/^nf_conntrack cannot be loaded: \/etc\/modprobe.d\/ct.conf:2/) };
    expect(origins(factsOf(sick)).slice(0, 2)).toMatchObject([{ boot: unknown }, { boot: unknown }]);
  });

  test('the doctor gives the command that repairs it', () => {
    expect(wordsOf(findingOf(patient(sick), 'broken-option'))).toMatch(/sudo ctfix apply --take-over$/);
    expect(found(patient(sick))).toContain('warning broken-option');
  });
});

test('built in, the line does nothing', () => {
  const said: Said = { module: { state: 'builtin' }, files: broken };
  expect(plan(said).sizing.verdict).toBe('nothing');
  expect(found(patient(said))).toEqual(['note broken-option']);
  expect(wordsOf(findingOf(patient(said), 'broken-option'))).toMatch(/has no effect: nf_conntrack is built into/);
});

test('what ctfix cannot repair is refused with what to do', () => {
  const elsewhere = { links: { [CT]: '/opt/site/ct.conf' }, files: { '/opt/site/ct.conf': broken[CT] ?? '' } };
  for (const takeOver of [false, true]) {
    expect(plan(elsewhere, takeOver).refusals.map(({ remedy }) => remedy)).toEqual([
      'set hashsize=65536 (no spaces, no CR) on line 2 of /opt/site/ct.conf, or remove that line',
    ]);
  }
  const words = wordsOf(findingOf(patient(elsewhere), 'broken-option'));
  expect(words).toMatch(/on line 2 of \/opt\/site\/ct.conf, or remove that line/);
  expect(words).not.toContain('ctfix apply');
});
