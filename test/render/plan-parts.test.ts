/** The evidence that is shown beside a plan: counters that say that the table was full, not those that do not. */
import { expect, test } from 'vitest';
import { evidenceRows } from '../../src/render/plan-parts.ts';
import { facts, plan } from './samples.ts';

const rows = (first: object, later: object) =>
  evidenceRows({
    plan,
    facts: {
      ...facts,
      log: { source: 'kmsg', full: [], total: 0 },
      table: { ...facts.table, counters: { ...first }, countersLater: { ...later } },
    },
    now: new Date('2026-11-24T05:33:10Z'),
  });

const none = { drop: 0, early_drop: 0, insert_failed: 0, chainlength: 0 };

test.each<[string, object, object, [string, string][]]>([
  ['nothing was dropped', none, none, []],
  ['drops', { drop: 5 }, { drop: 5 }, [['drop counter', '5 in all, none just now']]],
  [
    'drops that go on',
    { drop: 5 },
    { drop: 1007 },
    [['drop counter', '1,007 in all, 1,002 of them between two looks just now']],
  ],
  ['clashes of new flows alone', { drop: 600, insert_failed: 600 }, { drop: 602, insert_failed: 602 }, []],
  [
    'both, and long chains',
    { drop: 10, insert_failed: 9, chainlength: 5 },
    { drop: 10, insert_failed: 9, chainlength: 5 },
    [['drop counter', '6 in all, none just now (4 more may be two packets that made the same flow)']],
  ],
  [
    'drops that go on where resolved clashes were counted before',
    { drop: 5, insert_failed: 90 },
    { drop: 8, insert_failed: 90 },
    [
      [
        'drop counter',
        '3 in all, 3 of them between two looks just now (5 more may be two packets that made the same flow)',
      ],
    ],
  ],
  [
    'evictions',
    { early_drop: 2 },
    { early_drop: 3 },
    [['early_drop counter', '3 in all, 1 of them between two looks just now']],
  ],
])('%s', (_, first, later, expected) => {
  expect(rows({ ...none, ...first }, { ...none, ...later })).toEqual(expected);
});
