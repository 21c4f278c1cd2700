/** How apply and rollback ended, for a person: verdict first, then what happened, then what to do. Pure. */
import type { Outcome, OutcomeLine } from '../apply/outcome.ts';
import type { ExitName } from '../errors.ts';
import { escapeLine } from './escape.ts';
import { wrap } from './lines.ts';
import { type Paint, paint, type View } from './paint.ts';

export type Deed = 'apply' | 'rollback' | 'confirm';

const HEADLINES: Readonly<Record<Deed, Partial<Record<ExitName, string>>>> = {
  apply: {
    ok: 'applied: the change is in force and was read back',
    failed: 'failed: nothing was changed',
    refused: 'refused: nothing was touched',
    stale: 'stale: the host is no longer as it was planned for; nothing was touched',
    rolledBack: 'failed and taken back: the host is as it was',
    stuck: 'stuck: taking the change back could not be finished, a person is needed',
  },
  confirm: { ok: 'confirmed: the change stays' },
  rollback: {
    ok: 'taken back: the host is as it was before the change',
    failed: 'failed: nothing was changed',
    refused: 'refused: nothing was touched',
    stuck: 'stuck: taking the change back could not be finished, a person is needed',
  },
};

/** One line of what apply is doing, for stderr. */
export function progressLine(text: string, view: View): string {
  return `${paint(view).dim(view.unicode ? '\u00b7' : '*')} ${escapeLine(text)}\n`;
}

/** The whole outcome as text. */
export function outcomeText(deed: Deed, outcome: Outcome, view: View): string {
  const p = paint(view);
  const [word = '', ...rest] = headline(deed, outcome).split(':');
  const colour = outcome.exit === 'ok' ? p.green : p.red;
  const lines = [
    `${p.bold(colour(`${word}:`))}${rest.join(':')}`,
    ...outcome.lines.flatMap((line) => outcomeLine(line, p)),
    ...wayBack(deed, outcome),
  ];
  return `${lines.join('\n')}\n`;
}

function headline(deed: Deed, { exit, id }: Outcome): string {
  if (exit === 'ok' && id === undefined) return 'nothing to do: nothing was changed';
  return HEADLINES[deed][exit] ?? `ended: ${exit}`;
}

function wayBack(deed: Deed, { exit, id }: Outcome): string[] {
  if (id === undefined) return [];
  const line = `change ${escapeLine(id)}`;
  if (exit === 'stuck') return ['', `${line}; when the cause is gone: ctfix rollback ${escapeLine(id)}`];
  return deed === 'apply' && exit === 'ok'
    ? ['', `${line}; to take it back: ctfix rollback ${escapeLine(id)}`]
    : ['', line];
}

const COLOURS: Readonly<Record<OutcomeLine['kind'], keyof Paint | undefined>> = {
  done: 'green',
  undone: 'green',
  already: 'dim',
  kept: undefined,
  conflict: 'red',
  failed: 'red',
  refused: 'red',
  moved: 'yellow',
  todo: 'yellow',
  note: 'dim',
};

function outcomeLine({ kind, item, text, values }: OutcomeLine, p: Paint): string[] {
  const label = kind.padEnd(8);
  const indent = ' '.repeat(12);
  const said = item === undefined || text.includes(item) ? text : `${item}: ${text}`;
  const [first = '', ...rest] = wrap(escapeLine(said), `  ${label}  `, indent);
  const colour = COLOURS[kind];
  const painted = colour === undefined ? first : `  ${p[colour](label)}${first.slice(2 + label.length)}`;
  return [painted, ...rest, ...threeValues(values).flatMap((row) => wrap(row, `${indent}  `))];
}

/** Before, after and now, each on a line: what a person compares when somebody else changed something. */
function threeValues(values: OutcomeLine['values']): string[] {
  if (values === undefined) return [];
  return (['before', 'after', 'now'] as const)
    .filter((name) => name in values)
    .map((name) => `${name.padEnd(6)}  ${shown(values[name])}`);
}

function shown(value: string | undefined): string {
  if (value === undefined) return '(absent)';
  const lines = value.replace(/\n$/, '').split('\n').map(escapeLine);
  return lines.length === 1 ? (lines[0] ?? '') : `${lines.length} lines, the first is ${lines[0]}`;
}
