/** The rules about a table that is full, was, or will be, here and elsewhere: what makes the finding, what does not. */
import { describe, expect, test } from 'vitest';
import type { NamespaceTable } from '../../src/model.ts';
import { fullLog } from '../support/facts.ts';
import { findingOf, found, patient } from '../support/patient.ts';
import { checkRule } from '../support/rules.ts';

const unknown = { unknown: 'no permission' };
const zero = { drop: 0, early_drop: 0, insert_failed: 0, chainlength: 0 };
const counters = (first: object, later: object = first) => ({
  counters: { ...zero, ...first },
  countersLater: { ...zero, ...later },
});

describe('table-full', () => {
  checkRule('table-full', [
    ['95 % now', { table: { count: 62260 } }, {}, 'critical', /62,260 of 65,536 flows[\s\S]*sudo ctfix apply/],
    ['just below', { table: { count: 62259 } }, {}, undefined],
    ['was full: log lines', { log: fullLog(5), table: counters({ drop: 3 }) }, {}, 'warning', /1 h 23 min ago/],
    [
      'drops go on',
      { log: fullLog(5), table: { count: 60_000, ...counters({ drop: 3 }, { drop: 8 }) } },
      {},
      'critical',
      /drop rose by 5 in half a second/,
    ],
    [
      'new flows clash, and the table was full once',
      {
        log: fullLog(5),
        table: { count: 60_000, ...counters({ drop: 3, insert_failed: 3 }, { drop: 5, insert_failed: 5 }) },
      },
      {},
      'warning',
    ],
    [
      'some drops are clashes, and some are not',
      {
        log: fullLog(5),
        table: {
          count: 60_000,
          ...counters({ drop: 3 }, { drop: 9, insert_failed: 5, chainlength: 3 }),
        },
      },
      {},
      'critical',
      /drop rose by 4 in half a second/,
    ],
    [
      'drops in a table that is nearly empty',
      { log: fullLog(5), table: counters({ drop: 3 }, { drop: 5 }) },
      {},
      'warning',
    ],
    ['drops without a line of the log', { table: counters({ drop: 3 }, { drop: 8 }) }, {}, undefined],
    [
      'evictions go on',
      { table: counters({ early_drop: 3 }, { early_drop: 4 }) },
      {},
      'critical',
      /early_drop rose by 1/,
    ],
    ['evictions', { table: counters({ early_drop: 3 }) }, {}, 'warning', /evicted 3 flows/],
    ['no sign and the log unknown', { log: unknown }, {}, undefined],
    ['everything unknown', { log: unknown, table: { max: unknown, count: unknown, counters: unknown } }, {}, undefined],
    ['no limit', { table: { max: 0, count: 90_000 } }, {}, undefined],
    ['the line may be about another namespace', { log: fullLog(5) }, {}, 'warning', /may be about another one/],
    [
      'in a child namespace max is raised outside',
      { table: { count: 65536, namespace: 'child' } },
      {},
      'critical',
      /on the host: max is set outside[\s\S]*--max 131072/,
    ],
    [
      'the memory limit holds it',
      { table: { count: 65536 }, machine: { memTotalKiB: 300_000 } },
      {},
      'critical',
      /memory limit/,
    ],
  ]);
});

describe('table-filling', () => {
  checkRule('table-filling', [
    [
      'a burst would fill it',
      { table: { count: 50_000 } },
      {},
      'warning',
      /76 % of the table is in use[\s\S]*50,000 flows \(tracked now\)[\s\S]*sudo ctfix top/,
    ],
    ['1.5 times the flows fit', { table: { count: 43_690 } }, {}, undefined],
    ['one flow more', { table: { count: 43_691 } }, {}, 'warning'],
    ['it is full: the other rule tells', { table: { count: 62_260 } }, {}, undefined],
    ['no limit', { table: { max: 0, count: 900_000 } }, {}, undefined],
    ['count unknown', { table: { count: unknown } }, {}, undefined],
  ]);
});

describe('namespace-full', () => {
  const there = (entries: number, first: object = {}, later: object = first): NamespaceTable => ({
    inode: 4026532230,
    processes: ['dnsmasq (812)'],
    counters: { ...zero, entries, ...first },
    countersLater: { ...zero, entries, ...later },
  });
  const named = (netns: number) => ({
    source: 'kmsg' as const,
    full: [{ at: 100, text: `nf_conntrack: table full in netns ${netns}, dropping packet`, netns }],
    total: 1,
  });
  const where = /network namespace 4026532230: dnsmasq \(812\)/;
  checkRule('namespace-full', [
    ['the log names it (6.17)', { log: named(4026532230) }, { namespaces: [there(12)] }, 'warning', where],
    ['it is full now', { log: named(4026532230) }, { namespaces: [there(65000)] }, 'critical', /--max 131072/],
    ['full now, no line', {}, { namespaces: [there(65000)] }, 'critical', where],
    ['the line is about one that is gone', { log: named(4026532230) }, {}, 'warning', /it is gone now/],
    ['nobody may look', { log: named(4026532230) }, { namespaces: unknown }, 'warning', /only root can see/],
    [
      'the line names none: packets were dropped there',
      { log: fullLog(9) },
      { namespaces: [there(9, { drop: 4 })] },
      'warning',
      where,
    ],
    [
      'drops go on there',
      { log: fullLog(9) },
      { namespaces: [there(40_000, { drop: 4 }, { drop: 9 })] },
      'critical',
      /9 packets dropped[\s\S]*5 of them in half a second/,
    ],
    ['drops go on there, no line', {}, { namespaces: [there(40_000, { drop: 4 }, { drop: 9 })] }, 'critical', where],
    ['drops in one that is nearly empty, no line', {}, { namespaces: [there(12, {}, { drop: 1 })] }, undefined],
    [
      'drops in one that is nearly empty, and a line',
      { log: fullLog(9) },
      { namespaces: [there(12, {}, { drop: 1 })] },
      'warning',
    ],
    [
      'new flows clash there',
      { log: fullLog(9) },
      { namespaces: [there(40_000, { drop: 4, insert_failed: 4 }, { drop: 9, insert_failed: 9 })] },
      undefined,
    ],
    [
      'drops go on there, where resolved clashes were counted before (5.4)',
      {},
      { namespaces: [there(40_000, { drop: 4, insert_failed: 90 }, { drop: 9, insert_failed: 90 })] },
      'critical',
      /5 packets dropped[\s\S]*5 of them in half a second/,
    ],
    ['evictions there, no line', {}, { namespaces: [there(9, {}, { early_drop: 1 })] }, 'critical', where],
    ['drops of long ago, no line', {}, { namespaces: [there(9, { drop: 4 })] }, undefined],
    ['others are fine', {}, { namespaces: [there(900)] }, undefined],
    [
      'their tables cannot be seen',
      {},
      { namespaces: [{ ...there(0), counters: unknown, countersLater: unknown }] },
      undefined,
    ],
  ]);
  test('then it is not the table of this host', () => {
    const facts = patient({ log: fullLog(9) }, { namespaces: [there(9, { drop: 4 })] });
    expect(findingOf(facts, 'table-full')).toBeUndefined();
    expect(findingOf(facts, 'namespace-full')?.what).toContain('not the one of this host');
  });
  test('clashes here say as little about the line as no drops do', () => {
    const facts = patient(
      { log: fullLog(9), table: counters({ drop: 6, insert_failed: 6, clashres: 40 }) },
      { namespaces: [there(9, { drop: 4 })] },
    );
    expect(found(facts)).toEqual(['warning namespace-full']);
  });
});
