/** Facts: what is. */
import type { DiagnosisFacts } from './diagnosis.ts';
import type { GuardFacts } from './guard.ts';
import type { ChangeRecord } from './journal.ts';
import type { Maybe } from './maybe.ts';
import type { RulesFacts } from './rules.ts';

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
  /** What a guard would cut, and whether one can be made; absent as `rules` is. */
  readonly guard?: GuardFacts;
  /** What only a diagnosis looks at; absent when it was not asked for. */
  readonly diagnosis?: DiagnosisFacts;
  /** Files that exist and could not be read or parsed, with the reason; a plan that depends on one says so. */
  readonly problems: readonly Problem[];
};

/** Something wrong with a file: `line` counts from 1 and is absent when the whole file is meant. */
export type Problem = {
  readonly file: string;
  readonly line?: number;
  readonly what: string;
  /** it is there and could not be read: what it says is unknown */
  readonly unread?: true;
};

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
  /** processors that are online; absent where that is not known */
  readonly cpus?: number;
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
  /** lines of ufw's IPT_SYSCTL file, applied whenever ufw starts; there while it is off, too, see ufwStarts */
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
