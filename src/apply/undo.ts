/** What a journal obliges to take back, and for each item whether it still is as the change left it. Pure. */
import type { Action, BeginLine, JournalLine } from '../model.ts';
import { HASHSIZE_PATH } from '../own.ts';
import { isBuckets, isValue } from '../same-value.ts';
import type { OutcomeLine } from './outcome.ts';
import { targetValues } from './values.ts';

/** What an intend line keeps of a file besides its text. */
export type FileRecord = {
  /** permission bits that the file had */
  readonly mode?: number;
  /** owner, group, mode and extended attributes, as attributesOf gives them */
  readonly attributes?: string;
  /** parent directories that do not exist and are made for it, outermost first */
  readonly dirs: readonly string[];
};

export type FileItem = {
  readonly seq: number;
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
  readonly mode: number;
  readonly attributes?: string;
  readonly dirs: readonly string[];
};

export type ValueItem = {
  readonly seq: number;
  readonly path: string;
  readonly before: string;
  readonly after: string;
  /** the step failed after its write: whatever is there now is ours */
  readonly ours: boolean;
};

export type Undo = {
  /** newest first */
  readonly files: readonly FileItem[];
  readonly values: readonly ValueItem[];
  readonly refreshes: readonly Extract<Action, { do: 'refresh' }>[];
  /** `begun`: stopped anywhere in the middle; module, units and rules may be in any state. `back`: brought back since */
  readonly reload: 'none' | 'begun' | 'finished' | 'back';
  /**
   * Every live value is for us to put back, whatever it is: a reload that stopped in the middle leaves the kernel's own,
   * and so does a boot over the half-written files of a change that was never finished.
   */
  readonly valuesAreOurs: boolean;
};

export type Step = 'already' | 'restore' | 'conflict';

/**
 * The three-way question: is it as before, is it as the change left it, or has somebody else changed it since?
 * @param same how two texts are compared; undefined means absent
 */
export function undoStep(
  now: string | undefined,
  before: string | undefined,
  after: string | undefined,
  same = (wanted: string | undefined, saw: string | undefined) => wanted === saw,
): Step {
  if (same(before, now)) return 'already';
  return same(after, now) ? 'restore' : 'conflict';
}

/** undoStep for a live value; one that is absent has gone with its module, and there is nothing to take back. */
export function undoValue(item: ValueItem, now: string | undefined): Step {
  if (now === undefined) return 'already';
  const same = (wanted: string | undefined, saw: string | undefined) => isValue(item.path, wanted ?? '', saw);
  const step = undoStep(now, item.before, item.after, same);
  return step === 'conflict' && item.ours ? 'restore' : step;
}

/** The line for an item that somebody else changed. Pure. */
export function conflict({ path, before, after }: FileItem | ValueItem, now: string | undefined): OutcomeLine {
  const text = `${path} was changed by somebody else since; it is left as it is`;
  return { kind: 'conflict', item: path, text, values: { before, after, now } };
}

/**
 * Everything that was intended, whether or not it came to be done.
 * @param rebooted the machine has started again since: over half-written files it took values that no step had set yet
 */
export function undoOf(lines: readonly JournalLine[], rebooted: boolean): Undo {
  const intended = lines.filter((line) => line.line === 'intend');
  const finished = new Set(lines.filter((line) => line.line === 'done').map((line) => line.seq));
  const failed = new Set(lines.filter((line) => line.line === 'failed').map((line) => line.seq));
  const begin = lines.find((line) => line.line === 'begin');
  const reloads = intended.filter((line) => line.action.do === 'reload');
  const wanted = begin?.plan.actions.filter((action) => action.do === 'reload').length ?? 0;
  const done = reloads.filter((line) => finished.has(line.seq)).length;
  const back = !rebooted && lines.some((line) => line.line === 'undo' && line.reload === true);
  const reload = reloads.length === 0 ? 'none' : done === wanted ? 'finished' : back ? 'back' : 'begun';
  const outcome = lines.findLast((line) => line.line === 'end')?.outcome ?? 'unfinished';
  const cut = rebooted && (outcome === 'unfinished' || outcome === 'stuck');
  const files = intended.flatMap(({ seq, action, record }) => fileItem(seq, action, record)).reverse();
  const set = intended.flatMap(({ seq, action }) => valueItem(seq, action, failed.has(seq))).reverse();
  const since = reloads[0]?.seq ?? (cut ? files.at(-1)?.seq : undefined);
  return {
    files,
    values: [...set, ...promised(since, begin).filter((item) => !set.some((each) => sameKey(each.path, item.path)))],
    refreshes: intended.map(({ action }) => action).filter((action) => action.do === 'refresh'),
    reload,
    valuesAreOurs: reload === 'begun' || cut,
  };
}

const sameKey = (a: string, b: string): boolean => a === b || (isBuckets(a) && isBuckets(b));

function fileItem(seq: number, action: Action, record: unknown): FileItem[] {
  if (action.do !== 'write-file') return [];
  const { mode, attributes, dirs } = asFileRecord(record);
  const { path, before, after } = action;
  const kept = attributes === undefined ? {} : { attributes };
  return [{ seq, path, before, after, mode: mode ?? action.mode, ...kept, dirs }];
}

function asFileRecord(record: unknown): FileRecord {
  const { mode, attributes, dirs } = (record ?? {}) as Partial<FileRecord>;
  return {
    ...(typeof mode === 'number' && { mode }),
    ...(typeof attributes === 'string' && { attributes }),
    dirs: Array.isArray(dirs) ? dirs : [],
  };
}

function valueItem(seq: number, action: Action, ours: boolean): ValueItem[] {
  if (action.do !== 'set-value') return [];
  return [{ seq, path: action.path, before: action.before, after: action.after, ours }];
}

/** A load or a boot sets what the change promises without a step for it: those go back by their recorded values. */
function promised(seq: number | undefined, begin: BeginLine | undefined): ValueItem[] {
  if (seq === undefined || begin === undefined) return [];
  const { live, plan } = begin;
  return Object.entries(targetValues(plan.sizing.targets, HASHSIZE_PATH in live)).flatMap(([path, after]) => {
    const before = live[path];
    return before === undefined ? [] : [{ seq, path, before, after, ours: false }];
  });
}
