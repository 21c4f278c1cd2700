/** Carries out a plan: checked, locked, recorded ahead, read back, proved; or everything back as it was. */
import { CtfixError, StepFailed } from '../errors.ts';
import {
  type BeginLine,
  type ChangeRecord,
  type Facts,
  isEmpty,
  isKnown,
  type JournalLine,
  known,
  type Plan,
} from '../model.ts';
import { movedLines, stepsMoved } from '../moved.ts';
import { checkTargets } from '../promises.ts';
import { beginOf, executeAll } from './execute.ts';
import { createJournal, type Journal, journalIds, newId } from './journal.ts';
import { takeLock } from './lock.ts';
import { forgetLast, missingNet, restartTimer, spreadNet, startTimer, stopTimer, takeInNet, tidy } from './net.ts';
import type { ApplyDeps, Outcome, OutcomeLine } from './outcome.ts';
import { preflight } from './preflight.ts';
import { proveModprobe } from './prove.ts';
import { append, revert } from './revert.ts';
import { sentenceOf } from './sentence.ts';
import { isOpen, promiseOf, rebuildState, recordsIn } from './state.ts';
import { hasStateDir, openStateDir } from './statedir.ts';
import { bootIdOf, liveValues, uptimeOf } from './values.ts';
import { logChange, whoIs } from './who.ts';

/**
 * Carries out a plan that was made on this machine a moment ago.
 * @param facts those the plan was made from; whether the module was loaded anew since is told by them
 * @returns how it ended: ok, refused or stale (nothing touched), failed (nothing changed), rolledBack, stuck
 * @throws CtfixError refused: another ctfix is at work, or the records of ctfix cannot be trusted; nothing was touched
 */
export async function apply(plan: Plan, facts: Facts, deps: ApplyDeps): Promise<Outcome> {
  if (plan.refusals.length > 0) return { exit: 'refused', lines: refusals(plan) };
  if (isEmpty(plan)) return { exit: 'ok', lines: [{ kind: 'note', text: 'there is nothing to do' }] };
  if (!deps.host.root) throw new CtfixError('notRoot', 'making this change needs root', { hint: 'sudo ctfix apply' });
  // What is refused leaves nothing behind, not even an empty directory for the records.
  const first = hasStateDir(deps.stateDir) ? undefined : await obstacles(plan, facts, deps);
  if (first !== undefined) return first;
  openStateDir(deps.stateDir);
  const lock = await takeLock(deps.lockPath, deps.host, deps.now());
  try {
    return (await obstacles(plan, facts, deps)) ?? (await carryOut(plan, deps));
  } finally {
    lock.release();
  }
}

const refusals = (plan: Plan): OutcomeLine[] =>
  plan.refusals.map(({ what, remedy }) => ({ kind: 'refused', text: `${what}; ${remedy}` }));

/** Why this plan cannot be carried out now; undefined when it can. Looked at under the lock, and reads only. */
async function obstacles(plan: Plan, facts: Facts, deps: ApplyDeps): Promise<Outcome | undefined> {
  const before = recordsIn(deps.stateDir);
  const open = before.filter(isOpen).map(stillOpen);
  if (open.length > 0) return { exit: 'refused', lines: open };
  const last = before.at(-1)?.id ?? '';
  if (deps.id !== undefined && deps.id <= last) {
    return { exit: 'stale', lines: [{ kind: 'moved', item: last, text: 'another change was made since' }] };
  }
  const fresh = await deps.survey();
  if (fresh.plan.refusals.length > 0 && (fresh.moved ?? []).length === 0) {
    return { exit: 'refused', lines: refusals(fresh.plan) };
  }
  const moved = movedSince(plan, facts, fresh);
  if (moved.length > 0) return { exit: 'stale', lines: moved };
  const lines = [...(await missingNet(plan, deps)), ...(await preflight(plan, deps.stateDir, deps.host))];
  return lines.length > 0 ? { exit: 'refused', lines } : undefined;
}

function stillOpen({ id, at, pendingConfirm }: ChangeRecord): OutcomeLine {
  const text =
    pendingConfirm === undefined
      ? `the change ${id} of ${at} was never finished; run ctfix rollback ${id} first`
      : `the change ${id} of ${at} waits to be confirmed; run ctfix confirm, or ctfix rollback ${id}, first`;
  return { kind: 'refused', item: id, text };
}

/** What is no longer as it was planned for. Pure. */
function movedSince(plan: Plan, facts: Facts, fresh: Awaited<ReturnType<ApplyDeps['survey']>>): OutcomeLine[] {
  if (fresh.moved !== undefined && fresh.moved.length > 0) return movedLines(fresh.moved);
  const [before, after] = [known(facts.module.inode), known(fresh.facts.module.inode)];
  const text = 'nf_conntrack was loaded or unloaded since';
  const module: OutcomeLine[] = before === after ? [] : [{ kind: 'moved', item: 'module', text }];
  return [...module, ...stepsMoved(plan.actions, fresh.plan.actions)];
}

async function carryOut(plan: Plan, deps: ApplyDeps): Promise<Outcome> {
  const begin = await beginLine(plan, deps);
  if (deps.interrupted())
    return { exit: 'failed', lines: [{ kind: 'failed', text: 'a signal came before the first step' }] };
  deps.begun?.();
  let journal: Journal;
  let net: OutcomeLine[];
  try {
    net = await spreadNet(plan, deps, begin.id);
    journal = createJournal(deps.stateDir, begin);
  } catch (error) {
    const text = `the change could not be begun: ${sentenceOf(error)}`;
    return { exit: 'failed', lines: [{ kind: 'failed', text }, ...(await takeInNet(deps))] };
  }
  try {
    return await execute(journal, plan, net, deps);
  } finally {
    journal.close();
  }
}

async function beginLine(plan: Plan, deps: ApplyDeps): Promise<BeginLine> {
  const { host, confirmWithin } = deps;
  const boot = await bootIdOf(host);
  return {
    line: 'begin',
    schema: 'ctfix.journal/v1',
    id: deps.id ?? newId(deps.now(), journalIds(deps.stateDir)),
    at: deps.now().toISOString(),
    uptime: await uptimeOf(host),
    ...(boot !== undefined && { boot }),
    who: await whoIs(host),
    plan,
    live: await liveValues(host),
    ...(confirmWithin !== undefined && { confirmWithin }),
  };
}

async function execute(journal: Journal, plan: Plan, net: readonly OutcomeLine[], deps: ApplyDeps): Promise<Outcome> {
  const { id } = journal;
  let lines: OutcomeLine[];
  try {
    rebuildState(deps.stateDir);
    await forgetLast(deps.host);
    await startTimer(deps, beginOf(journal.lines));
    const done = await executeAll(deps, journal);
    const proof = await proveModprobe(plan, deps.host);
    const { facts, lines: proved } = await proveAll(plan, deps);
    if (deps.interrupted()) throw new StepFailed('a signal came after the last step, before the change was complete');
    const counters = isKnown(facts.table.counters) ? { counters: facts.table.counters } : {};
    journal.append(await endLine(deps, { outcome: 'applied', ...counters, ...(await waiting(journal, deps)) }));
    lines = [...net, ...done, ...proof, ...proved];
  } catch (error) {
    return takeBack(journal, deps, error);
  }
  // The change is complete and recorded: nothing from here on takes it back.
  const after = [...(await callForConfirm(id, deps)), ...(await finish(deps, journal, 'applied'))];
  return { exit: 'ok', id, lines: [...lines, ...after] };
}

/** From now on somebody must confirm it: until how many seconds after the boot. @throws StepFailed */
async function waiting(journal: Journal, deps: ApplyDeps): Promise<{ confirmUntil?: number }> {
  const { host, confirmWithin } = deps;
  if (confirmWithin === undefined) return {};
  await restartTimer(deps, beginOf(journal.lines));
  return { confirmUntil: (await uptimeOf(host)) + confirmWithin };
}

/** Tells everybody on a terminal, and the one who made the change. */
async function callForConfirm(id: string, { host, confirmWithin }: ApplyDeps): Promise<OutcomeLine[]> {
  if (confirmWithin === undefined) return [];
  const text = `the change ${id} goes back in ${confirmWithin} seconds unless this is run: sudo ctfix confirm`;
  // Nobody's terminal is a reason to stop: the one who made the change is told in its answer.
  await host.perform({ wall: `ctfix: ${text}` }).catch(() => undefined);
  return [{ kind: 'todo', text }];
}

/** The facts once more, against what was promised. @throws StepFailed naming every promise that does not hold */
async function proveAll(plan: Plan, deps: ApplyDeps): Promise<{ facts: Facts; lines: OutcomeLine[] }> {
  const { facts } = await deps.survey();
  const { findings, unknown, waits, notes } = checkTargets(facts, promiseOf(plan, known(facts.machine.bootId) ?? ''));
  if (findings.length > 0) throw new StepFailed(findings.map(({ text }) => text).join('; '));
  const unsure = unknown.map((text): OutcomeLine => ({ kind: 'note', text: `not proved: ${text}` }));
  const proved = [...notes, ...waits].map((text): OutcomeLine => ({ kind: 'done', text }));
  return { facts, lines: [...proved, ...unsure] };
}

async function takeBack(journal: Journal, deps: ApplyDeps, error: unknown): Promise<Outcome> {
  const { id } = journal;
  const why = sentenceOf(error);
  const failed: OutcomeLine = { kind: 'failed', text: why };
  deps.progress(`${why}; everything goes back`);
  const { lines, whole, changed, kept } = await revert(deps, journal);
  const notes: OutcomeLine[] = [];
  const outcome = whole ? 'rolled-back' : 'stuck';
  const end = await endLine(deps, { outcome, why, ...(kept.length > 0 && { kept }) });
  const recorded = append(journal, notes, end);
  if (!recorded) notes.push({ kind: 'todo', text: `free space for the record, then run ctfix rollback ${id}` });
  const exit = whole ? (changed ? 'rolledBack' : 'failed') : 'stuck';
  return { exit, id, lines: [failed, ...lines, ...notes, ...(await finish(deps, journal, outcome))] };
}

/** The last line of a change. */
export async function endLine(
  deps: ApplyDeps,
  end: Omit<Extract<JournalLine, { line: 'end' }>, 'line' | 'at' | 'uptime'>,
): Promise<JournalLine> {
  return { line: 'end', at: deps.now().toISOString(), uptime: await uptimeOf(deps.host), ...end };
}

/**
 * state.json, the boot unit, the timer, and the line in the system's journal: none of them undoes a change that is complete
 * when it fails. The timer goes after what it would make up for.
 */
export async function finish(deps: ApplyDeps, journal: Journal, outcome: string): Promise<OutcomeLine[]> {
  const lines = await tidy(deps, outcome === 'rolled-back' || outcome === 'undone' ? journal.id : undefined);
  const begin = beginOf(journal.lines);
  const waits = outcome === 'stuck' || (outcome === 'applied' && begin.confirmWithin !== undefined);
  if (!waits) await stopTimer(deps.host, begin);
  if (!(await logChange(deps.host, begin, outcome).catch(() => false))) {
    lines.push({ kind: 'note', text: 'the journal of the system has no line about this: logger did not work' });
  }
  return lines;
}
