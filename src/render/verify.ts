/** Whether the promises of the last change hold, for a person. Pure. */
import type { Finding, VerifyReport } from '../apply/outcome.ts';
import { escapeLine } from './escape.ts';
import { section, wrap } from './lines.ts';
import { plural } from './numbers.ts';
import { paint, type View } from './paint.ts';

/** Verdict first, then every finding with what was wanted and what was seen. */
export function verifyText(report: VerifyReport, view: View): string {
  const p = paint(view);
  const { change, findings } = report;
  const lines = [
    ...verdict(report).flatMap((text) => {
      const [word = '', ...rest] = text.split(':');
      const colour = findings.length === 0 ? p.green : p.yellow;
      return [`${p.bold(colour(`${word}:`))}${rest.join(':')}`];
    }),
    ...(change === undefined ? [] : [`  change ${escapeLine(change.id)} of ${escapeLine(change.at)}`]),
    ...section(p.bold('findings'), findings.flatMap(finding)),
    ...section(
      p.bold('notes'),
      report.notes.flatMap((note) => wrap(escapeLine(note), '  - ', '    ')),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function verdict({ change, findings }: VerifyReport): string[] {
  if (findings.length > 0)
    return [
      `findings: ${plural(findings.length, 'promise')} of the last change ${findings.length === 1 ? 'does' : 'do'} not hold`,
    ];
  if (change === undefined) return ['nothing promised: no change of ctfix is in force on this host'];
  return ['holds: the host has the values of the last change, now and after the next boot'];
}

function finding({ item, when, wanted, saw, text }: Finding): string[] {
  const moment = when === 'now' ? 'now' : 'after the next boot';
  const values = `${item}, ${moment}: wanted ${wanted}, ${when === 'now' ? 'is' : 'will be'} ${saw ?? 'absent'}`;
  return [...wrap(escapeLine(values), '  - ', '    '), ...wrap(escapeLine(text), '    ')];
}
