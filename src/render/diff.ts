/** The change as a unified diff: files as patch(1) reads them, kernel values as lines of sysctl. Pure. */
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff';
import type { Action } from '../model.ts';
import { escapeLine } from './escape.ts';

type WriteFile = Extract<Action, { do: 'write-file' }>;
type SetValue = Extract<Action, { do: 'set-value' }>;

/** Lines of a unified diff with three lines of context; `/dev/null` stands for a file that is not there. */
function fileDiff(action: WriteFile): string[] {
  const from = action.before === undefined ? '/dev/null' : action.path;
  const to = action.after === undefined ? '/dev/null' : action.path;
  const options = { context: 3, headerOptions: FILE_HEADERS_ONLY };
  const patch = createTwoFilesPatch(from, to, action.before ?? '', action.after ?? '', undefined, undefined, options);
  return patch.replace(/\n$/, '').split('\n').map(escapeLine);
}

/** Lines `-name = before`, `+name = after` under a header of their own; [] when no value changes. */
function valueDiff(actions: readonly SetValue[]): string[] {
  if (actions.length === 0) return [];
  const lines = actions.flatMap((one) => [`-${one.name} = ${one.before}`, `+${one.name} = ${one.after}`]);
  return ['--- kernel, now', '+++ kernel, after apply', ...lines].map(escapeLine);
}

/** The diffs of a plan in the order of apply, each a block of lines; the kernel's values are one block. */
export function planDiffs(actions: readonly Action[]): string[][] {
  const files = actions.filter((one) => one.do === 'write-file').map(fileDiff);
  const values = valueDiff(actions.filter((one) => one.do === 'set-value'));
  return values.length === 0 ? files : [...files, values];
}
