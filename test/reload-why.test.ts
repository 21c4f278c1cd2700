import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GuardFacts } from '../src/model.ts';
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

describe('whether packets hold flows when the unload begins', () => {
  const BLIND = /there is no conntrack to flush the table with.*never end, and only a reboot/;
  const guard = (conntrack: GuardFacts['conntrack']): GuardFacts => ({
    nft: 'there',
    conntrack,
    ssh: [],
    storage: [],
    cluster: [],
  });

  test.each<[string, GuardFacts | undefined, boolean | undefined, boolean]>([
    ['no conntrack, without the flows', guard('no-program'), false, true],
    ['one that cannot load flows can flush', guard('too-old'), false, false],
    ['conntrack', guard('loads'), false, false],
    ['nobody has looked', undefined, false, false],
    ['no conntrack, with the flows: refused', guard('no-program'), undefined, false],
  ])('%s', (_, seen, carry, said) => {
    const facts = { ...factsOf({}), ...(seen && { guard: seen }) };
    const options = { strategy: 'reload', max: 131072, ...(carry === false && { carry }) } as const;
    const { plan } = planFor(facts, options, { templates, version: '0.1.0' });
    expect(BLIND.test(plan.notes.join())).toBe(said);
    expect(plan.refusals.map(({ code }) => code)).toEqual(
      seen?.conntrack === 'no-program' && !said ? ['reload-no-carry'] : [],
    );
  });
});
