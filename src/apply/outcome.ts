/** What apply, rollback, history and verify are given and what they answer: types only, rendered elsewhere. Pure. */
import type { Argv } from '../command.ts';
import type { ExitName } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { ChangeRecord, Facts, JournalLine, Plan } from '../model.ts';
import type { Moved } from '../moved.ts';

/** What takes a change back when the process that made it cannot any more. */
export type Recovery = {
  /** ctfix itself, by absolute paths: the executable, or node and the script */
  readonly argv: Argv;
  /** templates/ctfix-recover.service: {{program}}, {{command}} */
  readonly unit: string;
};

/** Everything apply and rollback need from outside; made once by the composition root. */
export type ApplyDeps = {
  readonly host: Host;
  /** where journals and state.json live: /var/lib/ctfix */
  readonly stateDir: string;
  /** the lock: /run/ctfix.lock */
  readonly lockPath: string;
  now(): Date;
  sleep(ms: number): Promise<void>;
  /** one line for a person who watches */
  progress(text: string): void;
  /** true once SIGINT, SIGTERM or SIGHUP came; looked at between steps, never in the middle of one */
  interrupted(): boolean;
  /** told before the first thing of a change is written: from then on there can be something to clear up */
  begun?(): void;
  /** facts and plan once more, with the options of the plan that is applied; `moved`: why a saved one is stale */
  survey(): Promise<{ readonly facts: Facts; readonly plan: Plan; readonly moved?: readonly Moved[] }>;
  readonly recovery: Recovery;
  /** seconds in which the change must be confirmed, or it goes back; absent: it need not be */
  readonly confirmWithin?: number;
  /** the id of the change, where somebody waits for it under that name already */
  readonly id?: string;
};

/**
 * One line of what happened. `done`: a step and what was read back. `undone`: taken back. `already`: was as it should
 * be. `kept`: left as it is on purpose. `conflict`: changed by somebody else since. `failed`: why it stopped. `refused`:
 * a precondition that does not hold. `moved`: what is no longer as planned. `todo`: what a person must do. `note`: else.
 */
export type OutcomeLine = {
  readonly kind: 'done' | 'undone' | 'already' | 'kept' | 'conflict' | 'failed' | 'refused' | 'moved' | 'todo' | 'note';
  /** what it is about: a path, a key, a unit */
  readonly item?: string;
  /** a full sentence */
  readonly text: string;
  /** for `conflict` and `moved`; undefined means there is no such file or key */
  readonly values?: {
    readonly before?: string | undefined;
    readonly after?: string | undefined;
    readonly now?: string | undefined;
  };
};

/** How apply or rollback ended. `id` names the change; there is none when nothing was begun. */
export type Outcome = {
  readonly exit: ExitName;
  readonly id?: string;
  readonly lines: readonly OutcomeLine[];
};

/** What `history` answers. `journal` is there for one change, read as root. */
export type History = {
  readonly source: 'state' | 'journals';
  readonly changes: readonly ChangeRecord[];
  readonly journal?: readonly JournalLine[];
  /** a change that waits for `ctfix confirm`, and for how many seconds more */
  readonly pending?: { readonly id: string; readonly secondsLeft: number };
};

/**
 * The answer where all is so already.
 * @param notes what else there is to say
 */
export const nothing = (text: string, notes: readonly OutcomeLine[] = []): Outcome => ({
  exit: 'ok',
  lines: [{ kind: 'already', text }, ...notes],
});

/** One promise of the last applied change that does not hold. */
export type Finding = {
  readonly item: string;
  /** `now`: the live value; `next-boot`: what the files give at the next boot or module load */
  readonly when: 'now' | 'next-boot';
  readonly wanted: string;
  /** undefined: there is no such key (module not loaded) */
  readonly saw?: string;
  readonly text: string;
};

/** What `verify` answers: no change means that nothing was promised here. */
export type VerifyReport = {
  /** `failed`: nothing is wrong as far as could be seen, and not everything could */
  readonly exit: 'ok' | 'pending' | 'failed';
  readonly change?: ChangeRecord;
  readonly findings: readonly Finding[];
  /** what could not be found out, one sentence each */
  readonly unknown: readonly string[];
  /** what comes later by itself, or was not asked for */
  readonly waits: readonly string[];
  /** what holds */
  readonly notes: readonly string[];
};
