/** What holds for every host: a verdict without a crash, never against the plan, and none after the repair. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { diagnose } from '../../src/doctor/diagnose.ts';
import { bucketsKeyIsWritable } from '../../src/kernel.ts';
import { type Facts, known } from '../../src/model.ts';
import { doctorText } from '../../src/render/doctor.ts';
import { planFor } from '../../src/survey.ts';
import { leftControls, PLAIN } from '../render/support.ts';
import { simulate, templates } from '../support/facts.ts';
import { anyHost, fewOptions } from '../support/hosts-any.ts';
import { anyPatient } from '../support/patients-any.ts';

const schema = JSON.parse(readFileSync(new URL('../../docs/doctor-v1.schema.json', import.meta.url), 'utf8'));
const codes: readonly string[] = schema.properties.findings.items.properties.code.enum;
const deps = { templates, version: '0.0.0' };
test('no host brings it down, and what it says is words and numbers', () => {
  fc.assert(
    fc.property(anyPatient, (facts) => {
      const diagnosis = diagnose(facts);
      const text = doctorText({ facts, diagnosis }, PLAIN);
      expect(leftControls(text)).toEqual([]);
      expect(text).not.toMatch(/\bundefined\b|\bNaN\b|\[object|\bInfinity\b/);
      expect(JSON.parse(JSON.stringify(diagnosis))).toStrictEqual(diagnosis);
      for (const { code, what, proof, remedies } of diagnosis.findings) {
        expect(codes).toContain(code);
        expect([what.length > 0, proof.length > 0, remedies.length > 0]).toEqual([true, true, true]);
      }
      expect(diagnosis.verdict === 'well').toBe(diagnosis.findings.every(({ severity }) => severity === 'note'));
    }),
    { numRuns: 500 },
  );
});

test('what a plan calls needed is found, and by a rule of its own', () => {
  let needed = 0;
  fc.assert(
    fc.property(anyHost, (facts) => {
      if (planFor(facts, {}, deps).plan.sizing.verdict !== 'needed') return;
      needed += 1;
      const { verdict, findings } = diagnose(facts);
      expect(verdict).toBe('found');
      // Without a module a file that asks for less than the default is a matter of the plan alone.
      if (facts.module.state !== 'absent') expect(findings.map(({ code }) => code)).not.toContain('change-needed');
    }),
    { numRuns: 500 },
  );
  expect(needed).toBeGreaterThan(100);
});

/** What a change of max and buckets is for; lines of others that do nothing stay as they are. */
const ENDS = [
  'table-full',
  'table-filling',
  'hash-too-short',
  'drop-in-lost',
  'lowered-since',
  'next-boot-loses',
  'promise-broken',
  'change-needed',
];

/** Not even all of the memory is enough for the flows of such a host. */
const stays = ({ table }: Facts, max: number) => max !== 0 && 1.5 * (known(table.count) ?? 0) > max;

test('after apply nothing is left that it was to end', () => {
  let applied = 0;
  fc.assert(
    fc.property(anyHost, fewOptions, (facts, { max: _, ratio: __, strategy: ___, ...options }) => {
      const { plan } = planFor(facts, { ...options, takeOver: true, memoryLimit: { share: 1 } }, deps);
      if (plan.refusals.length > 0 || plan.actions.length === 0 || stays(facts, plan.sizing.targets.max)) return;
      applied += 1;
      const after = simulate(facts, plan);
      const calm = { ...after, table: { ...after.table, counters: after.table.countersLater } };
      if (after.module.state === 'builtin' && !bucketsKeyIsWritable(after.machine.kernel)) return;
      const { findings } = diagnose(calm);
      const wrong = findings.filter(({ severity, code }) => severity !== 'note' && ENDS.includes(code));
      expect(wrong.map(({ code, proof }) => ({ code, proof }))).toEqual([]);
    }),
    { numRuns: 500 },
  );
  expect(applied).toBeGreaterThan(50);
});
