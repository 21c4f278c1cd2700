/** Carries out the actions of a plan in their order: announced in the journal, done, read back, ticked off. */
import { posix } from 'node:path';
import { StepFailed } from '../errors.ts';
import type { Host, ReadHost } from '../host/host.ts';
import { type Action, type BeginLine, type JournalLine, known, type RulesRecord } from '../model.ts';
import { attributesOf, isWhole } from './attributes.ts';
import type { Journal } from './journal.ts';
import type { ApplyDeps, OutcomeLine } from './outcome.ts';
import type { ReloadRun } from './reload.ts';
import { sentenceOf } from './sentence.ts';
import type { FileRecord } from './undo.ts';
import { bootIdOf, limitOf, MAX_PATH, readCount, readValue, setValue } from './values.ts';

/**
 * Does every action of the journal's plan, or stops at the first that fails or at a signal; what was begun is in the
 * journal by then.
 * @returns one line for each action
 * @throws StepFailed, HostError with a sentence; the error of node:fs when the journal cannot be written
 */
export async function executeAll(deps: ApplyDeps, journal: Journal): Promise<OutcomeLine[]> {
  const lines: OutcomeLine[] = [];
  for (const [seq, action] of beginOf(journal.lines).plan.actions.entries()) {
    if (deps.interrupted()) throw new StepFailed('a signal came: stopped between two steps');
    await requireBefore(deps.host, action);
    const record = await recordOf(deps.host, action);
    journal.append({ line: 'intend', seq, action, ...(record !== undefined && { record }) });
    lines.push(await executeOne(deps, journal, seq, action));
    if (action.do === 'write-file') lines.push(...unseen(action.path, record));
  }
  return lines;
}

/** That a file which was there is rewritten, and a rollback will not be able to compare all that it had. Pure. */
function unseen(path: string, record: FileRecord | undefined): OutcomeLine[] {
  if (record?.attributes === undefined || isWhole(record.attributes)) return [];
  const why = 'there is no getfattr (package attr); cp carries them over, and nobody looked whether it did';
  return [{ kind: 'note', item: path, text: `the extended attributes of ${path} are not recorded: ${why}` }];
}

/** The first line of a journal. @throws Error when there is none: such a journal is never acted upon */
export function beginOf(lines: readonly JournalLine[]): BeginLine {
  const begin = lines.find((line) => line.line === 'begin');
  if (begin === undefined) throw new Error('bug: a journal without its first line');
  return begin;
}

/** Has the machine started again since the change was begun? Undefined where nothing tells. */
export async function isRebooted(host: ReadHost, lines: readonly JournalLine[]): Promise<boolean | undefined> {
  const { boot, plan } = beginOf(lines);
  const then = boot ?? known(plan.host.bootId);
  const now = await bootIdOf(host);
  return then === undefined || now === undefined ? undefined : then !== now;
}

async function executeOne(deps: ApplyDeps, journal: Journal, seq: number, action: Action): Promise<OutcomeLine> {
  let done: Done;
  try {
    done = await perform(deps, journal, action);
  } catch (error) {
    journal.append({ line: 'failed', seq, why: sentenceOf(error) });
    throw error;
  }
  const { saw, record } = done;
  journal.append({ line: 'done', seq, saw, ...(record !== undefined && { record }) });
  deps.progress(saw);
  return { kind: 'done', item: itemOf(action), text: saw };
}

/** What an action is about, as outcomes name it. Pure. */
function itemOf(action: Action): string {
  switch (action.do) {
    case 'write-file':
      return action.path;
    case 'set-value':
      return action.name;
    case 'reload':
      return action.step.step;
    case 'refresh':
      return 'refresh';
  }
}

async function recordOf(host: Host, action: Action): Promise<FileRecord | undefined> {
  if (action.do !== 'write-file') return undefined;
  const stat = await host.stat(action.path);
  const dirs: string[] = [];
  let dir = posix.dirname(action.path);
  for (; dir !== '/' && (await host.stat(dir)) === undefined; dir = posix.dirname(dir)) dirs.unshift(dir);
  const attributes = await attributesOf(host, action.path);
  return {
    ...(stat?.kind === 'file' && { mode: stat.mode }),
    ...(attributes !== undefined && { attributes }),
    dirs,
  };
}

/** What somebody else changed since it was planned is not written over. */
async function requireBefore(host: Host, action: Action): Promise<void> {
  if (action.do === 'write-file' && (await host.readFile(action.path)) !== action.before) {
    throw new StepFailed(`${action.path} was changed by somebody else since this was planned`);
  }
  if (action.do === 'set-value') {
    const now = await readValue(host, action.path);
    if (now === action.before) return requireRoom(host, action);
    throw new StepFailed(`${action.name} was ${action.before} when this was planned and is ${now ?? 'gone'} now`);
  }
}

/** With max below the count no new connection gets through: the count is looked at again at the last moment. */
async function requireRoom(host: Host, action: Extract<Action, { do: 'set-value' }>): Promise<void> {
  const count = await readCount(host);
  if (action.path !== MAX_PATH || limitOf(action.after) >= count) return;
  throw new StepFailed(`${action.name} is not set to ${action.after}: ${count} flows are in the table now`);
}

type Done = { readonly saw: string; readonly record?: unknown };

async function perform(deps: ApplyDeps, journal: Journal, action: Action): Promise<Done> {
  switch (action.do) {
    case 'write-file':
      return { saw: await writeFile(deps.host, action) };
    case 'set-value':
      return { saw: `${action.name} is ${await setValue(deps.host, action.path, action.after)}, was ${action.before}` };
    case 'refresh': {
      const { code, stderr } = await deps.host.perform(action.command);
      if (code === 0) return { saw: action.why };
      throw new StepFailed(`a command ended with exit code ${code}: ${stderr.trim()} (it was to: ${action.why})`);
    }
    case 'reload': {
      // Loaded only for a reload, which is never taken without being asked for.
      const { performReloadStep } = await import('./reload.ts');
      return performReloadStep(reloadRun(deps, journal.lines), action.step);
    }
  }
}

async function writeFile(host: Host, action: Extract<Action, { do: 'write-file' }>): Promise<string> {
  const { path, before, after, mode } = action;
  await host.replaceFile(path, after === undefined ? undefined : { text: after, mode });
  if ((await host.readFile(path)) !== after) throw new StepFailed(`${path} does not hold what was written into it`);
  if (after === undefined) return `${path} is removed`;
  if (before !== undefined) return `${path} is changed`;
  const made = await host.stat(path);
  if (made?.mode !== mode) throw new StepFailed(`${path} did not get the mode ${mode.toString(8)}`);
  return `${path} is made`;
}

/** What a step of a reload, or the way back from one, is given; the newest record of the rules is the one that counts. */
export function reloadRun(deps: ApplyDeps, lines: readonly JournalLine[]): ReloadRun {
  const { live, plan } = beginOf(lines);
  const record = lines.findLast((line) => line.line === 'done' && isRules(line.record));
  return {
    host: deps.host,
    live,
    targets: plan.sizing.targets,
    sleep: deps.sleep,
    now: () => deps.now().getTime(),
    progress: deps.progress,
    ...(record?.line === 'done' && isRules(record.record) && { record: record.record }),
  };
}

function isRules(value: unknown): value is RulesRecord {
  return typeof value === 'object' && value !== null && 'record' in value && value.record === 'rules';
}
