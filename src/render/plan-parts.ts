/** The parts of a plan that every form of it shows: verdict, head, evidence. Pure. */
import { EXIT } from '../errors.ts';
import { type Facts, isEmpty, isKnown, known, type LogLine, type Maybe, type Plan, type Verdict } from '../model.ts';
import { unclashedDrops } from '../overflow.ts';
import { hostWords } from './host.ts';
import { bytes, duration, grouped, instant, percent, plural } from './numbers.ts';
import type { SavedNote } from './plan-saved.ts';

/** The facts that are shown beside a plan. */
export type SeenFacts = Pick<Facts, 'log'> & {
  readonly machine: Pick<Facts['machine'], 'memTotalKiB' | 'uptime' | 'container'>;
  readonly module: Pick<Facts['module'], 'state'>;
  readonly table: Pick<Facts['table'], 'values' | 'counters' | 'countersLater'>;
};

/** A plan, the facts it was made from, and the time at which it is shown; `saved` for one out of a file. */
export type PlanReport = {
  readonly plan: Plan;
  readonly facts: SeenFacts;
  readonly now: Date;
  readonly saved?: SavedNote;
};

const VERDICTS: Readonly<Record<Verdict, string>> = {
  needed: 'needed',
  precaution: 'precaution',
  requested: 'requested',
  nothing: 'nothing to do',
};

/** The first line in two halves: which kind of plan it is, and the most important reason. */
export function verdictOf(plan: Plan): { readonly word: string; readonly reason: string } {
  return { word: VERDICTS[plan.sizing.verdict], reason: plan.sizing.reasons[0] ?? 'the host has what it needs' };
}

/** 3 where apply would refuse, 2 with `--detailed-exitcode` and changes pending, else 0. */
export function planExit(plan: Plan, detailed: boolean): number {
  if (plan.refusals.length > 0) return EXIT.refused;
  return detailed && !isEmpty(plan) ? EXIT.pending : EXIT.ok;
}

/** Nothing is done and nothing stands against it: how it would be done is of no interest. */
function isQuiet(plan: Plan): boolean {
  return isEmpty(plan) && plan.refusals.length === 0;
}

/** What each of the other strategies would cost, and what blocks it. */
export function otherRows(plan: Plan): [string, string][] {
  if (isQuiet(plan)) return [];
  return plan.strategy.others.map(({ strategy, cost, blockedBy }) => [
    strategy,
    blockedBy.length === 0 ? cost : `${cost}; blocked: ${blockedBy.join('; ')}`,
  ]);
}

/** Name and text of each line of the head. */
export function headRows({ plan, facts }: PlanReport): [string, string][] {
  const { memTotalKiB, container } = facts.machine;
  const { os, kernel } = plan.host;
  return [
    ['host', hostWords({ os, kernel, memTotalKiB, container })],
    ...(isQuiet(plan) ? [] : [['strategy', `${plan.strategy.taken}: ${plan.strategy.why}`] as [string, string]]),
    ['memory', memoryLine(plan)],
  ];
}

/** Present and target values: name, now, after. */
export function valueRows({ plan, facts }: PlanReport): [string, string, string][] {
  const { present, targets } = plan.sizing;
  const more = Object.entries(targets.values).map(([key, value]): [string, string, string] => [
    key,
    digits(facts.table.values[key] ?? 'absent'),
    digits(value),
  ]);
  const none = facts.module.state === 'absent' ? 'not loaded' : 'unknown';
  // No number can be planned from nothing: 0 is then the absence of one, not a target.
  const blind = !isKnown(present.max) && targets.max === 0;
  return [
    ['max', tableNumber(present.max, none, 'no limit'), blind ? 'unknown' : tableNumber(targets.max, none, 'no limit')],
    ['buckets', tableNumber(present.buckets, none), targets.buckets === 0 ? 'unknown' : grouped(targets.buckets)],
    ['flows', tableNumber(present.count, none), ''],
    ...more,
  ];
}

/** A number with its thousands separated, or the word for one that is not there. */
function tableNumber(value: Maybe<number>, none: string, zero = '0'): string {
  if (!isKnown(value)) return none;
  return value === 0 ? zero : grouped(value);
}

function digits(text: string): string {
  return /^[0-9]+$/.test(text) ? text.replace(/\B(?=([0-9]{3})+$)/g, ',') : text;
}

function memoryLine(plan: Plan): string {
  const { memory, targets } = plan.sizing;
  if (targets.max === 0) return 'no figure: without a max there is no full table';
  const limit = `${memory.overLimit ? 'over the limit of' : 'limit'} ${bytes(memory.limit)}`;
  const parts = `${bytes(memory.hash)} of buckets, ${memory.perFlow} B a flow`;
  return `${bytes(memory.whenFull)} when the table is full (${percent(memory.share)} of the memory, ${limit}): ${parts}`;
}

/** How many log lines are shown: enough to see that it goes on, and the rest is counted. */
const SHOWN = 3;

/** Time and text of what says that the table was full, newest last; [] when nothing does. */
export function evidenceRows({ facts, now }: PlanReport): [string, string][] {
  const log = known(facts.log);
  const lines = (log?.full ?? []).slice(-SHOWN).map((line): [string, string] => [when(line, facts, now), line.text]);
  const more = (log?.total ?? 0) - lines.length;
  const counted: [string, string][] =
    more > 0 ? [['earlier', `${plural(more, 'such line')}; the kernel holds back most of them`]] : [];
  return [...counted, ...lines, ...drops(facts)];
}

/** Wall time of a kernel log line and how long ago that is; seconds since boot where the uptime is unknown. */
function when(line: LogLine, facts: SeenFacts, now: Date): string {
  const uptime = known(facts.machine.uptime);
  if (uptime === undefined) return `${line.at.toFixed(1)} s after boot`;
  const ago = Math.max(0, uptime - line.at);
  return `${instant(new Date(now.getTime() - ago * 1000))}, ${duration(ago)} ago`;
}

function drops(facts: SeenFacts): [string, string][] {
  const first = known(facts.table.counters) ?? {};
  const later = known(facts.table.countersLater) ?? first;
  const { drop = 0, early_drop: evicted = 0 } = later;
  const rise = unclashedDrops(later, first);
  const unclashed = unclashedDrops(first) + rise;
  const clashes =
    unclashed < drop ? ` (${grouped(drop - unclashed)} more may be two packets that made the same flow)` : '';
  return [
    ...counterRow('drop', unclashed, rise, clashes),
    ...counterRow('early_drop', evicted, evicted - (first.early_drop ?? 0)),
  ];
}

/** @param more what else the counter counts, with a space before it */
function counterRow(name: string, total: number, rise: number, more = ''): [string, string][] {
  if (total === 0) return [];
  const now = rise > 0 ? `, ${grouped(rise)} of them between two looks just now` : ', none just now';
  return [[`${name} counter`, `${grouped(total)} in all${now}${more}`]];
}

/** Notes of the plan and of its sizing, each once. */
export function noteLines(plan: Plan): string[] {
  return [...new Set([...plan.notes, ...plan.sizing.notes])];
}

/** `file:line` of a refusal, or undefined when no file is meant. */
export function placeOf(refusal: { readonly file?: string; readonly line?: number }): string | undefined {
  if (refusal.file === undefined) return undefined;
  return refusal.line === undefined ? refusal.file : `${refusal.file}:${refusal.line}`;
}
