/**
 * Takes a change back from its journal: files first, then a reload that stopped in the middle, then live values. Every
 * item is compared three ways before it is touched and read back afterwards; doing it twice does nothing twice.
 */
import { posix } from 'node:path';
import { HostError, StepFailed } from '../errors.ts';
import type { JournalLine } from '../model.ts';
import { attributesOf, isWhole, sameAttributes } from './attributes.ts';
import { isRebooted, reloadRun } from './execute.ts';
import type { Journal } from './journal.ts';
import type { ApplyDeps, OutcomeLine } from './outcome.ts';
import { inSafeOrder, revertValue } from './revert-values.ts';
import { sentenceOf } from './sentence.ts';
import { conflict, type FileItem, type Undo, undoOf, undoStep, undoValue } from './undo.ts';
import { MAX_PATH, readValue } from './values.ts';

export type Reverted = {
  readonly lines: readonly OutcomeLine[];
  /** everything that was changed is as before, or was kept on purpose */
  readonly whole: boolean;
  /** something had to be done */
  readonly changed: boolean;
  readonly kept: readonly string[];
};

/** Everything that somebody else changed since; empty when the change can be taken back. Reads only. */
export async function conflictsOf(deps: ApplyDeps, lines: readonly JournalLine[]): Promise<OutcomeLine[]> {
  const undo = await undoHere(deps, lines);
  const found: OutcomeLine[] = [];
  for (const item of undo.files) {
    try {
      const now = await deps.host.readFile(item.path);
      if (undoStep(now, item.before, item.after) === 'conflict') found.push(conflict(item, now));
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      // It cannot even be read as text: whatever that is, the change did not leave it.
      found.push({ kind: 'conflict', item: item.path, text: error.message });
    }
  }
  if (undo.valuesAreOurs) return found;
  for (const item of undo.values) {
    const now = await readValue(deps.host, item.path);
    if (undoValue(item, now) === 'conflict') found.push(conflict(item, now));
  }
  return found;
}

/** What is to be taken back, on this boot. */
async function undoHere(deps: ApplyDeps, lines: readonly JournalLine[]): Promise<Undo> {
  return undoOf(lines, (await isRebooted(deps.host, lines)) === true);
}

/**
 * Takes everything back that the journal tells of. An item that somebody else changed is left, and so is one that
 * cannot be written; the others go on. `undo` lines are added where the journal can still be written.
 */
export async function revert(deps: ApplyDeps, journal: Journal): Promise<Reverted> {
  const undo = await undoHere(deps, journal.lines);
  const work: Work = { deps, journal, lines: [] };
  for (const item of undo.files) await attempt(work, item.path, item.seq, () => revertFile(deps, item));
  for (const item of undo.files) await clearLeftovers(work, item);
  for (const item of undo.files) for (const dir of [...item.dirs].reverse()) await removeDir(work, dir);
  await refresh(work, undo);
  if (undo.reload === 'begun') await recover(work);
  const max = undo.values.find((item) => item.path === MAX_PATH);
  for (const item of await inSafeOrder(deps.host, undo.values)) {
    await attempt(work, item.path, item.seq, () => revertValue(deps.host, item, undo.valuesAreOurs, max));
  }
  const { lines } = work;
  return {
    lines,
    whole: !lines.some(({ kind }) => kind === 'failed' || kind === 'conflict'),
    changed: undo.reload === 'begun' || lines.some(({ kind }) => kind === 'undone'),
    kept: lines.filter(({ kind }) => kind === 'kept').map(({ text }) => text),
  };
}

type Work = { readonly deps: ApplyDeps; readonly journal: Journal; readonly lines: OutcomeLine[] };

/** One item; its failure is told and does not keep the others from going back. */
async function attempt(work: Work, item: string, seq: number, act: () => Promise<OutcomeLine>): Promise<void> {
  const { deps, journal, lines } = work;
  try {
    const line = await act();
    lines.push(line);
    if (line.kind !== 'undone') return;
    deps.progress(line.text);
    append(journal, lines, { line: 'undo', seq, saw: line.text });
  } catch (error) {
    lines.push({ kind: 'failed', item, text: sentenceOf(error) });
    lines.push({ kind: 'todo', item, text: `when the cause is gone, run ctfix rollback, or put ${item} back by hand` });
  }
}

/** Adds to the journal if that can be: taking back compares before it acts, so it can do without its record. */
export function append(journal: Journal, lines: OutcomeLine[], line: JournalLine): boolean {
  try {
    journal.append(line);
    return true;
  } catch (error) {
    const text = `the record of the change could not be written: ${sentenceOf(error)}`;
    if (!lines.some((known) => known.text === text)) lines.push({ kind: 'note', text });
    return false;
  }
}

const UNCOMPARED = 'its extended attributes could not be compared: there is no getfattr (package attr)';

async function revertFile({ host }: ApplyDeps, item: FileItem): Promise<OutcomeLine> {
  const { path, before, after, mode } = item;
  const now = await host.readFile(path);
  const step = undoStep(now, before, after);
  if (step === 'conflict') return conflict(item, now);
  if (step === 'restore') {
    await host.replaceFile(path, before === undefined ? undefined : { text: before, mode });
    if ((await host.readFile(path)) !== before) throw new StepFailed(`${path} does not hold what was written back`);
  }
  // Also where the text is back already: an earlier attempt may have stopped for this.
  const kept = before === undefined ? undefined : await attributesOf(host, path);
  const had = item.attributes;
  if (kept !== undefined && had !== undefined && !sameAttributes(had, kept)) {
    throw new StepFailed(`${path} has its text back, but it had ${had} and has ${kept} now`);
  }
  if (step === 'already') return { kind: 'already', item: path, text: `${path} is as it was` };
  if (before === undefined) return { kind: 'undone', item: path, text: `${path} is gone again` };
  const blind = [had, kept].every((each) => each === undefined || isWhole(each)) ? '' : `; ${UNCOMPARED}`;
  return { kind: 'undone', item: path, text: `${path} is as it was, byte for byte${blind}` };
}

/** Temporary files of a replacement that a crash cut short. */
async function clearLeftovers(work: Work, item: FileItem): Promise<void> {
  const { host } = work.deps;
  const dir = posix.dirname(item.path);
  for (const path of await leftoversIn(work, dir)) {
    await attempt(work, path, item.seq, async () => {
      await host.replaceFile(path, undefined);
      return { kind: 'undone', item: path, text: `${path}, which a crash left half-written, is removed` };
    });
  }
}

/** A directory that cannot be read keeps nothing else from going back. */
async function leftoversIn({ deps, lines }: Work, dir: string): Promise<readonly string[]> {
  try {
    const names = (await deps.host.readDir(dir)).filter((name) => /^\.ctfix-[0-9a-f]+\.tmp$/.test(name));
    return names.map((name) => posix.join(dir, name));
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    lines.push({ kind: 'note', item: dir, text: `${dir} was not searched for half-written files: ${error.message}` });
    return [];
  }
}

/** A directory that was made for a file goes again, unless somebody has put something into it since. */
async function removeDir({ deps, lines }: Work, dir: string): Promise<void> {
  try {
    if ((await deps.host.stat(dir)) !== undefined) await deps.host.replaceFile(dir, undefined);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    lines.push({ kind: 'note', item: dir, text: `${dir} was made for the change and stays: ${error.message}` });
  }
}

/** What reads the files that went back looks at them again; values go back by themselves, not by a file. */
async function refresh({ deps, lines }: Work, undo: Undo): Promise<void> {
  for (const { command, why } of undo.refreshes.filter((each) => 'udev' in each.command)) {
    const { code, stderr } = await deps.host.perform(command);
    if (code !== 0) lines.push({ kind: 'note', text: `this did not work again: ${why}: ${stderr.trim()}` });
  }
}

async function recover({ deps, journal, lines }: Work): Promise<void> {
  try {
    const { recoverReload } = await import('./reload.ts');
    const { ok, saw, todo } = await recoverReload(reloadRun(deps, journal.lines), journal.lines);
    lines.push(...saw.map((text): OutcomeLine => ({ kind: 'undone', text })));
    const seq = journal.lines.findLast((line) => line.line === 'intend')?.seq ?? 0;
    // Rules and values that somebody changes from now on are theirs, also where something else keeps the change open.
    if (ok) append(journal, lines, { line: 'undo', seq, saw: saw.join('; '), reload: true });
    if (!ok) lines.push({ kind: 'failed', text: 'the reload could not be taken back whole' });
    if (todo !== undefined) lines.push({ kind: 'todo', text: todo });
  } catch (error) {
    lines.push({ kind: 'failed', text: sentenceOf(error) });
    lines.push({ kind: 'todo', text: 'look at the firewall and the module, then run ctfix rollback' });
  }
}
