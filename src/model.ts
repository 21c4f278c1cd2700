/**
 * The five words as data: facts (what is), sizing (what should be), plan (the difference), journal (what was done),
 * strategy (how). Types and tiny predicates. Imports nothing.
 */

/** Something that could not be found out, and why: never guessed, never 0. */
export type Unknown = { readonly unknown: string };
export type Maybe<T> = T | Unknown;

/** True when the value was found out. */
export function isKnown<T>(value: Maybe<T>): value is T {
  return !(typeof value === 'object' && value !== null && 'unknown' in value);
}

/** The value, or undefined when it is unknown. */
export function known<T>(value: Maybe<T>): T | undefined {
  return isKnown(value) ? value : undefined;
}

// ---------------------------------------------------------------- facts

export type Facts = {
  readonly schema: 'ctfix.facts/v1';
  /** `sysroot` has no kernel behind it: everything live is unknown. */
  readonly kind: 'live' | 'sysroot' | 'recorded';
  readonly root: boolean;
  readonly machine: MachineFacts;
  readonly module: ModuleFacts;
  readonly table: TableFacts;
  readonly log: Maybe<LogFacts>;
  readonly firewalls: readonly FirewallOwner[];
  readonly config: ConfigFacts;
  /** The last change of ours that is still in force, from /var/lib/ctfix/state.json. */
  readonly lastChange?: ChangeRecord;
  /** What holds the module beyond the module tree; absent when it was not looked at (asked for, and only for root). */
  readonly rules?: RulesFacts;
  /** Files that exist and could not be read or parsed, with the reason; a plan that depends on one says so. */
  readonly problems: readonly Problem[];
};

/** Something wrong with a file: `line` counts from 1 and is absent when the whole file is meant. */
export type Problem = { readonly file: string; readonly line?: number; readonly what: string };

export type MachineFacts = {
  /** uname -r */
  readonly kernel: string;
  /** /proc/version: Debian names the upstream release there (`Debian 6.1.192-1`), uname -r does not */
  readonly version?: string;
  readonly arch: string;
  readonly bits: 32 | 64;
  /** bytes */
  readonly pageSize: number;
  readonly memTotalKiB: number;
  readonly bootId: Maybe<string>;
  readonly machineId: Maybe<string>;
  /** seconds since boot */
  readonly uptime: Maybe<number>;
  readonly os: { readonly id: string; readonly version: string; readonly name: string };
  /** what kind of container this is, undefined on a real host or VM */
  readonly container?: string;
  /** is systemd running as init, and its udev there */
  readonly systemd: boolean;
  readonly udev: boolean;
  /** path of the systemd-sysctl program, absent where there is none */
  readonly systemdSysctl?: string;
};

export type ModuleState = 'loaded' | 'absent' | 'builtin' | 'unloading';

export type LoadedModule = {
  readonly refcnt: Maybe<number>;
  /** modules that use this one, from /sys/module/NAME/holders */
  readonly holders: readonly string[];
  /** a network driver pins it: never unloaded */
  readonly driver: boolean;
};

export type ModuleFacts = {
  readonly state: ModuleState;
  /** whether modprobe and a modules tree for the running kernel exist */
  readonly loadable: boolean;
  /** every loaded module from which nf_conntrack can be reached through holders, nf_conntrack included */
  readonly tree: Readonly<Record<string, LoadedModule>>;
  /** inode of /sys/module/nf_conntrack: changes with every load */
  readonly inode: Maybe<number>;
};

export type TableFacts = {
  /** 0 means no limit (kernels before 6.19) */
  readonly max: Maybe<number>;
  readonly buckets: Maybe<number>;
  readonly count: Maybe<number>;
  /** `initial`, or a child network namespace, where the table's limits cannot be written */
  readonly namespace: Maybe<'initial' | 'child'>;
  /** false where /proc/sys or /sys is mounted read-only */
  readonly writable: Maybe<boolean>;
  /** sums over the CPUs by column name (`entries` is not summed); two looks, so that rising drops can be told */
  readonly counters: Maybe<Readonly<Record<string, number>>>;
  readonly countersLater: Maybe<Readonly<Record<string, number>>>;
  /** bytes for a slab object of the nf_conntrack cache */
  readonly slabObject: Maybe<number>;
  /** every readable key below net.netfilter.nf_conntrack_*, without that prefix: `tcp_timeout_established` → `432000` */
  readonly values: Readonly<Record<string, string>>;
};

export type LogFacts = {
  /** where the lines were read */
  readonly source: 'kmsg' | 'journal';
  /** lines of this boot that say a conntrack table is full, oldest first, the last 50 */
  readonly full: readonly LogLine[];
  /** how many there were in all; the kernel rate-limits them, so this is a floor */
  readonly total: number;
};

/** `at`: seconds since boot. `netns`: inode of a namespace other than the initial one (named from 6.17 on). */
export type LogLine = { readonly at: number; readonly text: string; readonly netns?: number };

export type FirewallName =
  | 'ufw'
  | 'iptables'
  | 'ip6tables'
  | 'netfilter-persistent'
  | 'nftables'
  | 'firewalld'
  | 'docker'
  | 'kube-proxy';

export type FirewallOwner = {
  readonly name: FirewallName;
  /** the systemd unit, undefined for what is found as a process (kube-proxy) */
  readonly unit?: string;
  readonly state: Maybe<'active' | 'inactive' | 'failed'>;
  /** active units that a stop of this one takes along (PartOf=, BindsTo=, Requires= the other way round) */
  readonly takesAlong: readonly string[];
};

/**
 * The rules of one network namespace, as the tools print them. Absent: the kernel side is not loaded or the tool is not
 * needed; what is there and could not be read is named in `unread`.
 */
export type RulesText = {
  /** `nft -s list ruleset`: what is compared */
  readonly nft?: string;
  /** `nft list ruleset`, with counters and the time that set elements have left: what is loaded back */
  readonly nftState?: string;
  /** tables (`ip filter`) that nft lists and cannot load: they hold xtables expressions of iptables-nft */
  readonly managed?: readonly string[];
  readonly 'iptables-nft'?: string;
  readonly 'ip6tables-nft'?: string;
  readonly 'iptables-legacy'?: string;
  readonly 'ip6tables-legacy'?: string;
  /** `ipset save` */
  readonly ipset?: string;
  /** full sentences */
  readonly unread?: readonly string[];
};

/** A network namespace that is not ours. `path` leads into it: /run/netns/NAME or /proc/PID/ns/net. */
export type OtherNamespace = {
  readonly inode: number;
  readonly path: string;
  /** `NAME` in /run/netns, when it has one there */
  readonly name?: string;
  /** `comm (pid)` of some processes in it, at most five */
  readonly processes: readonly string[];
  /** how often its rules use each module */
  readonly uses: Maybe<Readonly<Record<string, number>>>;
};

/** A queue of packets that wait for a program's verdict (nfnetlink_queue). */
export type PacketQueue = {
  readonly queue: number;
  /** `comm (pid)` of its reader */
  readonly reader: string;
  readonly waiting: number;
  /** inode of the namespace, when it is another one */
  readonly namespace?: number;
};

/** What only root can see of the holders of nf_conntrack; gathering it loads no module. */
export type RulesFacts = {
  readonly text: RulesText;
  /** how often the rules of this namespace use each module, as far as that can be counted in their text */
  readonly uses: Readonly<Record<string, number>>;
  readonly namespaces: readonly OtherNamespace[];
  readonly queues: readonly PacketQueue[];
  /** `comm (pid)` of the programs that listen to conntrack events */
  readonly listeners: readonly string[];
  /** the words after the file name in the last line of `modprobe --show-depends nf_conntrack` */
  readonly options: Maybe<readonly string[]>;
  /** tables that hold the module and that `nft -c` would not load back, with its words */
  readonly notLoadable: readonly { readonly table: string; readonly why: string }[];
};

/** One `key = value` line of a sysctl file. `key` is the dotted long form whatever the file's spelling. */
export type SysctlLine = {
  readonly file: string;
  readonly line: number;
  readonly key: string;
  readonly value: string;
  /** as written, for diffs and messages */
  readonly raw: string;
  /** a leading `-`: errors are ignored */
  readonly optional: boolean;
};

/** One directive of modprobe.d that names nf_conntrack (either spelling), continuation lines joined. */
export type ModprobeLine = {
  readonly file: string;
  readonly line: number;
  readonly directive: 'options' | 'install' | 'blacklist' | 'remove' | 'softdep' | 'alias';
  /** what follows the module's name */
  readonly rest: string;
  /** the hashsize that this line asks for, when it is a valid one */
  readonly hashsize?: number;
  readonly raw: string;
};

/** A file of a drop-in directory that counts, in the loader's order, and the ones it hides. */
export type DropIn = {
  readonly path: string;
  /** text, undefined when it could not be read (then there is a Problem) */
  readonly text?: string;
  /** what the path really is when it is a link */
  readonly target?: string;
  /** same-named files of weaker directories */
  readonly hides: readonly string[];
};

export type ConfigFacts = {
  /** effective sysctl lines that touch conntrack, in systemd-sysctl's order: the last one wins */
  readonly systemdSysctl: readonly SysctlLine[];
  /** the same in procps `sysctl --system` order: /etc/sysctl.conf once more at the end */
  readonly procpsSysctl: readonly SysctlLine[];
  /**
   * Lines without a value (`-key`) or with one that the kernel refuses: systemd-sysctl takes back every line of that
   * spelling before them, whatever its file; those lines are left out of `systemdSysctl`. `value` is ''.
   */
  readonly exclusions?: readonly SysctlLine[];
  /** lines of ufw's IPT_SYSCTL file, applied whenever ufw starts */
  readonly ufwSysctl: readonly SysctlLine[];
  /** directives about nf_conntrack in modprobe's order: options are concatenated, the last value wins */
  readonly modprobe: readonly ModprobeLine[];
  /** nf_conntrack.hashsize= on the kernel command line: beats every file */
  readonly cmdlineHashsize?: number;
  /** modules-load.d files that name nf_conntrack */
  readonly modulesLoad: readonly { readonly file: string; readonly line: number }[];
  /** udev rules or install hooks that re-apply net.netfilter keys when the module loads */
  readonly hooks: readonly { readonly file: string; readonly line: number; readonly kind: 'udev' | 'install' }[];
  /** tuned's active profile, when it sets one of our keys */
  readonly tuned: readonly SysctlLine[];
  /** lines of that profile that every sysctl file beats, because tuned writes the files once more after its own values */
  readonly tunedBeneath?: readonly SysctlLine[];
  /** the files ctfix writes, as they are now (path → text); absent files are not listed */
  readonly own: Readonly<Record<string, string>>;
  /** texts of the files that the lines above name, by that path: what `--take-over` edits */
  readonly texts?: Readonly<Record<string, string>>;
  /** what a path named above really is, where it is a link: /etc/sysctl.d/99-sysctl.conf → /etc/sysctl.conf */
  readonly links?: Readonly<Record<string, string>>;
};

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
};

// ---------------------------------------------------------------- options and sizing

export type Strategy = 'live' | 'persist' | 'reload' | 'unload';

/** Options shared by plan, apply and verify. Absent means not given, never a default. */
export type PlanOptions = {
  readonly max?: number;
  readonly hashsize?: number;
  readonly precaution?: boolean;
  readonly ratio?: number;
  readonly peak?: number;
  readonly headroom?: number;
  /** a share of MemTotal (0 < share ≤ 1) or bytes */
  readonly memoryLimit?: { readonly share: number } | { readonly bytes: number };
  readonly allowShrink?: boolean;
  /** seconds by key below net.netfilter.nf_conntrack_: `tcp_timeout_established` → 86400 */
  readonly timeouts?: Readonly<Record<string, number>>;
  readonly strategy?: 'auto' | Strategy;
  readonly takeOver?: boolean;
};

/** The values a change promises. `values`: other keys below net.netfilter.nf_conntrack_, e.g. timeouts. */
export type Targets = {
  readonly max: number;
  readonly buckets: number;
  readonly values: Readonly<Record<string, string>>;
};

export type Verdict = 'needed' | 'precaution' | 'requested' | 'nothing';

/** One number with its working, shown in every plan. */
export type Working = { readonly name: string; readonly value: number; readonly how: string };

export type MemoryBill = {
  /** bytes for one flow: slab object and extension */
  readonly perFlow: number;
  readonly perFlowHow: string;
  /** bytes for the bucket arrays */
  readonly hash: number;
  /** bytes when the table is full */
  readonly whenFull: number;
  /** share of MemTotal when full */
  readonly share: number;
  readonly limit: number;
  readonly overLimit: boolean;
};

/** A reason why nothing may be done (exit 3), with the exact thing to change. */
export type Refusal = {
  /** stable name for scripts and tests, kebab-case */
  readonly code: string;
  readonly what: string;
  readonly remedy: string;
  readonly file?: string;
  readonly line?: number;
};

export type Sizing = {
  readonly verdict: Verdict;
  /** why the verdict is what it is, most important first */
  readonly reasons: readonly string[];
  readonly present: { readonly max: Maybe<number>; readonly buckets: Maybe<number>; readonly count: Maybe<number> };
  readonly targets: Targets;
  readonly working: readonly Working[];
  readonly memory: MemoryBill;
  readonly refusals: readonly Refusal[];
  readonly notes: readonly string[];
};

// ---------------------------------------------------------------- plan

/** A command that changes the machine. Closed list; `argvOf` in command.ts gives the words that are run and shown. */
export type HostCommand =
  | { readonly unit: 'start' | 'stop' | 'restart' | 'reload' | 'reset-failed'; readonly name: string }
  | { readonly unitFiles: 'daemon-reload' }
  /** `load-plain`: without any option or hook of modprobe.d, the way back when one of those makes a load fail */
  | { readonly module: 'load' | 'load-plain' | 'unload'; readonly name: string }
  | { readonly flush: 'netfilter-persistent' }
  /** loads rules from standard input, with the tool's own transaction */
  | { readonly rules: RulesTool; readonly how: 'restore' | 'transaction' }
  | { readonly ipset: 'restore' }
  | { readonly sysctl: 'apply-prefix' }
  | { readonly flows: 'flush' }
  | { readonly udev: 'reload' | 'settle' }
  | { readonly log: string };

export type RulesTool = 'nft' | 'iptables-nft' | 'ip6tables-nft' | 'iptables-legacy' | 'ip6tables-legacy';

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
  | { readonly step: 'start-along'; readonly unit: string };

/** What a reload must be able to give back; kept in the journal. */
export type RulesRecord = {
  readonly record: 'rules';
  /** before anything was stopped */
  readonly full: RulesText;
  /** the same once the units that go along were stopped; absent when there are none */
  readonly base?: RulesText;
  /** parts of the ruleset that were as recorded while the firewall was down: nobody took them away */
  readonly survived?: readonly string[];
  /** inode of /sys/module/nf_conntrack before */
  readonly inode: number;
};

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
};

/** True when apply would change nothing. */
export function isEmpty(plan: Plan): boolean {
  return plan.actions.length === 0;
}

// ---------------------------------------------------------------- journal

/** One line of a journal file, one JSON object each, fsynced before the step it announces. */
export type JournalLine =
  | {
      readonly line: 'begin';
      readonly schema: 'ctfix.journal/v1';
      readonly id: string;
      readonly at: string;
      readonly uptime: number;
      readonly who: string;
      readonly plan: Plan;
      /** every live conntrack value by /proc/sys or /sys path, as it was before */
      readonly live: Readonly<Record<string, string>>;
    }
  /** `record`: what the step must be able to give back (a ruleset, the owner and mode of a file) */
  | { readonly line: 'intend'; readonly seq: number; readonly action: Action; readonly record?: unknown }
  /** `record`: what the step found and a recovery must be able to give back (a RulesRecord) */
  | { readonly line: 'done'; readonly seq: number; readonly saw: string; readonly record?: unknown }
  | { readonly line: 'failed'; readonly seq: number; readonly why: string }
  | { readonly line: 'undo'; readonly seq: number; readonly saw: string }
  | {
      readonly line: 'end';
      readonly at: string;
      readonly uptime: number;
      readonly outcome: ChangeRecord['outcome'];
      readonly why?: string;
      readonly counters?: Readonly<Record<string, number>>;
      /** what a rollback left as it is on purpose (max below the present count), as sentences */
      readonly kept?: readonly string[];
    };

/** /var/lib/ctfix/state.json: every change, oldest first; rebuilt from the journals, readable without root. */
export type State = { readonly schema: 'ctfix.state/v1'; readonly changes: readonly ChangeRecord[] };

// ---------------------------------------------------------------- report

/** What a renderer gives: the product for stdout and the exit code of its own world. */
export type Rendered = { readonly text: string; readonly code: number };
