import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCounters, parseSlabinfo, parseStats, someCounters } from '../../src/facts/counters.ts';

const HEADER =
  'entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart';
const row = (drop: string) =>
  `00000010  00000000 0000000a 00000000 00000000 00000000 00000000 00000000 00000000 00000000 ${drop} 00000001 00000000  00000000 00000000 00000000 00000000`;

test('columns by name, hexadecimal, summed over the CPUs; entries once', () => {
  expect(parseCounters(`${HEADER}\n${row('ffffffff')}\n${row('00000002')}\n`)).toMatchObject({
    entries: 16,
    found: 20,
    drop: 0x1_0000_0001,
    early_drop: 2,
  });
});

test('an older kernel has other columns in other places', () => {
  expect(parseCounters('entries searched drop delete_list\n00000001 00000002 00000003 00000004\n')).toEqual({
    entries: 1,
    searched: 2,
    drop: 3,
    delete_list: 4,
  });
});

test.each([
  '',
  'entries drop\n',
  'a b\n1 2\n',
  'entries drop\n1 2 3\n',
  'entries drop\n1 zz\n',
  'entries drop\n1 123456789\n',
])('%j is not that file', (text) => expect(parseCounters(text)).toBeUndefined());

test('nothing throws and no sum is anything but a number', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const value of Object.values(parseCounters(`entries drop\n${text}`) ?? {}))
        expect(Number.isSafeInteger(value)).toBe(true);
    }),
  );
});

test.each([
  ['nf_conntrack           0      0    256   16    1 : tunables', 256],
  ['nf_conntrack_expect    0      0    248   16    1 : tunables\nnf_conntrack  5 5 256 16 1 :', 256],
  ['nf_conntrack_1         9     12    320   51    4 : tunables', 320],
  ['nf_conntrack_ffffffff81a27c80   1020   1020    320   51    4 : t', 320],
  ['nf_conntrack_expect    0      0    248   16    1 : tunables', undefined],
  ['xnf_conntrack 0 0 256 1', undefined],
  ['', undefined],
])('slab %j: %s', (text, size) => expect(parseSlabinfo(text)).toBe(size));

const stats = (cpu: number, drop: number) =>
  `cpu=${cpu}   \tfound=1 invalid=2 insert=0 insert_failed=3 drop=${drop} early_drop=4 error=5 search_restart=6 clash_resolve=7 chaintoolong=8 \n`;

test('conntrack -S: sums over the CPUs, under the names of /proc', () => {
  expect(parseStats(stats(0, 10) + stats(1, 1))).toEqual({
    found: 2,
    invalid: 4,
    insert: 0,
    insert_failed: 6,
    drop: 11,
    early_drop: 8,
    icmp_error: 10,
    search_restart: 12,
    clashres: 14,
    chainlength: 16,
  });
});

test.each(['', 'conntrack v1.4.7: Operation not permitted\n', 'cpu=0 found=1\n', 'entries\t\t\t5\n'])(
  '%j is not what conntrack -S prints',
  (text) => expect(parseStats(text)).toBeUndefined(),
);

test('some columns alone: the same numbers, whatever the text looks like', () => {
  const names = ['new', 'drop', 'early_drop', 'chainlength', 'nosuch'];
  const cell = fc.oneof(
    { weight: 9, arbitrary: fc.nat(2 ** 32 - 1).map((value) => value.toString(16).padStart(8, '0')) },
    { weight: 1, arbitrary: fc.constantFrom('', ' ', 'xyz', '-1', '123456789', '\t0') },
  );
  const line = fc.array(cell, { minLength: 17, maxLength: 17 }).map((cells) => {
    const text = cells.join(' ');
    return `${text.slice(0, 8)} ${text.slice(8, 117)} ${text.slice(117)}`;
  });
  const header = fc.constantFrom(HEADER, HEADER.replace('drop', 'nothing'), 'drop', '', HEADER.replaceAll('  ', ' '));
  fc.assert(
    fc.property(header, fc.array(line, { maxLength: 3 }), fc.constantFrom('\n', '', '\n\n'), (first, rows, end) => {
      const text = [first, ...rows].join('\n') + end;
      const all = parseCounters(text);
      const some = someCounters(text, names);
      // What is no number in a column that nobody asked for is nobody's concern.
      if (all !== undefined) expect(names.map((name) => some?.[name])).toEqual(names.map((name) => all[name]));
    }),
    { numRuns: 2000 },
  );
});
