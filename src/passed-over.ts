/** Lines of files that the next boot passes over, and whether anybody misses what they ask for: for status and doctor. Pure. */
import { type Facts, known } from './model.ts';
import { askedLine } from './nextboot.ts';
import type { Lost, Origin } from './origin.ts';
import { knownNames } from './origin-defaults.ts';
import { isLess } from './present.ts';

/** A line that is passed over, and the value that it is about. */
export type Passed = { readonly origin: Origin; readonly lost: Lost };

/** The lines that are passed over for one of these reasons; keys that do not exist are another matter (strayKeys). */
export function passedOver(
  { origins: all, facts }: { readonly origins: readonly Origin[]; readonly facts: Facts },
  ...codes: readonly Lost['code'][]
): Passed[] {
  return all
    .filter(({ name }) => exists(facts, name))
    .flatMap((origin) => origin.lost.filter(({ code }) => codes.includes(code)).map((lost) => ({ origin, lost })));
}

/** The keys that lines are about. */
export function keysOf(lines: readonly Pick<Passed, 'origin'>[]): readonly string[] {
  return [...new Set(lines.map(({ origin }) => origin.key))];
}

/** Whether this kernel has the key; without a module, whether any has. */
function exists({ table }: Facts, name: string): boolean {
  if (name === 'max' || name === 'buckets') return true;
  const here = Object.keys(table.values);
  return (here.length > 0 ? here : knownNames()).includes(name);
}

/** Whether something is missing without the line: a size when there is, or will be, less; any other value always. */
export function leavesGap({ origin: { name, now, boot }, lost }: Passed): boolean {
  if (name !== 'max' && name !== 'buckets') return true;
  const values = [now === undefined ? undefined : known(now)?.value, known(boot)?.value];
  return (
    values.every((each) => each === undefined) ||
    values.some((each) => each !== undefined && isLess(Number(each), Number(lost.value)))
  );
}

/** Whether a line that is read too early would win if it were not: no later line, no ufw, no tuned sets the same key. */
export function wouldCount(facts: Facts, { origin, lost }: Passed): boolean {
  const last = askedLine(facts, origin.key);
  return last?.file === lost.file && last.line === lost.line;
}
