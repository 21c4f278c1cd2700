import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formulaOf } from '../src/demand.ts';
import { roundBuckets } from '../src/kernel.ts';
import { isEmpty, known } from '../src/model.ts';
import { size } from '../src/sizing.ts';
import { planFor } from '../src/survey.ts';
import { factsOf, simulate, templates } from './support/facts.ts';
import { anyHost, anyOptions, fewOptions } from './support/hosts-any.ts';

const deps = { templates, version: '0.0.0' };
const runs = { numRuns: 1200 };
const options = fc.oneof(fewOptions, anyOptions);

describe('laws', () => {
  test('plan(after apply) is empty: nothing doubles twice, nothing flaps', () => {
    let applied = 0;
    fc.assert(
      fc.property(anyHost, options, (facts, asked) => {
        const first = planFor(facts, asked, deps).plan;
        if (first.refusals.length > 0) return;
        if (!isEmpty(first)) applied += 1;
        const second = planFor(simulate(facts, first), asked, deps).plan;
        expect({ actions: second.actions, refusals: second.refusals, verdict: second.sizing.verdict }).toEqual({
          actions: [],
          refusals: [],
          verdict: 'nothing',
        });
      }),
      runs,
    );
    expect(applied).toBeGreaterThan(300);
  });

  test('once options are gone, what they brought stays: a plan without them is empty or grows', () => {
    fc.assert(
      fc.property(anyHost, options, (facts, asked) => {
        const first = planFor(facts, asked, deps).plan;
        if (first.refusals.length > 0 || isEmpty(first)) return;
        const after = simulate(facts, first);
        const { targets } = size(after, {});
        const max = known(after.table.max) ?? 0;
        expect(targets.max === 0 || targets.max >= max).toBe(true);
      }),
      runs,
    );
  });

  test('a plan survives JSON', () => {
    fc.assert(
      fc.property(anyHost, options, (facts, asked) => {
        const { plan } = planFor(facts, asked, deps);
        expect(JSON.parse(JSON.stringify(plan))).toStrictEqual(plan);
      }),
      { numRuns: 500 },
    );
  });

  test('nothing shrinks unless asked, nothing goes below the count, buckets are whole pages', () => {
    fc.assert(
      fc.property(anyHost, options, (facts, asked) => {
        const { targets, refusals } = size(facts, asked);
        if (refusals.length > 0) return;
        const [max, buckets, count] = [known(facts.table.max), known(facts.table.buckets), known(facts.table.count)];
        expect(targets.buckets).toBe(roundBuckets(targets.buckets, facts.machine));
        if (asked.allowShrink !== true && max !== undefined && (max !== 0 || asked.max === undefined)) {
          expect(max === 0 ? targets.max === 0 : targets.max === 0 || targets.max >= max).toBe(true);
        }
        if (asked.allowShrink !== true && buckets !== undefined)
          expect(targets.buckets).toBeGreaterThanOrEqual(buckets);
        if (asked.max !== undefined && count !== undefined)
          expect(targets.max).toBeGreaterThanOrEqual(Math.min(count, asked.max));
      }),
      runs,
    );
  });

  test('more memory never means a smaller table', () => {
    const table = { max: 1024, buckets: 1024 };
    fc.assert(
      fc.property(fc.integer({ min: 1e5, max: 1e9 }), fc.integer({ min: 0, max: 1e9 }), (memTotalKiB, more) => {
        const of = (kib: number) =>
          size(factsOf({ machine: { memTotalKiB: kib }, table }), { precaution: true }).targets.max;
        expect(of(memTotalKiB + more)).toBeGreaterThanOrEqual(of(memTotalKiB));
        expect(formulaOf({ memTotalKiB, bits: 64 })).toBeLessThanOrEqual(1048576);
      }),
      { numRuns: 500 },
    );
  });
});
