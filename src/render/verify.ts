/** Whether the promises of the last change hold, for a person. Pure. */
import type { Finding, VerifyReport } from '../apply/outcome.ts';
import { escapeLine } from './escape.ts';
import { section, wrap } from './lines.ts';
import { plural } from './numbers.ts';
import { paint, type View } from './paint.ts';

/** Verdict first, then every finding with what was wanted and what was seen. */
export function verifyText(report: VerifyReport, view: View): string {
  const p = paint(view);
  const { change, findings, unknown, waits } = report;
  const lines = [
    ...verdict(report).flatMap((text) => {
      const [word = '', ...rest] = text.split(':');
      const colour = report.exit === 'ok' ? p.green : p.yellow;
      return [`${p.bold(colour(`${word}:`))}${rest.join(':')}`];
    }),
    ...(change === undefined ? [] : [`  change ${escapeLine(change.id)} of ${escapeLine(change.at)}`]),
    ...section(p.bold('findings'), findings.flatMap(finding)),
    ...section(p.bold('unknown'), unknown.flatMap(bullet)),
    ...section(p.bold('notes'), [...report.notes, ...waits].flatMap(bullet)),
  ];
  return `${lines.join('\n')}\n`;
}

function verdict({ change, findings, unknown, waits }: VerifyReport): string[] {
  if (findings.length > 0)
    return [
      `findings: ${plural(findings.length, 'promise')} of the last change ${findings.length === 1 ? 'does' : 'do'} not hold`,
    ];
  if (change === undefined && unknown.length > 0)
    return ['unknown: whether a change of ctfix is in force on this host'];
  if (change === undefined) return ['nothing promised: no change of ctfix is in force on this host'];
  if (unknown.length > 0)
    return ['unknown: nothing seen speaks against the last change, but not everything could be seen'];
  if (waits.length > 0) return ['holds: nothing speaks against the last change; the notes say what is still to come'];
  return ['holds: the host has the values of the last change, now and after the next boot'];
}

function bullet(text: string): string[] {
  return wrap(escapeLine(text), '  - ', '    ');
}

function finding({ item, when, wanted, saw, text }: Finding): string[] {
  const moment = when === 'now' ? 'now' : 'after the next boot';
  const values = `${item}, ${moment}: wanted ${wanted}, ${when === 'now' ? 'is' : 'will be'} ${saw ?? 'absent'}`;
  return [...wrap(escapeLine(values), '  - ', '    '), ...wrap(escapeLine(text), '    ')];
}
