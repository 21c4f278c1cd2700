/** What every part of a reload is given, and bounded waiting. */
import type { Host, RunResult } from '../host/host.ts';
import type { RulesRecord, Targets } from '../model.ts';

export type ReloadRun = {
  readonly host: Host;
  /** every live conntrack value by its path, as it was before the change */
  readonly live: Readonly<Record<string, string>>;
  readonly targets: Targets;
  sleep(ms: number): Promise<void>;
  /** milliseconds; only differences count */
  now(): number;
  progress(text: string): void;
  /** the newest record of this change; absent before the step that makes it */
  readonly record?: RulesRecord;
};

/** What a step saw; `record` is to be kept in the journal and given to the steps after it. */
export type StepSeen = { readonly saw: string; readonly record?: RulesRecord };

/** Between two looks: short against what is waited for, long against the price of a look on a slow machine. */
const LOOK_EVERY_MS = 200;

/**
 * Looks until something is so, at most for a time.
 * @param look what is there now
 * @param good whether that is what is waited for
 * @returns the last look, good or not
 */
export async function lookUntil<T>(
  run: ReloadRun,
  limitMs: number,
  look: () => Promise<T>,
  good: (seen: T) => boolean,
): Promise<T> {
  const end = run.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (good(seen) || run.now() >= end) return seen;
    await run.sleep(LOOK_EVERY_MS);
  }
}

/** What a program said of its failure, in one line. Pure. */
export function complaint({ code, stdout, stderr }: RunResult): string {
  const lines = `${stdout}\n${stderr}`.split('\n').map((line) => line.trim());
  return (
    lines
      .filter((line) => line !== '')
      .join('; ')
      .slice(0, 400) || `it ended with exit code ${code}`
  );
}

/** A time in words, `12.3 s`. Pure. */
export function seconds(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
}
