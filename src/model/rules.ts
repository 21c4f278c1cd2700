/** The rules of a host, as far as a reload has to know them. */
import type { Connection } from './guard.ts';
import type { Maybe } from './maybe.ts';

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
  /** what firewalld has in force and not in its files; asked only where nobody but firewalld can load its table */
  readonly runtimeOnly?: Maybe<readonly string[]>;
};

export type RulesTool = 'nft' | 'iptables-nft' | 'ip6tables-nft' | 'iptables-legacy' | 'ip6tables-legacy';

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
  /** the guard that was put in force: at this time in ms, letting these ssh connections through */
  readonly guard?: { readonly since: number; readonly ssh: readonly Connection[] };
  /** the saved flows */
  readonly flows?: SavedTable;
};

/** Where the flows of before are, and what is to be expected of them. */
type SavedTable = {
  /** in the order in which they are loaded */
  readonly files: readonly string[];
  readonly count: number;
  /** flows that would be gone within a minute by themselves */
  readonly short: number;
  /** was nf_conntrack_netlink loaded before the save loaded it */
  readonly netlink: boolean;
};
