import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planFor } from '../src/survey.ts';
import { factsOf, simulate, templates } from './support/facts.ts';
import { anyHost } from './support/hosts-any.ts';

const planOf = (facts: ReturnType<typeof factsOf>, max?: number) =>
  planFor(facts, { strategy: 'reload', ...(max === undefined ? {} : { max }) }, { templates, version: '0.1.0' }).plan;
const NOT_DONE = /a reload was asked for and none is done/;

test('a reload that is asked for with the size that is there is not done, and that is said', () => {
  const facts = factsOf({});
  const first = planOf(facts, 131072);
  expect(first.actions.some(({ do: what }) => what === 'reload')).toBe(true);
  expect(first.notes.join()).not.toMatch(NOT_DONE);
  const again = planOf(simulate(facts, first), 131072);
  expect(again.actions).toEqual([]);
  expect(again.notes.join()).toMatch(NOT_DONE);
});

test('asked for, a reload is planned, or refused, or its absence is said', () => {
  fc.assert(
    fc.property(anyHost, fc.constantFrom(undefined, 65536, 300000), (facts, max) => {
      const { actions, refusals, notes } = planOf(facts, max);
      if (facts.kind === 'sysroot' || facts.module.state !== 'loaded' || refusals.length > 0) return;
      const planned = actions.some(({ do: what }) => what === 'reload');
      expect(planned).toBe(!NOT_DONE.test(notes.join()));
    }),
    { numRuns: 200 },
  );
});
