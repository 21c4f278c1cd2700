/** history and verify: small reports of the same shape. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { History, VerifyReport } from '../../src/apply/outcome.ts';
import type { ChangeRecord } from '../../src/model.ts';
import { historyText } from '../../src/render/history.ts';
import { verifyText } from '../../src/render/verify.ts';
import { plan } from './samples.ts';
import { hostile, leftControls, PLAIN, spoil } from './support.ts';

const change: ChangeRecord = {
  id: '20261124T053310Z-1',
  at: '2026-11-24T05:33:10.000Z',
  bootId: 'b',
  uptime: 93_784,
  outcome: 'applied',
  options: {},
  strategy: 'live',
  targets: { max: 131_072, buckets: 131_072, values: { tcp_timeout_established: '86400' } },
  before: { max: 65_536 },
};
const history: History = {
  source: 'journals',
  changes: [change],
  journal: [
    { line: 'begin', schema: 'ctfix.journal/v1', id: change.id, at: change.at, uptime: 1, who: 'root', plan, live: {} },
    { line: 'intend', seq: 0, action: { do: 'refresh', command: { udev: 'reload' }, why: 'w' } },
    { line: 'done', seq: 0, saw: 'as wanted' },
    { line: 'failed', seq: 1, why: 'the disk is full' },
    { line: 'undo', seq: 0, saw: 'as before' },
    { line: 'end', at: change.at, uptime: 2, outcome: 'rolled-back', why: 'the disk is full' },
  ],
};
const report: VerifyReport = {
  exit: 'pending',
  change,
  findings: [
    { item: 'net.netfilter.nf_conntrack_max', when: 'now', wanted: '131072', saw: '65536', text: 'somebody set it' },
    { item: 'buckets', when: 'next-boot', wanted: '131072', text: 'no file asks for it' },
  ],
  unknown: ['max after the next boot: a file cannot be read'],
  waits: ['only files were written'],
  notes: ['the udev rule is there'],
};

describe('history', () => {
  test('a change and its journal', () => {
    expect(historyText(history, PLAIN)).toBe(`20261124T053310Z-1  2026-11-24 05:33:10Z, live, in force
  max 65,536 -> 131,072, buckets unknown -> 131,072, tcp_timeout_established 86400

journal
  begin     2026-11-24 05:33:10Z by root
  1 intend  run udevadm control --reload
  1 done    as wanted
  2 failed  the disk is full
  1 undo    as before
  end       2026-11-24 05:33:10Z, failed and taken back: the disk is full
`);
  });

  test('none is said in words', () => {
    expect(historyText({ source: 'state', changes: [] }, PLAIN)).toBe('ctfix has made no change on this host\n');
  });

  test.each([
    [90.5, /waits to be confirmed: 90 seconds left, .*sudo ctfix confirm/s],
    [0, /time to confirm it is over; if this stays, run: sudo ctfix\s+rollback/s],
  ])('with %f seconds left to confirm it', (secondsLeft, line) => {
    const id = history.changes[0]?.id ?? '';
    expect(historyText({ ...history, pending: { id, secondsLeft } }, PLAIN)).toMatch(line);
  });
});

describe('verify', () => {
  test('findings with what was wanted and what is', () => {
    expect(verifyText(report, PLAIN)).toBe(`findings: 2 promises of the last change do not hold
  change 20261124T053310Z-1 of 2026-11-24T05:33:10.000Z

findings
  - net.netfilter.nf_conntrack_max, now: wanted 131072, is 65536
    somebody set it
  - buckets, after the next boot: wanted 131072, will be absent
    no file asks for it

unknown
  - max after the next boot: a file cannot be read

notes
  - the udev rule is there
  - only files were written
`);
  });

  test.each([
    ['holds: the host has', { exit: 'ok', change, findings: [], unknown: [], waits: [], notes: [] }],
    [
      'holds: nothing speaks',
      { exit: 'ok', change, findings: [], unknown: [], waits: ['with the next load'], notes: [] },
    ],
    [
      'unknown: nothing seen',
      { exit: 'failed', change, findings: [], unknown: ['max now: hidden'], waits: [], notes: [] },
    ],
    ['unknown: whether a change', { exit: 'failed', findings: [], unknown: ['state.json'], waits: [], notes: [] }],
    ['nothing promised:', { exit: 'ok', findings: [], unknown: [], waits: [], notes: [] }],
    ['findings: 1 promise of the last change does not hold', { ...report, findings: report.findings.slice(1) }],
  ] as const)('%s', (words, one) => expect(verifyText(one, PLAIN).startsWith(words)).toBe(true));
});

test('no control character gets through', () => {
  const keys = [
    'id',
    'at',
    'saw',
    'why',
    'who',
    'item',
    'text',
    'wanted',
    'notes',
    'name',
    'path',
    'tcp_timeout_established',
  ];
  fc.assert(
    fc.property(fc.array(hostile, { minLength: 3 }), (texts) => {
      let at = 0;
      const next = () => texts[at++ % texts.length] ?? '';
      expect(leftControls(historyText(spoil(history, keys, next), PLAIN))).toEqual([]);
      expect(leftControls(verifyText(spoil(report, keys, next), PLAIN))).toEqual([]);
    }),
  );
});
