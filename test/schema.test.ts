import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { freeze } from '../src/frozen.ts';
import { sha256 } from '../src/host/chance.ts';
import { faultOf, KEYWORDS, type Schema } from '../src/schema.ts';
import { facts, plan } from './render/samples.ts';
import { mutations } from './support/mutate.ts';

const schema = JSON.parse(readFileSync(new URL('../docs/plan-v1.schema.json', import.meta.url), 'utf8'));
const valid = new Ajv2020({ strict: true }).compile(schema);
const saved = freeze(plan, facts, new Date('2026-11-24T05:33:10.000Z'), sha256);

/** Every keyword in a schema; names of members are no keywords. */
function keywords(given: unknown, names = false): string[] {
  if (Array.isArray(given)) return given.flatMap((one) => keywords(one));
  if (typeof given !== 'object' || given === null) return [];
  return Object.entries(given).flatMap(([key, value]) => {
    const inner = keywords(value, !names && (key === 'properties' || key === '$defs'));
    return names ? inner : [key, ...inner];
  });
}

test('every keyword of the schema is understood: another one would be a check that does not happen', () => {
  expect([...new Set(keywords(schema))].filter((one) => !(KEYWORDS as readonly string[]).includes(one))).toEqual([]);
});

test('a plan has no fault', () => {
  expect(faultOf(schema, saved)).toBeUndefined();
});

test('takes and refuses what a whole validator takes and refuses', () => {
  let refused = 0;
  fc.assert(
    fc.property(mutations(saved), (value) => {
      const fault = faultOf(schema, value);
      // Stricter on purpose: JSON readers do not agree about integers past 2^53.
      fc.pre(!/1e\+300|9007199254740992/.test(JSON.stringify(value)));
      if (fault !== undefined) refused += 1;
      expect(fault === undefined, JSON.stringify(fault)).toBe(valid(value));
    }),
    { numRuns: 1500 },
  );
  expect(refused).toBeGreaterThan(300);
});

describe('the place of a fault', () => {
  const step = plan.actions[4];
  test.each<[unknown, string, RegExp]>([
    [[], '', /is an array, not an object/],
    [{ ...saved, extra: 1 }, '/extra', /is not known/],
    [{ ...saved, host: { ...saved.host, kernel: 6 } }, '/host/kernel', /is a number, not a string/],
    [{ ...saved, host: {} }, '/host', /has no "machineId"/],
    [{ ...saved, options: { max: 0 } }, '/options/max', /is 0, which is too small/],
    [{ ...saved, options: { timeouts: { __PROTO__: 1 } } }, '/options/timeouts/__PROTO__', /name that is not allowed/],
    [{ ...saved, options: { strategy: 'fast' } }, '/options/strategy', /is "fast"; allowed is "auto", /],
    [{ ...saved, actions: [step, { ...step, path: 7 }] }, '/actions/1/path', /is a number, not a string/],
    [{ ...saved, actions: [{ ...step, do: 'run-script' }] }, '/actions/0', /none of the forms/],
    [
      { ...saved, frozen: { ...saved.frozen, digests: { '/a/b~c': 'x' } } },
      '/frozen/digests/~1a~1b~0c',
      /does not match/,
    ],
  ])('%#', (value, at, what) => {
    expect(faultOf(schema as Schema, value)).toMatchObject({ at, what: expect.stringMatching(what) });
  });
});
