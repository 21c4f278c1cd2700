import {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createJournal, journalIds, newId, readJournal, reopenJournal } from '../../src/apply/journal.ts';
import { rebuildState, recordOf, recordsIn } from '../../src/apply/state.ts';
import { hasStateDir, openStateDir } from '../../src/apply/statedir.ts';
import type { JournalLine } from '../../src/model.ts';
import { planOf } from '../support/changes.ts';
import { memoryHost } from '../support/memory-host.ts';
import { tree } from '../support/tree.ts';

const ID = '20261124-054512-1a2b';
const isRoot = process.geteuid?.() === 0;
const TARGETS = { max: 131072, buckets: 131072, values: {} };
const plan = planOf(memoryHost(), TARGETS, []);
const BEGIN = {
  line: 'begin',
  schema: 'ctfix.journal/v1',
  id: ID,
  at: '2026-11-24T05:45:12.000Z',
  uptime: 1,
  who: 'ada',
  plan,
  live: {},
} as const;
const LINES: readonly JournalLine[] = [
  { line: 'done', seq: 0, saw: 'first\nü' },
  { line: 'failed', seq: 1, why: 'second' },
  { line: 'end', at: '2026-11-24T05:46:00.000Z', uptime: 3, outcome: 'applied', counters: { drop: 4 } },
];

function opened(): string {
  const dir = join(tree(), 'ctfix');
  openStateDir(dir);
  return dir;
}

describe('newId', () => {
  test('says when, and sorts by it', () => {
    expect(newId(new Date('2026-11-24T05:45:12.999Z'), [])).toMatch(/^20261124-054512-[0-9a-f]{4}$/);
  });

  test('is always greater than every id before, whatever the clock does', () => {
    const date = fc.date({ min: new Date('2000-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(fc.array(date, { minLength: 1, maxLength: 20 }), (clock) => {
        const ids: string[] = [];
        for (const now of clock) ids.push(newId(now, ids));
        expect(ids).toEqual([...new Set(ids)].sort());
      }),
    );
  });
});

describe('the journal', () => {
  test('gives back what was written, and can be gone on with', () => {
    const dir = opened();
    const journal = createJournal(dir, BEGIN);
    for (const line of LINES) journal.append(line);
    journal.close();
    expect(readJournal(dir, ID)).toEqual([BEGIN, ...LINES]);
    const again = reopenJournal(dir, ID);
    again.append({ line: 'undo', seq: 0, saw: 'back' });
    expect(again.lines.at(-1)).toEqual({ line: 'undo', seq: 0, saw: 'back' });
    again.close();
    expect(readJournal(dir, ID)).toHaveLength(5);
    expect(journalIds(dir)).toEqual([ID]);
    expect(statSync(join(dir, 'journal')).mode & 0o777).toBe(0o700);
  });

  test('is never begun twice under one id', () => {
    const dir = opened();
    createJournal(dir, BEGIN).close();
    expect(() => createJournal(dir, BEGIN)).toThrow('EEXIST');
    expect(readJournal(dir, ID)).toEqual([BEGIN]);
  });

  test('cut anywhere, it has every whole line before the cut and goes on behind it', () => {
    const dir = opened();
    const path = join(dir, 'journal', `${ID}.jsonl`);
    const text = `${[BEGIN, ...LINES].map((line) => JSON.stringify(line)).join('\n')}\n`;
    const bytes = Buffer.from(text);
    fc.assert(
      fc.property(fc.nat(bytes.length), fc.constantFrom('', '\0\0\0', '{"line":'), (cut, rest) => {
        writeFileSync(path, Buffer.concat([bytes.subarray(0, cut), Buffer.from(rest)]));
        const whole = bytes.subarray(0, cut).toString().split('\n').length - 1;
        const expected = [BEGIN, ...LINES].slice(0, whole);
        expect(readJournal(dir, ID)).toEqual(expected);
        const journal = reopenJournal(dir, ID);
        journal.append({ line: 'undo', seq: 9, saw: 'x' });
        journal.close();
        expect(readJournal(dir, ID)).toEqual([...expected, { line: 'undo', seq: 9, saw: 'x' }]);
      }),
      { numRuns: 150 },
    );
  });

  test('a line that is none, with others behind it, is damage and not guessed around', () => {
    const dir = opened();
    createJournal(dir, BEGIN).close();
    appendFileSync(join(dir, 'journal', `${ID}.jsonl`), `{"line":"unheard-of"}\n${JSON.stringify(LINES[0])}\n`);
    expect(() => readJournal(dir, ID)).toThrow(`${ID}.jsonl:2 is not a line of a journal`);
  });

  test.each(['../../../etc/passwd', '', 'x', `${ID}/../${ID}`])('%j is no id', (id) => {
    expect(readJournal(opened(), id)).toBeUndefined();
  });

  test('files of other names are none of its business', () => {
    const dir = opened();
    writeFileSync(join(dir, 'journal', 'notes.jsonl'), 'x');
    writeFileSync(join(dir, 'journal', `${ID}.jsonl~`), 'x');
    expect(journalIds(dir)).toEqual([]);
  });
});

describe('state.json', () => {
  test('is what the journals say, for everybody to read', () => {
    const dir = opened();
    const journal = createJournal(dir, BEGIN);
    for (const line of LINES) journal.append(line);
    journal.close();
    rebuildState(dir);
    const state = JSON.parse(readFileSync(join(dir, 'state.json'), 'utf8'));
    expect(state.changes).toEqual([
      {
        id: ID,
        at: BEGIN.at,
        bootId: 'boot-1',
        uptime: 3,
        outcome: 'applied',
        options: {},
        strategy: 'live',
        targets: TARGETS,
        before: { max: 65536, buckets: 65536 },
        counters: { drop: 4 },
      },
    ]);
    expect(statSync(join(dir, 'state.json')).mode & 0o777).toBe(0o644);
  });

  test('stays small enough to be read: the latest 200 changes, and every one that is open', () => {
    const dir = opened();
    const ids = Array.from({ length: 203 }, (_, at) => `20261124-054512-${(4096 + at).toString(16)}`);
    for (const [at, id] of ids.entries()) {
      const lines = at === 1 ? [{ ...BEGIN, id }] : [{ ...BEGIN, id }, ...LINES];
      const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
      writeFileSync(join(dir, 'journal', `${id}.jsonl`), text, { mode: 0o600 });
    }
    rebuildState(dir);
    const { changes } = JSON.parse(readFileSync(join(dir, 'state.json'), 'utf8'));
    expect(changes.map(({ id }: { id: string }) => id)).toEqual([ids[1], ...ids.slice(3)]);
  });

  test('an unfinished change is one, a journal without its first line is none', () => {
    expect(recordOf([BEGIN])?.outcome).toBe('unfinished');
    expect(recordOf([])).toBeUndefined();
    const dir = opened();
    writeFileSync(join(dir, 'journal', `${ID}.jsonl`), '{"line":"beg', { mode: 0o600 });
    expect(recordsIn(dir)).toEqual([]);
  });
});

describe('the directory', () => {
  test('is readable by all, its journals by root alone, whatever the umask', () => {
    const umask = process.umask(0o077);
    const dir = opened();
    process.umask(umask);
    expect(statSync(dir).mode & 0o777).toBe(0o755);
    expect(hasStateDir(dir)).toBe(true);
    expect(hasStateDir(join(dir, 'none'))).toBe(false);
  });

  const tricks: [string, (dir: string) => void, RegExp][] = [
    ['everybody can write to it', (dir) => chmodSync(dir, 0o777), /others than its owner can write/],
    ['its group can write to the journals', (dir) => chmodSync(join(dir, 'journal'), 0o770), /others than its owner/],
  ];
  test.each(tricks)('is not trusted when %s', (_, spoil, message) => {
    const dir = opened();
    spoil(dir);
    for (const use of [() => openStateDir(dir), () => journalIds(dir), () => readJournal(dir, ID)]) {
      expect(use).toThrow(message);
    }
  });

  test.runIf(isRoot)('is not trusted when it, or a journal in it, belongs to somebody else', () => {
    const dir = opened();
    createJournal(dir, BEGIN).close();
    chownSync(join(dir, 'journal', `${ID}.jsonl`), 65534, 0);
    expect(() => readJournal(dir, ID)).toThrow('belongs to the user with id 65534');
    chownSync(dir, 65534, 0);
    expect(() => openStateDir(dir)).toThrow('belongs to the user with id 65534');
  });

  test('a link, a journal that others can write and one that is a link are not trusted', () => {
    const dir = opened();
    const journal = join(dir, 'journal', `${ID}.jsonl`);
    createJournal(dir, BEGIN).close();
    chmodSync(journal, 0o622);
    expect(() => readJournal(dir, ID)).toThrow('others than its owner can write');
    const other = tree();
    symlinkSync(dir, join(other, 'ctfix'));
    expect(() => openStateDir(join(other, 'ctfix'))).toThrow('is not a directory');
    symlinkSync(journal, join(dir, 'journal', '20261124-054513-1a2b.jsonl'));
    expect(() => readJournal(dir, '20261124-054513-1a2b')).toThrow('cannot be trusted');
  });

  test('that cannot be made is a sentence', () => {
    const dir = tree({ file: '' });
    mkdirSync(join(dir, 'x'));
    expect(() => openStateDir(join(dir, 'file/ctfix'))).toThrow('cannot be used for the record of the change');
  });
});
