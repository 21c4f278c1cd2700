/** The status of the table for a person: how full, then every number with where it comes from. Pure. */
import { isKnown, known, type Maybe } from '../model.ts';
import { placeOf } from '../own.ts';
import type { Status } from '../status.ts';
import { escapeLine } from './escape.ts';
import { hostWords } from './host.ts';
import { columns, section } from './lines.ts';
import { bytes, chainDigits, duration, grouped, instant, percent, plural } from './numbers.ts';
import { alarmOf, type Paint, paint, type View } from './paint.ts';
import { otherValues, valueRows } from './status-values.ts';

/** Head, values with their origin, drops, and what could not be read. */
export function statusText(status: Status, view: View): string {
  const p = paint(view);
  const lines = [
    headline(status, p),
    '',
    ...columns(headRows(status).map(escapeRow)),
    ...section(p.bold('values'), [...columns(valueRows(status).map(escapeRow), [2]), ...otherValues(status)]),
    ...section(p.bold('dropped since the module was loaded'), dropLines(status)),
    ...section(
      p.bold('problems'),
      columns(status.problems.map(({ file, line, what }) => escapeRow([placeOf({ file, line }), what]))),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

const escapeRow = (row: readonly string[]) => row.map(escapeLine);

function headline({ module, table, kind }: Status, p: Paint): string {
  if (table === undefined)
    return p.bold(module.state === 'absent' ? 'no table: nf_conntrack is not loaded' : 'no table');
  const { count, max, fill } = table;
  if (!isKnown(count))
    return p.bold(kind === 'sysroot' ? 'table unknown (--root)' : escapeLine(`flows unknown: ${count.unknown}`));
  if (known(max) === 0) return p.bold(`${plural(count, 'flow')}, no limit (nf_conntrack_max is 0)`);
  const share = fill === undefined ? undefined : known(fill);
  if (share === undefined || !isKnown(max)) return p.bold(`${plural(count, 'flow')}, max unknown`);
  return `${p.bold(p[alarmOf(share) ?? 'green'](`${percent(share)} full`))}: ${grouped(count)} of ${plural(max, 'flow')}`;
}

function headRows(status: Status): string[][] {
  return [
    ['host', hostWords(status.host)],
    ['module', moduleLine(status)],
    ...chainRow(status),
    ...memoryRow(status),
    ['firewall', firewallLine(status)],
    ...changeRows(status),
    ...planRow(status),
  ];
}

const STATES: Readonly<Record<Status['module']['state'], string>> = {
  loaded: 'loaded',
  absent: 'not loaded',
  builtin: 'built in',
  unloading: 'being unloaded',
};

function moduleLine({ module, kind }: Status): string {
  const { state, users } = module;
  if (kind === 'sysroot' && state === 'absent') return 'unknown: live kernel values not inspected (--root)';
  const child = known(module.namespace) === 'child';
  return [
    `nf_conntrack ${STATES[state]}`,
    ...(users.length > 0 ? [`used by ${users.join(', ')}`] : []),
    ...(child ? ['in a child network namespace: the flows are its own, max and buckets those of the host'] : []),
  ].join(', ');
}

function chainRow({ table }: Status): string[][] {
  if (table === undefined) return [];
  const full = table.chainWhenFull === undefined ? undefined : known(table.chainWhenFull);
  const short = table.shortChains ? '; this kernel refuses flows where a chain has more than 8 to 31' : '';
  const when = full === undefined ? '' : `, ${chainDigits(full)} when full`;
  return [
    [
      'chain',
      `${valueOr(table.chain, (now) => `${chainDigits(now)} entries on average: 2 × flows / buckets`)}${when}${short}`,
    ],
  ];
}

function valueOr<T>(value: Maybe<T>, text: (value: T) => string): string {
  return isKnown(value) ? text(value) : `unknown: ${value.unknown}`;
}

function memoryRow({ memory }: Status): string[][] {
  if (memory === undefined) return [];
  const { now, whenFull, share, perFlow, perFlowHow } = memory;
  const part = share === undefined ? '' : ` (${percent(share)} of the memory)`;
  const full = whenFull === undefined ? '' : `, ${valueOr(whenFull, bytes)} when full${part}`;
  const price = isKnown(now) ? `; ${perFlow} B a flow (${perFlowHow})` : '';
  return [['memory', `${valueOr(now, (amount) => `${bytes(amount)} now${full}`)}${price}`]];
}

function firewallLine({ firewalls, kind }: Status): string {
  if (kind === 'sysroot' && firewalls.length === 0) return 'unknown: nobody can be asked below --root';
  const named = firewalls.flatMap(({ name, state }) => {
    if (!isKnown(state)) return [`${name} (state unknown: ${state.unknown})`];
    return state === 'inactive' ? [] : [state === 'active' ? name : `${name} (${state})`];
  });
  return named.length === 0 ? 'none of those that are known is active' : named.join(', ');
}

const OUTCOMES: Readonly<Record<string, string>> = {
  applied: 'in force',
  'rolled-back': 'failed and taken back',
  unfinished: 'unfinished: sudo ctfix rollback clears up',
  stuck: 'could not be taken back whole: sudo ctfix rollback',
  undone: 'taken back',
};

function changeRows({ change, pending, target, drift }: Status): string[][] {
  if (change === undefined) return [['change', 'none made by ctfix']];
  const made = isKnown(change)
    ? `${change.id}, ${time(change.at)}, ${change.strategy}: ${OUTCOMES[change.outcome] ?? change.outcome}`
    : `unknown: ${change.unknown}`;
  return [
    ['change', made],
    ...(pending === undefined ? [] : [['confirm', waiting(pending)]]),
    ...(target === undefined ? [] : [['target', targetLine(target, drift)]]),
  ];
}

function waiting({ id, secondsLeft }: NonNullable<Status['pending']>): string {
  if (known(secondsLeft) === 0) return `the time for ${id} is over; if this stays: sudo ctfix rollback ${id}`;
  const left = isKnown(secondsLeft) ? `in ${duration(secondsLeft)}` : 'at a time unknown';
  return `${id} goes back ${left}; it stays with: sudo ctfix confirm`;
}

function targetLine(target: NonNullable<Status['target']>, { targetNow, targetBoot }: Status['drift']): string {
  const values = Object.entries(target.values).map(([name, value]) => `, ${name} ${value}`);
  const max = target.max === 0 ? 'no limit' : grouped(target.max);
  const broken = [
    ...(targetNow > 0 ? [`${plural(targetNow, 'value')} not so now`] : []),
    ...(targetBoot > 0 ? [`${plural(targetBoot, 'value')} not so after the next boot`] : []),
  ];
  const state = broken.length === 0 ? 'holds now and after the next boot' : `${broken.join(', ')} (ctfix verify)`;
  return `max ${max}, buckets ${grouped(target.buckets)}${values.join('')}: ${state}`;
}

function time(iso: string): string {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? iso : instant(at);
}

function planRow({ plan }: Status): string[][] {
  if (plan === undefined) return [];
  if (plan.verdict === 'nothing') return [['plan', `nothing to do: ${plan.reason}`]];
  const max = plan.max === 0 ? 'no limit' : `max ${grouped(plan.max)}`;
  return [['plan', `${plan.verdict}: ${max}, buckets ${grouped(plan.buckets)}; ${plan.reason} (ctfix plan)`]];
}

function dropLines({ drops }: Status): string[] {
  if (drops === undefined) return [];
  if (!isKnown(drops)) return columns([['unknown', escapeLine(drops.unknown)]]);
  const rows = drops.map(({ name, total, rise = 0, means }) => {
    const more = rise > 0 ? ` (${grouped(rise)} while we looked)` : '';
    return escapeRow([name, grouped(total), `${means}${more}`]);
  });
  return columns(rows, [1]);
}
