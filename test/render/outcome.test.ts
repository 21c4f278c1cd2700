import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../src/apply/outcome.ts';
import { outcomeText, progressLine } from '../../src/render/outcome.ts';
import { COLOURED, hostile, leftControls, PLAIN, spoil } from './support.ts';

const outcome: Outcome = {
  exit: 'ok',
  id: '20261124T053310Z-1',
  lines: [
    { kind: 'done', item: '/etc/modprobe.d/nf_conntrack.conf', text: 'written and read back' },
    {
      kind: 'conflict',
      item: '/etc/x',
      text: '/etc/x was changed since',
      values: { before: undefined, after: 'a\nb\n', now: 'c' },
    },
    { kind: 'todo', text: 'look at it' },
  ],
};

test('what happened, line by line, with the three values of a conflict', () => {
  expect(outcomeText('apply', outcome, PLAIN)).toBe(`applied: the change is in force and was read back
  done      /etc/modprobe.d/nf_conntrack.conf: written and read back
  conflict  /etc/x was changed since
              before  (absent)
              after   2 lines, the first is a
              now     c
  todo      look at it

change 20261124T053310Z-1; to take it back: ctfix rollback 20261124T053310Z-1
`);
});

describe('the first line tells the exit code in words', () => {
  test.each([
    ['apply', 'ok', 'applied:'],
    ['apply', 'failed', 'failed: nothing was changed'],
    ['apply', 'refused', 'refused: nothing was touched'],
    ['apply', 'rolledBack', 'failed and taken back:'],
    ['apply', 'stuck', 'stuck:'],
    ['rollback', 'ok', 'taken back:'],
    ['rollback', 'refused', 'refused:'],
  ] as const)('%s %s', (deed, exit, words) => {
    expect(outcomeText(deed, { ...outcome, exit }, PLAIN).startsWith(words)).toBe(true);
  });

  test('nothing was begun: nothing to do', () => {
    expect(outcomeText('rollback', { exit: 'ok', lines: [] }, PLAIN)).toBe('nothing to do: nothing was changed\n');
  });
});

test('what has to be done by hand is not offered to be taken back', () => {
  const text = outcomeText('apply', { ...outcome, exit: 'stuck' }, PLAIN);
  expect(text).toContain('when the cause is gone: ctfix rollback 20261124T053310Z-1');
});

test('a step is told with a mark that the terminal has', () => {
  expect(progressLine('buckets', PLAIN)).toBe('* buckets\n');
  expect(progressLine('buckets\x1b[2J', { colour: false, unicode: true })).toBe('\u00b7 buckets\\e[2J\n');
});

test('no control character gets through', () => {
  fc.assert(
    fc.property(fc.array(hostile, { minLength: 3 }), (texts) => {
      let at = 0;
      const one = spoil(
        outcome,
        ['id', 'item', 'text', 'before', 'after', 'now'],
        () => texts[at++ % texts.length] ?? '',
      );
      expect(leftControls(outcomeText('apply', one, PLAIN))).toEqual([]);
      expect(leftControls(outcomeText('rollback', one, COLOURED))).toEqual([]);
    }),
  );
});
