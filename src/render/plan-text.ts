/** A plan for a person on a terminal or in a change review. Pure. */
import { isEmpty, type Plan } from '../model.ts';
import { planDiffs } from './diff.ts';
import { escapeLine } from './escape.ts';
import { columns, section, wrap } from './lines.ts';
import { grouped, plural } from './numbers.ts';
import { type Paint, paint, type View } from './paint.ts';
import {
  evidenceRows,
  headRows,
  noteLines,
  otherRows,
  type PlanReport,
  placeOf,
  valueRows,
  verdictOf,
} from './plan-parts.ts';
import { movedRows, savedSentence } from './plan-saved.ts';
import { stepOf } from './steps.ts';

/** The whole plan: verdict, head, reasons, working, evidence, diffs, steps, and what stands against it. */
export function planText(report: PlanReport, view: View): string {
  const { plan } = report;
  const p = paint(view);
  const lines = [
    ...verdictLines(report, p),
    '',
    ...head(report),
    ...section(p.bold(p.yellow('moved')), movedTable(report)),
    ...section(p.bold('why'), bullets(plan.sizing.reasons.slice(1))),
    ...section(p.bold('evidence'), columns(safe(evidenceRows(report)))),
    ...section(p.bold('working'), working(plan)),
    ...section(p.bold('other strategies'), columns(safe(otherRows(plan)))),
    ...changes(plan, p),
    ...section(p.bold(p.red('refused')), refusals(plan)),
    ...section(p.bold(p.yellow('unknown')), unknowns(plan)),
    ...section(p.bold('unchanged'), columns(safe(plan.unchanged.map((one) => [one.item, one.why])))),
    ...section(p.bold('notes'), bullets(noteLines(plan))),
  ];
  return `${lines.join('\n')}\n`;
}

/** The verdict, the head and a line for each step, for the moment before a question. */
export function planSummary(report: PlanReport, view: View): string {
  const p = paint(view);
  const steps = columns(report.plan.actions.map(stepOf).map(({ verb, object }) => [verb, escapeLine(object)]));
  const moved = section(p.bold(p.yellow('moved')), movedTable(report));
  return `${[...verdictLines(report, p), '', ...head(report), ...moved, ...section(p.bold('steps'), steps)].join('\n')}\n`;
}

/** Only the diffs and the steps. */
export function planChanges(plan: Plan, view: View): string {
  return `${changes(plan, paint(view)).slice(1).join('\n')}\n`;
}

const VERDICT_COLOUR = { needed: 'yellow', precaution: 'cyan', requested: 'cyan', nothing: 'green' } as const;

function verdictLines({ plan, saved }: PlanReport, p: Paint): string[] {
  const { word, reason } = verdictOf(plan);
  const [first = '', ...rest] = wrap(escapeLine(reason), `${word}: `, '  ');
  const coloured = p.bold(p[VERDICT_COLOUR[plan.sizing.verdict]](`${word}:`)) + first.slice(word.length + 1);
  const because = `${plural(plan.refusals.length, 'reason')}, see "refused" below; apply would touch nothing and exit with 3`;
  const refused = plan.refusals.length === 0 ? [] : [`${p.bold(p.red('refused:'))} ${because}`];
  return [...(saved === undefined ? [] : savedLines(savedSentence(saved), p)), coloured, ...rest, ...refused];
}

function savedLines(sentence: string, p: Paint): string[] {
  const [word = ''] = sentence.split(':', 1);
  const [first = '', ...rest] = wrap(escapeLine(sentence), '', '  ');
  return [p.bold(p[word === 'saved' ? 'cyan' : 'yellow'](`${word}:`)) + first.slice(word.length + 1), ...rest];
}

function movedTable({ saved }: PlanReport): string[] {
  return saved === undefined ? [] : columns(safe(movedRows(saved)));
}

function head(report: PlanReport): string[] {
  const values = valueRows(report);
  const table = columns(
    [['', 'now', 'after'], ...values].map((row) => [...row.map(escapeLine), '']),
    [1, 2],
  );
  return [...columns(safe(headRows(report))), '', ...table];
}

function working(plan: Plan): string[] {
  return columns(safe(plan.sizing.working.map((one) => [one.name, grouped(one.value), one.how])), [1]);
}

function changes(plan: Plan, p: Paint): string[] {
  if (isEmpty(plan)) return [];
  const diffs = planDiffs(plan.actions).flatMap((block) => ['', ...block.map((line) => diffLine(line, p))]);
  const steps = plan.actions.map(stepOf).map(({ verb, object, why }, at) => {
    const [first = '', ...rest] = wrap(escapeLine(object), `  ${String(at + 1).padStart(2)}  ${verb.padEnd(6)}  `);
    return [first, ...rest, ...wrap(escapeLine(why), ' '.repeat(14)).map(p.dim)];
  });
  return ['', p.bold('changes'), ...diffs.slice(1), ...section(p.bold('steps'), steps.flat())];
}

/** Colours a line of a diff by its first character; the header of a file is no removal. */
function diffLine(line: string, p: Paint): string {
  if (line.startsWith('--- ') || line.startsWith('+++ ')) return p.bold(line);
  if (line.startsWith('@@')) return p.cyan(line);
  if (line.startsWith('-')) return p.red(line);
  return line.startsWith('+') ? p.green(line) : line;
}

function refusals(plan: Plan): string[] {
  return plan.refusals.flatMap((one) => {
    const place = placeOf(one);
    const what = place === undefined ? one.what : `${place}: ${one.what}`;
    return [...wrap(escapeLine(what), '  - ', '    '), ...wrap(escapeLine(`to do: ${one.remedy}`), '    ')];
  });
}

function unknowns(plan: Plan): string[] {
  return plan.unknowns.flatMap(({ what, costs }) => [
    ...wrap(escapeLine(what), '  - ', '    '),
    ...wrap(escapeLine(`costs: ${costs}`), '    '),
  ]);
}

function bullets(texts: readonly string[]): string[] {
  return texts.flatMap((text) => wrap(escapeLine(text), '  - ', '    '));
}

function safe(rows: readonly (readonly string[])[]): string[][] {
  return rows.map((row) => row.map(escapeLine));
}
