/** The write-ahead journal: one file per change, one JSON object per line, durable before the step it announces. */
import { closeSync, constants, fsyncSync, ftruncateSync, openSync, readdirSync, unlinkSync, writeSync } from 'node:fs';
import { posix } from 'node:path';
import { CtfixError } from '../errors.ts';
import { randomHex } from '../host/chance.ts';
import type { BeginLine, JournalLine } from '../model.ts';
import { hasStateDir, journalDir, readRecord, syncDirectory } from './statedir.ts';

export type Journal = {
  readonly id: string;
  /** everything in it, oldest first */
  readonly lines: readonly JournalLine[];
  /** Adds a line; it is on the disk when this returns. @throws the error of node:fs; then the line is not in it */
  append(line: JournalLine): void;
  close(): void;
};

const ID = /^[0-9]{8}-[0-9]{6}-[0-9a-f]{4}$/;
const KINDS: readonly JournalLine['line'][] = ['begin', 'intend', 'done', 'failed', 'undo', 'end', 'confirm'];

/**
 * The id of a new change, `20261124-054512-1a2b` (UTC): greater than every id in `known`, even when the clock was set
 * back, so that the order of the ids is the order of the changes.
 */
export function newId(now: Date, known: readonly string[]): string {
  const last = known.at(-1);
  const after = last === undefined ? 0 : Date.parse(stampToIso(last)) + 1000;
  const stamp = new Date(Math.max(now.getTime(), after))
    .toISOString()
    .replace(/[-:]|\.\d+Z$/g, '')
    .replace('T', '-');
  return `${stamp}-${randomHex(2)}`;
}

function stampToIso(id: string): string {
  return id.replace(/^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-.*$/, '$1-$2-$3T$4:$5:$6Z');
}

/** The ids of all changes here, oldest first; [] where ctfix has never changed anything. @throws CtfixError refused */
export function journalIds(stateDir: string): readonly string[] {
  if (!hasStateDir(stateDir)) return [];
  const names = readdirSync(journalDir(stateDir)).filter((name) => name.endsWith('.jsonl'));
  return names
    .map((name) => name.slice(0, -'.jsonl'.length))
    .filter((id) => ID.test(id))
    .sort();
}

/**
 * Begins a journal with its first line, file and name durable.
 * @throws the error of node:fs; then there is no such journal
 */
export function createJournal(stateDir: string, begin: BeginLine): Journal {
  const path = pathOf(stateDir, begin.id);
  const fd = openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL, 0o600);
  const journal = over(fd, begin.id, { lines: [], length: 0 });
  try {
    journal.append(begin);
    syncDirectory(journalDir(stateDir));
    return journal;
  } catch (error) {
    closeSync(fd);
    unlinkSync(path);
    throw error;
  }
}

/**
 * Opens a journal to add to it; a torn last line is cut off first. Where the disk does not let it be opened for writing
 * (read-only, an error), it is one whose `append` throws: what it tells can be taken back all the same.
 * @throws CtfixError as readJournal
 */
export function reopenJournal(stateDir: string, id: string): Journal {
  const path = pathOf(stateDir, id);
  const { lines, length } = parse(path, readRecord(path) ?? '');
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW);
    ftruncateSync(fd, length);
    return over(fd, id, { lines, length });
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    return readOnly(id, lines, error);
  }
}

function readOnly(id: string, lines: readonly JournalLine[], why: unknown): Journal {
  const append = () => {
    throw why;
  };
  return { id, lines, append, close: () => undefined };
}

/**
 * Every line of a journal; undefined when there is no such change. A torn last line was never promised: it is left out.
 * @throws CtfixError refused: the file is not ours to trust; stuck: a line in the middle is not one of a journal
 */
export function readJournal(stateDir: string, id: string): readonly JournalLine[] | undefined {
  if (!ID.test(id) || !hasStateDir(stateDir)) return undefined;
  const path = pathOf(stateDir, id);
  const text = readRecord(path);
  return text === undefined ? undefined : parse(path, text).lines;
}

function pathOf(stateDir: string, id: string): string {
  return posix.join(journalDir(stateDir), `${id}.jsonl`);
}

function over(fd: number, id: string, known: Parsed): Journal {
  const lines = [...known.lines];
  let { length } = known;
  return {
    id,
    lines,
    append(line) {
      const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
      try {
        writeWhole(fd, bytes);
        fsyncSync(fd);
      } catch (error) {
        // A full disk takes a part of a line: without this the next line would be glued to it.
        ftruncateSync(fd, length);
        throw error;
      }
      length += bytes.length;
      lines.push(line);
    },
    close: () => closeSync(fd),
  };
}

function writeWhole(fd: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
}

/** Lines, and how many bytes of the file they are. */
type Parsed = { readonly lines: readonly JournalLine[]; readonly length: number };

function parse(path: string, text: string): Parsed {
  const lines: JournalLine[] = [];
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  let length = 0;
  for (const [index, each] of whole.split('\n').slice(0, -1).entries()) {
    const line = asLine(each);
    const end = length + Buffer.byteLength(each) + 1;
    if (line === undefined) {
      // A power cut can leave the last block of a file as zeros; nothing after it was promised.
      if (end === Buffer.byteLength(whole)) break;
      throw new CtfixError('stuck', `${path}:${index + 1} is not a line of a journal`, {
        hint: 'somebody edited it or the disk is damaged; nothing was changed now. Compare the files named in it by hand',
      });
    }
    lines.push(line);
    length = end;
  }
  return { lines, length };
}

function asLine(text: string): JournalLine | undefined {
  try {
    const value = JSON.parse(text);
    return KINDS.includes(value?.line) ? value : undefined;
  } catch {
    return undefined;
  }
}
