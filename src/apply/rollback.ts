/** Takes a change back: the last one or a named one, finished or cut short by a crash; doing it twice does nothing. */
import { CtfixError } from '../errors.ts';
import type { ChangeRecord, JournalLine } from '../model.ts';
import { endLine, finish } from './apply.ts';
import { bootUnit } from './boot-unit.ts';
import { beginOf } from './execute.ts';
import { noSuchChange } from './history.ts';
import { type Journal, readJournal, reopenJournal } from './journal.ts';
import { isBusy, takeLock } from './lock.ts';
import { stopTimer, tidy, withoutBoot } from './net.ts';
import { type ApplyDeps, nothing, type Outcome, type OutcomeLine } from './outcome.ts';
import { append, conflictsOf, revert } from './revert.ts';
import { isOpen, recordsIn } from './state.ts';
import { hasStateDir, openStateDir } from './statedir.ts';
import { undoOf } from './undo.ts';

/**
 * Takes back the change with that id, or the last one. Without an id it never reaches past the last change: where that
 * one is back already, there is nothing to do, so that a second call does not undo an earlier, good change.
 * @returns ok (without id: nothing to do), refused (changed by somebody else since; nothing touched), stuck
 * @throws CtfixError failed: no such change; refused: another ctfix is at work, or the records cannot be trusted
 */
export async function rollback(id: string | undefined, deps: ApplyDeps): Promise<Outcome> {
  if (!deps.host.root)
    throw new CtfixError('notRoot', 'taking a change back needs root', { hint: 'sudo ctfix rollback' });
  if (!hasStateDir(deps.stateDir)) {
    if (id !== undefined) throw noSuchChange(id, []);
    if ((await bootUnit(deps.host)) === undefined) return nothing('ctfix has changed nothing here');
  }
  return locked(deps, () => takeBack(id, deps));
}

/**
 * The same where nobody looks: a change that is not open any more is left alone, and what somebody else changed since does
 * not keep the rest from going back.
 * @param why recorded with it
 * @param wait lets time pass while another ctfix is at work; absent: it is not waited for
 * @returns ok (without id: it was complete or back already), stuck
 */
export async function takeBackUnattended(id: string, why: string, deps: ApplyDeps, wait?: Wait): Promise<Outcome> {
  const work = async () => {
    const change = recordsIn(deps.stateDir).find((each) => each.id === id);
    if (change === undefined || !isOpen(change)) return nothing(`the change ${id} is complete, or taken back already`);
    const journal = reopenJournal(deps.stateDir, id);
    try {
      return await undo(journal, deps, why);
    } finally {
      journal.close();
    }
  };
  return locked(deps, work, wait);
}

/**
 * What a crash between the last line of a change and its end has left to do: state.json, the unit at boot, the timer.
 * Whoever is at work does it himself.
 * @param closed a change that is complete or back
 */
export async function tidyUp(deps: ApplyDeps, closed?: string): Promise<void> {
  if (await isBusy(deps)) return;
  await locked(deps, async () => {
    await tidy(deps);
    if (closed !== undefined) await stopTimer(deps.host, beginOf(readJournal(deps.stateDir, closed) ?? []));
  });
}

type Wait = () => Promise<void>;

async function locked<T>(deps: ApplyDeps, work: () => Promise<T>, wait?: Wait): Promise<T> {
  openStateDir(deps.stateDir);
  const lock = await takeLock(deps.lockPath, deps.host, deps.now(), wait);
  try {
    return await work();
  } finally {
    lock.release();
  }
}

async function takeBack(id: string | undefined, deps: ApplyDeps): Promise<Outcome> {
  const all = recordsIn(deps.stateDir);
  const cleared = id === undefined ? await clearedUp(all, deps) : undefined;
  if (cleared !== undefined) return cleared;
  const change = id === undefined ? all.at(-1) : all.find((each) => each.id === id);
  if (change === undefined) {
    if (id !== undefined) throw noSuchChange(id, all);
    return nothing('ctfix has changed nothing here', await tidy(deps));
  }
  const journal = reopenJournal(deps.stateDir, change.id);
  try {
    if (isBack(change, journal)) {
      const notes = await tidy(deps);
      await stopTimer(deps.host, beginOf(journal.lines));
      return nothing(backAlready(change, all), notes);
    }
    const lines = await conflictsOf(deps, journal.lines);
    if (lines.length > 0 && !isDown(change, journal.lines)) return { exit: 'refused', lines };
    const outcome = await undo(journal, deps);
    return { ...outcome, lines: [...outcome.lines, ...lines.map(({ item }) => untilThen(change.id, item ?? ''))] };
  } finally {
    journal.close();
  }
}

/**
 * What is left of a ctfix that died before its first record is all that there is to take back: it has changed nothing, and
 * the change before it is a good one. A unit of the last change itself is of no such one.
 */
async function clearedUp(all: readonly ChangeRecord[], deps: ApplyDeps): Promise<Outcome | undefined> {
  const unit = await bootUnit(deps.host);
  const last = all.at(-1);
  if (unit === undefined || all.some(isOpen) || (last !== undefined && unit.change === last.id)) return undefined;
  const notes = await tidy(deps);
  const left = await bootUnit(deps.host);
  if (left !== undefined) {
    const text = `${left.paths.join(', ')} cannot be removed`;
    return { exit: 'failed', lines: [{ kind: 'failed', text }, ...notes] };
  }
  const meant = all.find(({ id }) => id === unit.change) ?? last;
  const more = meant?.outcome === 'applied' ? `; the change ${meant.id} stays: ctfix rollback ${meant.id}` : '';
  const what = `removed what a ctfix that died before it changed anything had left: ${unit.paths.join(', ')}`;
  return { exit: 'ok', lines: [{ kind: 'undone', text: `${what}; nothing else is taken back${more}` }, ...notes] };
}

/**
 * A firewall that is down behind the guard does not wait for a file that somebody else changed: what can go back goes
 * back. On another boot nothing is down any more, and nothing is lost by it either.
 */
function isDown(change: ChangeRecord, lines: readonly JournalLine[]): boolean {
  return isOpen(change) && undoOf(lines, false).reload === 'begun';
}

function untilThen(id: string, item: string): OutcomeLine {
  const done = `run ctfix rollback ${id} again; no other change is made before that`;
  return { kind: 'todo', item, text: `when ${item} is as it was, or as the change left it, ${done}` };
}

/** Whole; a change of which something was kept on purpose can be gone on with. */
function isBack({ outcome }: ChangeRecord, journal: Journal): boolean {
  const end = journal.lines.findLast((line) => line.line === 'end');
  return (outcome === 'undone' || outcome === 'rolled-back') && (end?.kept ?? []).length === 0;
}

function backAlready({ id, outcome }: ChangeRecord, all: readonly ChangeRecord[]): string {
  const how = outcome === 'undone' ? 'is taken back already' : 'failed and was taken back at once';
  const earlier = all.findLast((each) => each.id < id && each.outcome === 'applied');
  const more = earlier === undefined ? '' : `; the change before it that is in force: ctfix rollback ${earlier.id}`;
  return `the change ${id} ${how}${more}`;
}

async function undo(journal: Journal, deps: ApplyDeps, why?: string): Promise<Outcome> {
  const { id } = journal;
  const more: OutcomeLine[] = [];
  await withoutBoot(deps, id);
  const being = ['being taken back', why].filter((part) => part !== undefined).join(': ');
  // Said ahead: a crash in the middle of this leaves a change that is unfinished, not one that is in force.
  append(journal, more, await endLine(deps, { outcome: 'unfinished', why: being }));
  const { lines, whole, kept } = await revert(deps, journal);
  const outcome = whole ? 'undone' : 'stuck';
  const told = { ...(why !== undefined && { why }), ...(kept.length > 0 && { kept }) };
  const recorded = append(journal, more, await endLine(deps, { outcome, ...told }));
  if (!recorded) more.push({ kind: 'todo', text: `free space for the record, then run ctfix rollback ${id} again` });
  const exit = whole ? 'ok' : 'stuck';
  return { exit, id, lines: [...lines, ...more, ...(await finish(deps, journal, outcome))] };
}
