/** The verdict on a host for a person: what is wrong, the proof, what to do, and what was not looked at. Pure. */
import type { Diagnosis } from '../doctor/diagnose.ts';
import type { Finding, Severity, Unseen } from '../doctor/finding.ts';
import { averageChain } from '../kernel.ts';
import { type Facts, isKnown, known } from '../model.ts';
import { escapeLine } from './escape.ts';
import { hostWords } from './host.ts';
import { section, wrap } from './lines.ts';
import { chainDigits, grouped, percent, plural } from './numbers.ts';
import { type Paint, paint, type View } from './paint.ts';

export type DoctorReport = { readonly facts: Facts; readonly diagnosis: Diagnosis };

/** Verdict first, then the host in two lines, then every finding, the one to begin with first. */
export function doctorText({ facts, diagnosis }: DoctorReport, view: View): string {
  const p = paint(view);
  const { findings, unseen } = diagnosis;
  const wrong = findings.filter(({ severity }) => severity !== 'note');
  const notes = findings.filter(({ severity }) => severity === 'note');
  const lines = [
    verdict(diagnosis, p),
    ...wrap(escapeLine(whereLooked(facts)), '  host   ', '         '),
    ...wrap(escapeLine(tableLine(facts)), '  table  ', '         '),
    ...wrong.flatMap((finding, at) => ['', ...findingLines(finding, `${at + 1}. `, p)]),
    ...section(
      p.bold('notes'),
      notes.flatMap((finding) => findingLines(finding, '- ', p)),
    ),
    ...section(p.bold('not looked at'), unseenLines(unseen)),
  ];
  return `${lines.join('\n')}\n`;
}

function verdict({ findings, unseen }: Diagnosis, p: Paint): string {
  const count = (severity: Severity) => findings.filter((finding) => finding.severity === severity).length;
  const [critical, warning] = [count('critical'), count('warning')];
  if (critical + warning === 0) {
    const rest = unseen.length > 0 ? `, and ${plural(unseen.length, 'thing')} could not be looked at` : '';
    return `${p.bold(p.green('all well:'))} nothing is wrong in what was looked at${rest}`;
  }
  const parts = [critical > 0 ? `${critical} critical` : '', warning > 0 ? plural(warning, 'warning') : ''];
  const word = p.bold(critical > 0 ? p.red('found:') : p.yellow('found:'));
  const first = critical + warning > 1 ? '; begin with the first' : '';
  return `${word} ${parts.filter((part) => part !== '').join(', ')}${first}`;
}

function whereLooked({ machine, kind }: Facts): string {
  return hostWords({ ...machine, os: machine.os.name }) + (kind === 'sysroot' ? ', a directory tree' : '');
}

function tableLine({ table, module, kind }: Facts): string {
  const { count, max, buckets } = table;
  if (module.state === 'absent' && kind !== 'sysroot') return 'none: nf_conntrack is not loaded, and tracks nothing';
  if (!isKnown(max) || !isKnown(count)) return 'unknown';
  const share = max === 0 ? 'without limit' : `of ${grouped(max)} flows (${percent(count / max)})`;
  const hash = isKnown(buckets) && buckets > 0 ? hashText(count, max, buckets) : '';
  return `${grouped(count)} ${share}${hash}${dropText(table)}`;
}

function hashText(count: number, max: number, buckets: number): string {
  const full = max === 0 ? '' : `, ${chainDigits(averageChain(max, buckets))} when full`;
  return `; ${grouped(buckets)} buckets, average chain ${chainDigits(averageChain(count, buckets))}${full}`;
}

function dropText({ counters, countersLater }: Facts['table']): string {
  const seen = known(countersLater) ?? known(counters);
  if (seen === undefined) return '; drops unknown';
  const parts = ['drop', 'early_drop', 'insert_failed', 'chainlength'].flatMap((name) => {
    const value = seen[name] ?? 0;
    return value > 0 ? [`${name} ${grouped(value)}`] : [];
  });
  return `; ${parts.length === 0 ? 'no drops' : parts.join(', ')}`;
}

function findingLines({ severity, what, proof, remedies, code }: Finding, lead: string, p: Paint): string[] {
  const colour = { critical: p.red, warning: p.yellow, note: p.cyan }[severity];
  const pad = ' '.repeat(lead.length);
  const word = severity === 'note' ? '' : `${severity}: `;
  const [head = '', ...rest] = wrap(escapeLine(`${word}${what} [${code}]`), lead, pad);
  return [
    lead + head.slice(lead.length).replace(word, p.bold(colour(word))),
    ...rest,
    ...proof.flatMap((line) => wrap(escapeLine(line), `${pad}  - `, `${pad}    `)),
    ...remedies.flatMap(({ say, command }) => [
      ...wrap(escapeLine(say), `${pad}> `, `${pad}  `),
      ...(command === undefined ? [] : [`${pad}    ${p.bold(escapeLine(command))}`]),
    ]),
  ];
}

/** What one command would show stands together. */
function unseenLines(unseen: readonly Unseen[]): string[] {
  const ways = [...new Set(unseen.map(({ how }) => how))];
  return ways.flatMap((how) => [
    ...unseen
      .filter((each) => each.how === how)
      .flatMap(({ what, why }) => wrap(escapeLine(`${what}: ${why}`), '  - ', '    ')),
    ...wrap(escapeLine(how), '    > '),
  ]);
}
