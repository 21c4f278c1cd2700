/** The journal: what was done, and its summary for those who are not root. */
import type { Action, Plan } from './plan.ts';
import type { PlanOptions, Strategy, Targets } from './sizing.ts';

/** What state.json keeps of a change for commands that do not run as root. */
export type ChangeRecord = {
  readonly id: string;
  /** ISO 8601 */
  readonly at: string;
  readonly bootId: string;
  /** seconds since boot when the live values were in force */
  readonly uptime: number;
  readonly outcome: 'applied' | 'rolled-back' | 'unfinished' | 'stuck' | 'undone';
  readonly options: PlanOptions;
  readonly strategy: Strategy;
  /** what was promised: sysctl keys without prefix → value, `buckets` and `max` among them */
  readonly targets: Targets;
  readonly before: { readonly max?: number; readonly buckets?: number };
  readonly counters?: Readonly<Record<string, number>>;
  /** goes back unless `ctfix confirm` comes before this many seconds after the boot `bootId`; absent once it came */
  readonly pendingConfirm?: { readonly until: number; readonly bootId: string };
};

/** One line of a journal file, one JSON object each, fsynced before the step it announces. */
export type JournalLine =
  | {
      readonly line: 'begin';
      readonly schema: 'ctfix.journal/v1';
      readonly id: string;
      readonly at: string;
      readonly uptime: number;
      /** id of the boot in which the change was begun; the plan may have been made in an earlier one */
      readonly boot?: string;
      readonly who: string;
      readonly plan: Plan;
      /** seconds in which `ctfix confirm` must come once the change is complete, or it goes back */
      readonly confirmWithin?: number;
      /** every live conntrack value by /proc/sys or /sys path, as it was before */
      readonly live: Readonly<Record<string, string>>;
    }
  /** `record`: what the step must be able to give back (a ruleset, the owner and mode of a file) */
  | { readonly line: 'intend'; readonly seq: number; readonly action: Action; readonly record?: unknown }
  /** `record`: what the step found and a recovery must be able to give back (a RulesRecord) */
  | { readonly line: 'done'; readonly seq: number; readonly saw: string; readonly record?: unknown }
  | { readonly line: 'failed'; readonly seq: number; readonly why: string }
  /** `reload`: module, firewall and rules are back as a whole, after this step and all before it */
  | { readonly line: 'undo'; readonly seq: number; readonly saw: string; readonly reload?: true }
  | {
      readonly line: 'end';
      readonly at: string;
      readonly uptime: number;
      readonly outcome: ChangeRecord['outcome'];
      readonly why?: string;
      readonly counters?: Readonly<Record<string, number>>;
      /** outcome `applied`, to be confirmed: until so many seconds after this boot */
      readonly confirmUntil?: number;
      /** what a rollback left as it is on purpose (max below the present count), as sentences */
      readonly kept?: readonly string[];
    }
  | { readonly line: 'confirm'; readonly at: string; readonly uptime: number; readonly who: string };

/** The first line of every journal: what was planned, by whom, and what there was before. */
export type BeginLine = Extract<JournalLine, { line: 'begin' }>;

/** /var/lib/ctfix/state.json: every change, oldest first; rebuilt from the journals, readable without root. */
export type State = { readonly schema: 'ctfix.state/v1'; readonly changes: readonly ChangeRecord[] };
