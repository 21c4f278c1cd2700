import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CheckOptions, checkOf, checkOrder, parseRange, type Seen, unknown } from '../src/check.ts';
import { CtfixError } from '../src/errors.ts';
import type { Maybe } from '../src/model.ts';
import { hostile, leftControls } from './render/support.ts';

const range = (text: string) => parseRange('-w', text);
const options = (warning = '75', critical = '90', absent: 'ok' | 'unknown' = 'unknown'): CheckOptions => ({
  warning: range(warning),
  critical: range(critical),
  absent,
});
const seen = (more: Partial<Seen> = {}): Seen => ({
  state: 'loaded',
  count: 100,
  max: 1000,
  buckets: 512,
  namespace: 'initial',
  counters: { drop: 1, early_drop: 2, insert_failed: 3, chainlength: 4, invalid: 5 },
  ...more,
});

describe('thresholds', () => {
  test.each<[string, object]>([
    ['75', { start: 0, end: 75, inside: false }],
    ['75%', { start: 0, end: 75, inside: false }],
    ['0.5', { start: 0, end: 0.5, inside: false }],
    ['10:', { start: 10, end: Number.POSITIVE_INFINITY, inside: false }],
    ['~:75', { start: Number.NEGATIVE_INFINITY, end: 75, inside: false }],
    ['10:75', { start: 10, end: 75, inside: false }],
    [':75', { start: 0, end: 75, inside: false }],
    ['@10:75', { start: 10, end: 75, inside: true }],
    ['@75', { start: 0, end: 75, inside: true }],
  ])('%s', (text, expected) => expect(range(text)).toEqual(expected));

  test.each([
    '',
    '%',
    '@',
    'x',
    '-1',
    '1e3',
    '75%%',
    '75%:90',
    '90:75',
    '~',
    '75:~',
    '1:2:3',
    ' 75',
    '75\n',
    '٧٥',
    '1000000000',
  ])('%j is none', (text) => expect(() => range(text)).toThrow(CtfixError));

  test.each([
    ['90', '75', true],
    ['75', '90', false],
    ['75', '75', false],
    ['~:90', '75', true],
    ['10:90', '75', false],
    ['@90', '75', false],
    ['10:', '90', false],
  ])('-w %s -c %s is in the wrong order: %s', (warning, critical, wrong) => {
    const order = () => checkOrder(options(warning, critical));
    if (wrong) expect(order).toThrow(/there would never be a warning/);
    else expect(order).not.toThrow();
  });
});

describe('verdicts', () => {
  test.each<[string, Seen, CheckOptions, number, string]>([
    [
      'ok',
      seen(),
      options(),
      0,
      'CONNTRACK OK: 10.0 % full: 100 of 1,000 flows | fill=10%;75;90;0;100 count=100;750;900;0;1000 chain=0.39;;;0 drop=1c early_drop=2c insert_failed=3c chaintoolong=4c',
    ],
    [
      'just not',
      seen({ count: 750, counters: { unknown: '' } }),
      options(),
      0,
      'CONNTRACK OK: 75.0 % full: 750 of 1,000 flows | fill=75%;75;90;0;100 count=750;750;900;0;1000 chain=2.93;;;0',
    ],
    [
      'warning',
      seen({ count: 751, counters: { unknown: '' } }),
      options(),
      1,
      'CONNTRACK WARNING: 75.1 % full: 751 of 1,000 flows (-w 75) | fill=75.1%;75;90;0;100 count=751;750;900;0;1000 chain=2.93;;;0',
    ],
    [
      'critical, never rounded up',
      seen({ count: 9999, max: 10000, buckets: 0, counters: { unknown: '' } }),
      options(),
      2,
      'CONNTRACK CRITICAL: 99.9 % full: 9,999 of 10,000 flows (-c 90) | fill=99.99%;75;90;0;100 count=9999;7500;9000;0;10000',
    ],
    [
      'more than max',
      seen({ count: 1001, counters: { unknown: '' }, buckets: { unknown: '' } }),
      options(),
      2,
      'CONNTRACK CRITICAL: 100.1 % full: 1,001 of 1,000 flows (-c 90) | fill=100.1%;75;90;0;100 count=1001;750;900;0;1000',
    ],
    [
      'too few',
      seen({ count: 1, counters: { unknown: '' }, buckets: { unknown: '' } }),
      options('1:75', '0.2:90'),
      2,
      'CONNTRACK CRITICAL: 0.1 % full: 1 of 1,000 flows (-c 0.2:90) | fill=0.1%;1:75;0.2:90;0;100 count=1;10:750;2:900;0;1000',
    ],
    [
      'within',
      seen({ count: 800, counters: { unknown: '' }, buckets: { unknown: '' } }),
      options('@75:85', '90'),
      1,
      'CONNTRACK WARNING: 80.0 % full: 800 of 1,000 flows (-w @75:85) | fill=80%;@75:85;90;0;100 count=800;@750:850;900;0;1000',
    ],
    [
      'no limit',
      seen({ max: 0 }),
      options(),
      0,
      'CONNTRACK OK: 100 flows, no limit (nf_conntrack_max is 0) | count=100;;;0 chain=0.39;;;0 drop=1c early_drop=2c insert_failed=3c chaintoolong=4c',
    ],
    [
      'a namespace',
      seen({ namespace: 'child', counters: { drop: 0 }, buckets: { unknown: '' } }),
      options(),
      0,
      'CONNTRACK OK: 10.0 % full: 100 of 1,000 flows of this network namespace | fill=10%;75;90;0;100 count=100;750;900;0;1000 drop=0c',
    ],
    [
      'absent',
      seen({ state: 'absent' }),
      options(),
      3,
      'CONNTRACK UNKNOWN: nf_conntrack is not loaded (--absent ok where that is as it should be)',
    ],
    [
      'absent and meant',
      seen({ state: 'absent' }),
      options('75', '90', 'ok'),
      0,
      'CONNTRACK OK: nf_conntrack is not loaded, nothing is tracked',
    ],
    [
      'unreadable',
      seen({ count: { unknown: 'no\n| permission' } }),
      options('75', '90', 'ok'),
      3,
      'CONNTRACK UNKNOWN: the number of flows: no\\n/ permission',
    ],
    [
      'max unreadable',
      seen({ max: { unknown: 'no permission' } }),
      options(),
      3,
      'CONNTRACK UNKNOWN: nf_conntrack_max: no permission',
    ],
  ])('%s', (_, what, how, code, line) => expect(checkOf(what, how)).toEqual({ code, line: `${line}\n` }));
});

/** 'label'=value[UOM];[warn];[crit];[min];[max], as the guidelines have it. */
const RANGE = String.raw`@?(?:(?:~|-?\d+(?:\.\d+)?)?:)?(?:-?\d+(?:\.\d+)?)?`;
const FIELD = String.raw`[a-z_]+=-?\d+(?:\.\d+)?(?:%|c|B|s)?(?:;${RANGE}(?:;${RANGE}(?:;\d*(?:;\d*)?)?)?)?`;
const LINE = new RegExp(
  String.raw`^CONNTRACK (?:OK|WARNING|CRITICAL|UNKNOWN): [^|\n]+(?: \| ${FIELD}(?: ${FIELD})*)?\n$`,
);

const percent = fc.integer({ min: 0, max: 12000 }).map((n) => String(n / 100));
const text = fc.oneof(
  percent,
  percent.map((one) => `${one}:`),
  percent.map((one) => `~:${one}`),
  percent.map((one) => `${one}:${one}`),
  fc.tuple(percent, percent, fc.constantFrom('', '@')).map(([a, b, at]) => {
    const [low, high] = Number(a) <= Number(b) ? [a, b] : [b, a];
    return `${at}${low}:${high}`;
  }),
);
const number = fc.oneof(fc.nat(), fc.constantFrom(0, 1, 2 ** 31 - 1));
const unknowns = hostile.map((why) => ({ unknown: why }));
const maybe: fc.Arbitrary<Maybe<number>> = fc.oneof(number, unknowns);
const anySeen: fc.Arbitrary<Seen> = fc.record({
  state: fc.constantFrom('loaded', 'absent', 'builtin', 'unloading'),
  count: maybe,
  max: maybe,
  buckets: maybe,
  namespace: fc.constantFrom<Maybe<'initial' | 'child'>[]>('initial', 'child', { unknown: '' }),
  counters: fc.oneof(
    fc.dictionary(fc.constantFrom('drop', 'early_drop', 'insert_failed', 'chainlength', 'invalid'), number),
    unknowns,
  ),
});

describe('laws', () => {
  test('one line, of the grammar, without a control character, and the code of its word', () => {
    fc.assert(
      fc.property(anySeen, text, text, fc.constantFrom('ok', 'unknown'), (what, warning, critical, absent) => {
        const { code, line } = checkOf(what, options(warning, critical, absent));
        expect(line).toMatch(LINE);
        expect(leftControls(line.slice(0, -1))).toEqual([]);
        expect(['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'][code]).toBe(line.split(/[ :]/)[1]);
      }),
    );
  });

  test('any reason makes a line', () => {
    fc.assert(
      fc.property(hostile, (why) => {
        expect(unknown(`${why}.`).line).toMatch(LINE);
      }),
    );
  });

  test('whoever reads the performance data comes to the same verdict as the percentage', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 2 ** 31 - 1 }), text, (count, max, threshold) => {
        const { code, line } = checkOf(seen({ count, max }), options('0:', threshold));
        const critical = / count=\d+;[^;]*;([^;]+);/.exec(line)?.[1] ?? '';
        const [, at, from, to] = /^(@)?(?:(~|[\d.]+)?:)?([\d.]+)?$/.exec(critical) ?? [];
        const low = from === '~' ? Number.NEGATIVE_INFINITY : Number(from ?? 0);
        const high = to === undefined ? Number.POSITIVE_INFINITY : Number(to);
        expect(low).toBeLessThanOrEqual(high);
        const outside = count < low || count > high;
        expect(code === 2).toBe(at === '@' ? !outside : outside);
        const { start, end, inside } = range(threshold);
        // In ten thousandths of max, so that every number is whole.
        const exact = (one: number) => BigInt(Math.round(one * 100)) * BigInt(max);
        const flows = BigInt(count) * 10_000n;
        const below = Number.isFinite(start) && flows < exact(start);
        const above = Number.isFinite(end) && flows > exact(end);
        expect(code === 2).toBe(inside ? !(below || above) : below || above);
      }),
      { numRuns: 500 },
    );
  });

  test('any text is a threshold or a sentence', () => {
    fc.assert(
      fc.property(fc.oneof(hostile, fc.stringMatching(/^@?[~0-9.]{0,4}:?[0-9.]{0,4}%?$/)), (one) => {
        try {
          const { start, end } = range(one);
          expect(start).toBeLessThanOrEqual(end);
        } catch (error) {
          expect(error).toBeInstanceOf(CtfixError);
        }
      }),
    );
  });
});
