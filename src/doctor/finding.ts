/** What a rule says, and what every rule stands on. Pure. */
import { type Case, caseOf } from '../demand.ts';
import { type Facts, known, type Sizing } from '../model.ts';
import { type Origin, origins } from '../origin.ts';
import { changeHere } from '../origin-now.ts';
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
