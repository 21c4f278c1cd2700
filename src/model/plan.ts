/** The plan: the difference between what is and what should be, as a value that can be saved. */
import type { Facts, FirewallName, FirewallOwner, LogFacts, MachineFacts, ModuleState, TableFacts } from './facts.ts';
import type { Maybe } from './maybe.ts';
import type { RulesTool } from './rules.ts';
import type { PlanOptions, Refusal, Sizing, Strategy } from './sizing.ts';

/** A program by its absolute path, and its arguments. */
export type Words = readonly [string, ...string[]];

/** A command that changes the machine. Closed list; `argvOf` in command.ts gives the words that are run and shown. */
export type HostCommand =
  | { readonly unit: 'start' | 'stop' | 'restart' | 'reload' | 'reset-failed'; readonly name: string }
  | { readonly unitFiles: 'daemon-reload' }
  /** `load-plain`: without any option or hook of modprobe.d, the way back when one of those makes a load fail */
  | { readonly module: 'load' | 'load-plain' | 'unload'; readonly name: string }
  | { readonly flush: 'netfilter-persistent' }
  /** loads rules from standard input, with the tool's own transaction */
  /** `plain`: by the program without the variant in its name, where there is one variant only */
  | { readonly rules: RulesTool; readonly how: 'restore' | 'transaction'; readonly plain?: boolean }
  | { readonly ipset: 'restore' }
  | { readonly sysctl: 'apply-prefix' }
  /** `save` and `list` only read, but load nf_conntrack_netlink */
  | { readonly flows: 'flush' | 'save' | 'list' }
  | { readonly flows: 'load'; readonly file: string }
  | { readonly udev: 'reload' | 'settle' }
  /** runs a program as a service of its own and waits for it; `after` runs when it has ended, whatever ended it */
  | { readonly service: string; readonly run: Words; readonly after: Words }
  /** runs a program as a service once so many seconds have passed */
  | { readonly timer: string; readonly seconds: number; readonly run: Words }
  /** asks the program of a service to stop after the step that it is at */
  | { readonly interrupt: string }
  /** tells everybody who is logged in on a terminal */
  | { readonly wall: string }
  | { readonly log: string };

/** One step of a reload; what it needs at run time (the recorded ruleset, the live values) is in the journal. */
export type ReloadStep =
  | { readonly step: 'record'; readonly what: string }
  /** `along`: a unit that the firewall's stop would take along, stopped first, so that the rules are known without it */
  | { readonly step: 'stop'; readonly unit: string; readonly name: FirewallName; readonly along?: true }
  | { readonly step: 'clear-rules'; readonly tool: RulesTool | 'netfilter-persistent' }
  | { readonly step: 'prove-down' }
  | { readonly step: 'unload'; readonly module: string }
  | { readonly step: 'load'; readonly module: string }
  | { readonly step: 'write-back' }
  | { readonly step: 'start'; readonly unit: string; readonly name: FirewallName }
  | { readonly step: 'load-rules'; readonly tool: RulesTool }
  /** `along`: with the rules of the units that are started again last; else without those */
  | { readonly step: 'prove-rules'; readonly along?: true }
  | { readonly step: 'start-along'; readonly unit: string }
  /** the guard in force, and out of force again */
  | { readonly step: 'guard-up' }
  | { readonly step: 'guard-down' }
  /** the table saved; emptied, so that a flow that something still holds is seen before the unload; loaded again */
  | { readonly step: 'save-flows' }
  | { readonly step: 'drain-flows' }
  | { readonly step: 'restore-flows' };

/** A difference between what is and what should be, carried out by apply in the order of the plan. */
export type Action =
  | {
      readonly do: 'write-file';
      readonly path: string;
      /** undefined: the file does not exist */
      readonly before?: string;
      /** undefined: the file is removed */
      readonly after?: string;
      readonly mode: number;
      readonly why: string;
    }
  | {
      readonly do: 'set-value';
      /** below /proc/sys or /sys */
      readonly path: string;
      /** `net.netfilter.nf_conntrack_max`, or `nf_conntrack hashsize` */
      readonly name: string;
      readonly before: string;
      readonly after: string;
      readonly why: string;
    }
  | { readonly do: 'reload'; readonly step: ReloadStep; readonly why: string }
  | { readonly do: 'refresh'; readonly command: HostCommand; readonly why: string };

export type StrategyChoice = {
  readonly taken: Strategy;
  readonly why: string;
  /** what the others would cost: flows paused, seconds without the firewall, what would block them */
  readonly others: readonly {
    readonly strategy: Strategy;
    readonly cost: string;
    readonly blockedBy: readonly string[];
  }[];
  readonly refusals: readonly Refusal[];
};

export type Plan = {
  readonly schema: 'ctfix.plan/v1';
  readonly ctfix: string;
  readonly host: {
    readonly machineId: Maybe<string>;
    readonly bootId: Maybe<string>;
    readonly kernel: string;
    readonly os: string;
  };
  readonly options: PlanOptions;
  readonly sizing: Sizing;
  readonly strategy: StrategyChoice;
  /** in the order of apply: files, then live values or the reload (growing: buckets before max) */
  readonly actions: readonly Action[];
  /** not empty: apply would exit 3 */
  readonly refusals: readonly Refusal[];
  /** every item that needs nothing, with the reason */
  readonly unchanged: readonly { readonly item: string; readonly why: string }[];
  readonly notes: readonly string[];
  /** what could not be found out, and which answer that costs */
  readonly unknowns: readonly { readonly what: string; readonly costs: string }[];
  /** there in JSON and in a saved plan: what it was made from */
  readonly frozen?: Frozen;
};

/** A plan that can be applied later. */
export type SavedPlan = Plan & { readonly frozen: Frozen };

/**
 * What a plan was made from, beside `host` and `sizing.present`. Evidence moves all the time and is hidden from others
 * than root: a saved plan is made again with what was seen then. The rest says which host, in which state, it is for.
 */
export type Frozen = {
  /** when the plan was made, ISO 8601 */
  readonly at: string;
  readonly kind: Facts['kind'];
  readonly evidence: Pick<MachineFacts, 'memTotalKiB' | 'uptime' | 'container'> &
    Pick<TableFacts, 'namespace' | 'writable' | 'counters' | 'countersLater' | 'slabObject'> & {
      readonly log: Maybe<LogFacts>;
      /** were the rules looked at, which takes root */
      readonly rules: boolean;
      /** files and directories of the configuration that are there and could not be read */
      readonly unread: readonly string[];
    };
  /** sha-256 of every file of the configuration that decided, by path */
  readonly digests: Readonly<Record<string, string>>;
  /** nf_conntrack.hashsize= on the kernel command line */
  readonly cmdlineHashsize?: number;
  readonly module: { readonly state: ModuleState; readonly holders: readonly string[] };
  readonly firewalls: readonly Pick<FirewallOwner, 'name' | 'unit' | 'state'>[];
  /** values below net.netfilter.nf_conntrack_ that decided, beside max and buckets */
  readonly values: Readonly<Record<string, string>>;
  /** id of the last change of ctfix that is in force */
  readonly lastChange?: string;
};

/** True when apply would change nothing. */
export function isEmpty(plan: Plan): boolean {
  return plan.actions.length === 0;
}
