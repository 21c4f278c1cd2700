import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseState } from '../../src/facts/state.ts';

const change = (id: string, outcome: string) => ({
  id,
  at: '2026-01-01T00:00:00Z',
  bootId: 'b',
  uptime: 5,
  outcome,
  options: {},
  strategy: 'live',
  targets: { max: 1, buckets: 2, values: { tcp_loose: '1' } },
  before: { max: 1 },
});
const state = (...changes: unknown[]) => JSON.stringify({ schema: 'ctfix.state/v1', changes });

test.each([
  ['the newest applied one', state(change('a', 'applied'), change('b', 'applied'), change('c', 'rolled-back')), 'b', 0],
  ['none applied', state(change('a', 'undone')), undefined, 0],
  ['none at all', state(), undefined, 0],
  ['not JSON', '{', undefined, 1],
  ['cut off', state(change('a', 'applied')).slice(0, -9), undefined, 1],
  ['another schema', '{"schema":"ctfix.state/v9","changes":[]}', undefined, 1],
  ['no list', '{"schema":"ctfix.state/v1","changes":{}}', undefined, 1],
  ['null', 'null', undefined, 1],
  [
    'one is broken, the others count',
    state(change('a', 'applied'), { ...change('b', 'applied'), targets: { max: 'x' } }),
    'a',
    1,
  ],
  [
    'a value that is no text',
    state({ ...change('a', 'applied'), targets: { max: 1, buckets: 1, values: { x: 1 } } }),
    undefined,
    1,
  ],
])('%s', (_, text, id, problems) => {
  const found = parseState(text);
  expect(found.lastChange?.id).toBe(id);
  expect(found.problems).toHaveLength(problems);
});

test('no JSON makes it throw', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(parseState(text).lastChange).toBeUndefined();
      parseState(`{"schema":"ctfix.state/v1","changes":[${text}]}`);
    }),
  );
});
