/** Changes that were made on this host, for a person. Pure. */
import type { History } from '../apply/outcome.ts';
import type { ChangeRecord, JournalLine } from '../model.ts';
import { escapeLine } from './escape.ts';
import { section, wrap } from './lines.ts';
import { grouped, instant } from './numbers.ts';
import { paint, type View } from './paint.ts';
import { stepOf } from './steps.ts';

/** One block for each change, newest last; the journal's lines where they were asked for and could be read. */
export function historyText(history: History, view: View): string {
  const p = paint(view);
  if (history.changes.length === 0) return 'ctfix has made no change on this host\n';
  const lines = history.changes.flatMap((change) => [
    `${p.bold(escapeLine(change.id))}  ${state(change)}`,
    ...detail(change),
    ...waiting(change, history),
  ]);
  const journal = history.journal ?? [];
  return `${[...lines, ...section(p.bold('journal'), journal.flatMap(journalLine))].join('\n')}\n`;
}

function waiting({ id }: ChangeRecord, { pending }: History): string[] {
  if (pending?.id !== id) return [];
  const seconds = Math.floor(pending.secondsLeft);
  const over = `the time to confirm it is over; if this stays, run: sudo ctfix rollback ${id}`;
  const left = `waits to be confirmed: ${seconds} seconds left, then it goes back; it stays with: sudo ctfix confirm`;
  return wrap(seconds === 0 ? over : left, '  ');
}

const STATES: Readonly<Record<ChangeRecord['outcome'], string>> = {
  applied: 'in force',
  'rolled-back': 'failed and taken back',
  unfinished: 'unfinished: run ctfix rollback',
  stuck: 'stuck, a person is needed: run ctfix rollback',
  undone: 'taken back',
};

function state(change: ChangeRecord): string {
  return `${time(change.at)}, ${change.strategy}, ${STATES[change.outcome]}`;
}

function detail({ before, targets }: ChangeRecord): string[] {
  const from = (value: number | undefined) => (value === undefined ? 'unknown' : grouped(value));
  const more = Object.entries(targets.values).map(([key, value]) => `${key} ${value}`);
  const parts = [
    `max ${from(before.max)} -> ${grouped(targets.max)}`,
    `buckets ${from(before.buckets)} -> ${grouped(targets.buckets)}`,
    ...more,
  ];
  return wrap(escapeLine(parts.join(', ')), '  ');
}

function journalLine(line: JournalLine): string[] {
  const row = (label: string, text: string) => wrap(escapeLine(text), `  ${label.padEnd(8)}  `, ' '.repeat(12));
  switch (line.line) {
    case 'begin':
      return row('begin', `${time(line.at)} by ${line.who}`);
    case 'intend': {
      const { verb, object } = stepOf(line.action);
      return row(`${line.seq + 1} intend`, `${verb} ${object}`);
    }
    case 'done':
      return row(`${line.seq + 1} done`, line.saw);
    case 'failed':
      return row(`${line.seq + 1} failed`, line.why);
    case 'undo':
      return row(`${line.seq + 1} undo`, line.saw);
    case 'confirm':
      return row('confirm', `${time(line.at)} by ${line.who}`);
    case 'end':
      return row(
        'end',
        [`${time(line.at)}, ${STATES[line.outcome]}`, line.why].filter((part) => part !== undefined).join(': '),
      );
  }
}

function time(iso: string): string {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? escapeLine(iso) : instant(at);
}
