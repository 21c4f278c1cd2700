/** Who fills the table, for a person. Pure. */

import type { TopReport } from '../top/report.ts';
import type { Table } from '../top/tables.ts';
import type { Counted } from '../top/tally.ts';
import type { Answer } from '../top/what-if.ts';
import { escapeLine } from './escape.ts';
import { columns, section, wrap } from './lines.ts';
import { grouped, percent, plural } from './numbers.ts';
import { paint, type View } from './paint.ts';

/** The sum first, then a table for everything that was counted by, then what was asked about timeouts. */
export function topText(report: TopReport, view: View): string {
  const p = paint(view);
  const lines = [
    p.bold(escapeLine(sumLine(report))),
    ...report.tables.flatMap((table) => section(p.bold(escapeLine(headOf(table))), rowsOf(table, report.flows))),
    ...section(
      p.bold('what if'),
      report.whatIf.flatMap((one) => wrap(whatIfSentence(one, report.flows), '  - ', '    ')),
    ),
    ...section(p.bold(p.yellow('lines that are no flow')), badLines(report)),
    ...section(
      p.bold('notes'),
      notesOf(report).flatMap((note) => wrap(escapeLine(note), '  - ', '    ')),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function sumLine({ flows, assured, unreplied, offloaded, origin }: TopReport): string {
  if (origin.kind === 'none') return `no flows: ${origin.name}`;
  const share = (part: number) => (flows === 0 ? '0 %' : percent(part / flows));
  const parts = [`${share(assured)} assured`, `${share(unreplied)} unreplied`];
  if (offloaded > 0) parts.push(`${share(offloaded)} offloaded`);
  return `${plural(flows, 'flow')} from ${origin.name}: ${parts.join(', ')}`;
}

function headOf({ by, distinct, exact, low, rows }: Table): string {
  if (!exact) {
    const error = `counts are estimates: each is right or too low, by ${grouped(low)} at most`;
    return `by ${by}, the top ${grouped(rows.length)} of ${grouped(distinct)} or more; ${error}`;
  }
  return rows.length < distinct
    ? `by ${by}, the top ${grouped(rows.length)} of ${grouped(distinct)}`
    : `by ${by}, all ${grouped(distinct)}`;
}

function rowsOf({ by, rows }: Table, flows: number): string[] {
  if (rows.length === 0) return ['  none'];
  const cells = rows.map((row) => [grouped(row.flows), percent(row.flows / flows), ...parts(row), escapeLine(row.key)]);
  return columns([['flows', 'share', 'assured', 'unreplied', by], ...cells], [0, 1, 2, 3]);
}

function parts({ flows, assured, unreplied }: Counted): [string, string] {
  const share = (part: number | undefined) => (part === undefined ? '-' : percent(part / flows));
  return [share(assured), share(unreplied)];
}

/** What a shorter timeout would free, in one sentence that needs no other. */
export function whatIfSentence(answer: Answer & { readonly assumed: boolean }, flows: number): string {
  const { key, seconds, now, freed, unsure, beyond } = answer;
  const set = answer.assumed ? `${grouped(now)} (the kernel's own value, assumed)` : grouped(now);
  const instead = `${key} = ${grouped(seconds)} instead of ${set}`;
  if (seconds >= now) return `${instead}: it is not shorter and frees nothing`;
  const share = flows === 0 ? '' : ` (${percent(freed / flows)} of all)`;
  const parts = [`${plural(freed, 'flow')} fewer${share}, of ${plural(answer.flows, 'flow')} in that state`];
  if (unsure > 0) parts.push(`${grouped(unsure)} more cannot be told and go by themselves within 300 s`);
  if (beyond > 0) parts.push(`${grouped(beyond)} have more left than is set and are not counted`);
  return `${instead}: ${parts.join('; ')}`;
}

function badLines({ bad }: TopReport): string[] {
  if (bad.count === 0) return [];
  const told = bad.first.flatMap(({ line, why, text, where }) => {
    const place = where === undefined ? `line ${grouped(line)}` : `${where}, line ${grouped(line)}`;
    return [...wrap(escapeLine(`${place}: ${why}`), '  - ', '    '), `    ${escapeLine(text)}`];
  });
  const more = bad.count - bad.first.length;
  return more === 0 ? told : [...told, `  and ${plural(more, 'other line')}`];
}

/** A timeout counts from a flow's next packet on: nf_ct_refresh sets it, and nothing else does. */
export const notAtOnce =
  "a shorter timeout counts from a flow's next packet on; flows that are idle keep the time they have left";

function notesOf({ notes, whatIf }: TopReport): readonly string[] {
  return whatIf.some(({ seconds, now }) => seconds < now) ? [...notes, notAtOnce] : notes;
}
