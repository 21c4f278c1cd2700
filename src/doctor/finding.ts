/** What a rule says, and what every rule stands on. Pure. */
import { type Case, caseOf } from '../demand.ts';
import { type Facts, known, type Sizing } from '../model.ts';
import { askedLine } from '../nextboot.ts';
import { type Lost, type Origin, origins } from '../origin.ts';
import { knownNames } from '../origin-defaults.ts';
import { changeHere } from '../origin-now.ts';
import { isLess } from '../present.ts';
import { size } from '../sizing.ts';

/**
 * `critical`: flows are being lost now. `warning`: they were, or will be, or a setting does not do what it says.
 * `note`: good to know, nothing to do at once; alone it is no finding that changes the exit code.
 */
export type Severity = 'critical' | 'warning' | 'note';

/** What to do: a sentence, and a command line to copy where there is one. */
export type Remedy = { readonly say: string; readonly command?: string };

export type Finding = {
  /** stable name for scripts, kebab-case */
  readonly code: string;
  readonly severity: Severity;
  /** the sysctl keys whose value it explains */
  readonly keys?: readonly string[];
  /** one sentence without its full stop */
  readonly what: string;
  /** numbers and places that prove it, the strongest first */
  readonly proof: readonly string[];
  /** the first one is the one to try first */
  readonly remedies: readonly Remedy[];
};

/** What could not be looked at, why, and how it could be. */
export type Unseen = { readonly what: string; readonly why: string; readonly how: string };

/** The facts and what is concluded from them once, for all rules. */
export type Seen = Case & { readonly sizing: Sizing; readonly origins: readonly Origin[] };

export type Rule = (seen: Seen) => Finding | undefined;

/** Everything that the rules look at. */
export function seenOf(facts: Facts): Seen {
  return { ...caseOf(facts, {}), sizing: size(facts, {}), origins: origins(facts) };
}

export type CounterSeen = {
  /** since the module was loaded, or since the last change of ours in this boot */
  readonly total: number;
  /** between the two looks, half a second apart */
  readonly rise: number;
  /** `total` for each minute, where the time is known */
  readonly perMinute: number | undefined;
};

/**
 * What a counter says; undefined where it cannot be read or this kernel has no such column. Counters outlive a repair:
 * those of before the last change in force do not count. A counter below its old self was reset by a load of the module.
 * @param names the column by its names in different kernels and programs, the first one that is there counts
 */
export function counterOf(facts: Facts, ...names: readonly string[]): CounterSeen | undefined {
  const { table, machine } = facts;
  const first = known(table.counters);
  const name = names.find((each) => first?.[each] !== undefined);
  if (first === undefined || name === undefined) return undefined;
  const start = first[name] ?? 0;
  const now = known(table.countersLater)?.[name] ?? start;
  const here = changeHere(facts);
  const before = here?.counters?.[name] ?? 0;
  const total = now < before ? now : now - before;
  const uptime = known(machine.uptime);
  const minutes = uptime === undefined ? undefined : (uptime - (here?.uptime ?? 0)) / 60;
  const perMinute = minutes === undefined || minutes <= 0 ? undefined : total / minutes;
  return { total, rise: Math.max(0, now - start), perMinute };
}

/** The last change wrote files alone, in this boot: what it set comes with the next load of the module, as was asked for. */
export function wroteFilesOnly(facts: Facts): boolean {
  return changeHere(facts)?.strategy === 'persist';
}

/** The columns of chain refusals: `chainlength` in /proc since 5.15, `chaintoolong` in conntrack -S. */
export const CHAIN = ['chainlength', 'chaintoolong'] as const;

/** The origin of a value by its name. */
export function originOf({ origins: all }: Pick<Seen, 'origins'>, name: string): Origin | undefined {
  return all.find((each) => each.name === name);
}

/** A name or path as one word of a shell's command line. */
export function quoted(word: string): string {
  return /^[\w./:@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** A line that is passed over, and the value that it is about. */
export type Passed = { readonly origin: Origin; readonly lost: Lost };

/** The lines that are passed over for one of these reasons; keys that do not exist are another matter (strayKeys). */
export function passedOver(
  { origins: all, facts }: Pick<Seen, 'origins' | 'facts'>,
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
