import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashsizeIn } from '../../src/apply/prove.ts';
import { undoOf, undoStep, undoValue } from '../../src/apply/undo.ts';
import { limitOf, targetValues } from '../../src/apply/values.ts';
import type { JournalLine, ReloadStep } from '../../src/model.ts';
import { HASHSIZE_PATH } from '../../src/own.ts';
import { isValue } from '../../src/same-value.ts';
import { HASH, MAX, planOf } from '../support/changes.ts';
import { memoryHost } from '../support/memory-host.ts';

describe('undoStep', () => {
  test.each([
    ['a', 'a', 'b', 'already'],
    ['b', 'a', 'b', 'restore'],
    ['c', 'a', 'b', 'conflict'],
    [undefined, undefined, 'b', 'already'],
    ['b', undefined, 'b', 'restore'],
    ['', undefined, 'b', 'conflict'],
    [undefined, 'a', 'b', 'conflict'],
    [undefined, 'a', undefined, 'restore'],
    ['a', 'a', 'a', 'already'],
  ])('now %j, before %j, after %j: %s', (now, before, after, step) => {
    expect(undoStep(now, before, after)).toBe(step);
  });

  test('what was restored is already so the next time', () => {
    const text = fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined });
    fc.assert(
      fc.property(text, text, text, (now, before, after) => {
        if (undoStep(now, before, after) === 'restore') expect(undoStep(before, before, after)).toBe('already');
      }),
    );
  });
});

describe('isValue', () => {
  test.each([
    [MAX, '131072', '131072', true],
    [MAX, '131072', '131584', false],
    [MAX, '131072', undefined, false],
    [HASH, '100000', '100352', true],
    [HASHSIZE_PATH, '1', '512', true],
    [HASHSIZE_PATH, '1', '8192', true],
    [HASHSIZE_PATH, '100000', '65536', false],
    [HASHSIZE_PATH, '100000', '114688', true],
    [HASH, '100352', '100000', false],
    ['/proc/sys/net/ipv4/ip_local_port_range', '1024 65535', '1024\t65535', true],
  ])('%s wanted %s, saw %s: %s', (path, wanted, saw, is) => expect(isValue(path, wanted, saw)).toBe(is));
});

test.each([
  ['0', Number.POSITIVE_INFINITY],
  ['65536', 65536],
  ['-1', 4294967295],
])('max %s lets %d flows in', (max, flows) => expect(limitOf(max)).toBe(flows));

test('a value that is gone with its module needs nothing', () => {
  expect(undoValue({ seq: 0, path: MAX, before: '1', after: '2', ours: false }, undefined)).toBe('already');
});

describe('undoOf', () => {
  const targets = { max: 131072, buckets: 131072, values: { generic_timeout: '60' } };
  const steps: ReloadStep[] = [
    { step: 'unload', module: 'nf_conntrack' },
    { step: 'load', module: 'nf_conntrack' },
  ];
  const actions = steps.map((step) => ({ do: 'reload', step, why: '' }) as const);
  const live = { [MAX]: '65536', [HASHSIZE_PATH]: '65536', '/proc/sys/net/netfilter/nf_conntrack_acct': '1' };
  const plan = planOf(memoryHost(), targets, actions, 'reload');
  const begin = { line: 'begin', schema: 'ctfix.journal/v1', id: 'x', at: '', uptime: 0, who: '', plan, live } as const;
  const intend = (seq: number): JournalLine => ({
    line: 'intend',
    seq,
    action: { do: 'reload', step: steps[seq] ?? { step: 'write-back' }, why: '' },
  });
  const done = (seq: number): JournalLine => ({ line: 'done', seq, saw: '' });

  test.each<[string, JournalLine[], string, boolean]>([
    ['not begun', [], 'none', false],
    ['in its first step', [intend(0)], 'begun', true],
    ['between two steps', [intend(0), done(0)], 'begun', true],
    ['in its last step', [intend(0), done(0), intend(1)], 'begun', true],
    ['finished', [intend(0), done(0), intend(1), done(1)], 'finished', false],
  ])('a reload that is %s', (_, lines, reload, valuesAreOurs) => {
    const undo = undoOf([begin, ...lines], false);
    expect(undo).toMatchObject({ reload, valuesAreOurs });
    expect(undo.values.map((item) => item.path)).toEqual(reload === 'none' ? [] : [HASHSIZE_PATH, MAX]);
  });

  test('buckets are one number under two names, and are put back once', () => {
    const set = { do: 'set-value', path: HASH, name: 'buckets', before: '65536', after: '131072', why: '' } as const;
    const undo = undoOf([begin, intend(0), { line: 'intend', seq: 2, action: set }], false);
    expect(undo.values.map((item) => item.path)).toEqual([HASH, MAX]);
  });

  test('a boot over half-written files touches what no step had set; over a complete change it does not', () => {
    const file = { do: 'write-file', path: '/etc/x', after: 'x', mode: 0o644, why: '' } as const;
    const lines: JournalLine[] = [begin, { line: 'intend', seq: 0, action: file }];
    expect(undoOf(lines, false)).toMatchObject({ values: [], valuesAreOurs: false });
    expect(undoOf(lines, true)).toMatchObject({
      values: [{ path: HASHSIZE_PATH }, { path: MAX }],
      valuesAreOurs: true,
    });
    const end = (outcome: 'applied' | 'unfinished'): JournalLine => ({ line: 'end', at: '', uptime: 0, outcome });
    expect(undoOf([...lines, end('applied')], true)).toMatchObject({ values: [], valuesAreOurs: false });
    const again = undoOf([...lines, end('applied'), end('unfinished')], true);
    expect(again).toMatchObject({ valuesAreOurs: true });
  });
});

test('targets by path, under the name that is there for the buckets', () => {
  expect(targetValues({ max: 1, buckets: 2, values: { generic_timeout: '60' } }, true)).toEqual({
    [MAX]: '1',
    [HASHSIZE_PATH]: '2',
    '/proc/sys/net/netfilter/nf_conntrack_generic_timeout': '60',
  });
  expect(targetValues({ max: 1, buckets: 2, values: {} }, false)).toHaveProperty([HASH], '2');
});

describe('hashsizeIn', () => {
  test.each([
    [
      'insmod /lib/modules/6.1/nf_defrag_ipv4.ko \ninsmod /lib/x/nf_conntrack.ko hashsize=1111  hashsize=2222 \n',
      '2222',
    ],
    ['insmod /lib/x/nf_conntrack.ko.xz hashsize=5 expect_hashsize=7\n', '5'],
    ['insmod /lib/x/nf_conntrack.ko expect_hashsize=7\n', undefined],
    ['insmod /lib/x/nf_conntrack_ftp.ko hashsize=9\n', undefined],
    ['builtin nf_conntrack\n', undefined],
    ['options nf_conntrack hashsize=1\noptions nf-conntrack hashsize=2\noptions other hashsize=3\n', '2'],
    ['insmod /lib/x/nf_conntrack.ko hashsize=5x\n', undefined],
  ])('%j: %s', (output, size) => expect(hashsizeIn(output)).toBe(size));
});
