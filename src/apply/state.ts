/** state.json: what plan, verify and history need without root. Rebuilt from the journals; root never believes it. */
import { posix } from 'node:path';
import { type ChangeRecord, isKnown, type JournalLine, known, type Plan, type State } from '../model.ts';
import { journalIds, readJournal } from './journal.ts';
import { writeRecord } from './statedir.ts';

/** The part of a record that verify holds a host against. */
export type Promised = Pick<ChangeRecord, 'targets' | 'strategy' | 'options' | 'before' | 'bootId'>;

/** A change as its journal tells it; undefined for a journal without a first line (nothing was done then). Pure. */
export function recordOf(lines: readonly JournalLine[]): ChangeRecord | undefined {
  const begin = lines.find((line) => line.line === 'begin');
  if (begin === undefined) return undefined;
  const ends = lines.filter((line) => line.line === 'end');
  const last = ends.at(-1);
  const applied = ends.find((line) => line.outcome === 'applied');
  const { plan } = begin;
  const bootId = begin.boot ?? known(plan.host.bootId) ?? '';
  return {
    id: begin.id,
    at: begin.at,
    uptime: applied?.uptime ?? begin.uptime,
    outcome: last?.outcome ?? 'unfinished',
    ...promiseOf(plan, bootId),
    ...(applied?.counters !== undefined && { counters: applied.counters }),
    ...pendingOf(lines, bootId),
  };
}

/** What a change promises, and what it was made from. Pure. @param bootId of the boot in which it is made */
export function promiseOf({ options, strategy, sizing }: Plan, bootId: string): Promised {
  const { max, buckets } = sizing.present;
  return {
    bootId,
    options,
    strategy: strategy.taken,
    targets: sizing.targets,
    before: { ...(isKnown(max) && { max }), ...(isKnown(buckets) && { buckets }) },
  };
}

/** Until when it must be confirmed, as long as that has neither happened nor been made up for. Pure. */
function pendingOf(lines: readonly JournalLine[], bootId: string): Pick<ChangeRecord, 'pendingConfirm'> {
  const last = lines.findLast((line) => line.line === 'end' || line.line === 'confirm');
  if (last?.line !== 'end' || last.outcome !== 'applied' || last.confirmUntil === undefined) return {};
  return { pendingConfirm: { until: last.confirmUntil, bootId } };
}

/** Neither complete nor taken back: a new change has to wait, and the boot takes it back. Pure. */
export function isOpen({ outcome, pendingConfirm }: ChangeRecord): boolean {
  return outcome === 'unfinished' || outcome === 'stuck' || pendingConfirm !== undefined;
}

/** Every change in the journals, oldest first. @throws CtfixError as readJournal */
export function recordsIn(stateDir: string): readonly ChangeRecord[] {
  return journalIds(stateDir)
    .map((id) => recordOf(readJournal(stateDir, id) ?? []))
    .filter((record) => record !== undefined);
}

/** Changes that state.json tells of: some 1.5 kB each, and a file of more than 1 MiB is not read. */
const KEPT = 200;

/** Writes state.json anew from the journals: the latest changes, and every open one. @throws CtfixError as readJournal; the error of node:fs */
export function rebuildState(stateDir: string): void {
  const all = recordsIn(stateDir);
  const changes = all.filter((change, at) => at >= all.length - KEPT || isOpen(change));
  const state: State = { schema: 'ctfix.state/v1', changes };
  writeRecord(statePath(stateDir), `${JSON.stringify(state, undefined, 2)}\n`, 0o644);
}

/** Where state.json lies. */
export function statePath(stateDir: string): string {
  return posix.join(stateDir, 'state.json');
}
