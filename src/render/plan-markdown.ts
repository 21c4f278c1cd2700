/** A plan for a change ticket or a pull request. Pure. */
import { isEmpty, type Plan } from '../model.ts';
import { planDiffs } from './diff.ts';
import { escapeLine } from './escape.ts';
import { grouped } from './numbers.ts';
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

/** The whole plan as GitHub-flavoured Markdown; text from the host cannot break out of it. */
export function planMarkdown(report: PlanReport): string {
  const { plan } = report;
  const { word, reason } = verdictOf(plan);
  const blocks = [
    `## Connection table: ${word}`,
    prose(reason),
    ...saved(report),
    ...refusals(plan),
    list(headRows(report).map(([name, text]) => `**${name}**: ${prose(text)}`)),
    table(['value', 'now', 'after'], valueRows(report)),
    part('Why', list(plan.sizing.reasons.slice(1).map(prose))),
    part('Evidence', list(evidenceRows(report).map(([when, text]) => `${prose(when)}: ${prose(text)}`))),
    part(
      'Working',
      table(
        ['number', 'value', 'how'],
        plan.sizing.working.map((one) => [one.name, grouped(one.value), one.how]),
      ),
    ),
    part('Other strategies', list(otherRows(plan).map(([strategy, text]) => `**${strategy}**: ${prose(text)}`))),
    ...changes(plan),
    part('Unknown', list(plan.unknowns.map((one) => `${prose(one.what)}. Costs: ${prose(one.costs)}`))),
    part('Unchanged', list(plan.unchanged.map((one) => `${code(one.item)}: ${prose(one.why)}`))),
    part('Notes', list(noteLines(plan).map(prose))),
    `ctfix ${prose(plan.ctfix)}`,
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

function saved({ saved: note }: PlanReport): string[] {
  if (note === undefined) return [];
  const [word = '', ...rest] = savedSentence(note).split(':');
  const [heads = [], ...rows] = movedRows(note);
  return [`**${word}**:${prose(rest.join(':'))}`, table([heads[0] || 'moved', ...heads.slice(1)], rows)];
}

function refusals(plan: Plan): string[] {
  if (plan.refusals.length === 0) return [];
  const items = plan.refusals.map((one) => {
    const place = placeOf(one);
    return `${place === undefined ? '' : `${code(place)}: `}${prose(one.what)}. **To do**: ${prose(one.remedy)}`;
  });
  return ['**Refused**: apply would touch nothing and exit with 3.', list(items)];
}

function changes(plan: Plan): string[] {
  if (isEmpty(plan)) return [];
  const diffs = planDiffs(plan.actions).map((block) => fence('diff', block));
  const steps = plan.actions
    .map(stepOf)
    .map(({ verb, object, why }, at) => `${at + 1}. ${verb} ${code(object)}: ${prose(why)}`);
  return ['### Changes', ...diffs, '### Steps', steps.join('\n')];
}

function part(heading: string, body: string): string {
  return body === '' ? '' : `### ${heading}\n\n${body}`;
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n');
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  if (rows.length === 0) return '';
  return [line(heads), line(heads.map(() => '---')), ...rows.map((row) => line(row.map(prose)))].join('\n');
}

/** Text in which Markdown's own characters mean themselves. */
function prose(text: string): string {
  return escapeLine(text).replace(/[\\`*[\]<>|]/g, '\\$&');
}

/** Inline code with as many backticks as its content needs. */
function code(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const ticks = '`'.repeat(longest + 1);
  return longest === 0 ? `${ticks}${escapeLine(text)}${ticks}` : `${ticks} ${escapeLine(text)} ${ticks}`;
}

function fence(language: string, lines: readonly string[]): string {
  const longest = Math.max(2, ...lines.flatMap((line) => [...line.matchAll(/`+/g)].map(([run]) => run.length)));
  const ticks = '`'.repeat(longest + 1);
  return [`${ticks}${language}`, ...lines, ticks].join('\n');
}
