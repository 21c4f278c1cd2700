/** What only a diagnosis looks at: gathered when it is asked for, read-only, no module is loaded for it. */
import type { Maybe } from './maybe.ts';

export type DiagnosisFacts = {
  /** lines of sysctl files that speak of conntrack and name no key of this kernel, in reading order */
  readonly strayKeys: readonly StrayKey[];
  /** the switch of iptables-services that takes the module out with the firewall, one for each file that has it */
  readonly unloads: readonly UnloadSwitch[];
  /** some flows out of the table, each as likely as any other */
  readonly sample: Maybe<FlowSample>;
  /** the tables of the other network namespaces */
  readonly namespaces: Maybe<readonly NamespaceTable[]>;
  readonly cloud: CloudFacts;
  /** programs that track connections in tables of their own, beside or in the place of nf_conntrack */
  readonly datapaths: readonly Datapath[];
  /** where the initramfs of the running kernel loads nf_conntrack with its own copy of modprobe.d; absent: it does not */
  readonly initramfs?: InitramfsFacts;
};

/** `meant`: the key that was probably meant; absent when no key is near. */
export type StrayKey = {
  readonly file: string;
  readonly line: number;
  /** dotted, as it would have to be found below /proc/sys */
  readonly key: string;
  readonly value: string;
  readonly meant?: string;
  /** other kernels have or had it, as part of a sentence: `this kernel has no such key` */
  readonly once?: string;
};

/** A line of /etc/sysconfig/iptables-config or ip6tables-config of iptables-services. */
export type UnloadSwitch = {
  readonly file: string;
  readonly line: number;
  /** IPTABLES_SYSCTL_LOAD_LIST of the same file: patterns of sysctl.d lines that its start applies again */
  readonly reapplies: readonly string[];
};

/** Counts over the first entries of the table; their order is that of their hashes, so that these stand for all. */
export type FlowSample = {
  readonly flows: number;
  /** these are all that the table has */
  readonly whole: boolean;
  /** by protocol, for TCP and the like with the state: `tcp TIME_WAIT`, `udp` */
  readonly kinds: Readonly<Record<string, number>>;
  /** never answered by the other end, and not ended */
  readonly unreplied: number;
  /** to port 53 */
  readonly dns: number;
  /** established TCP flows without a packet for a day or more */
  readonly silent: number;
};

/** The table of another network namespace, as /proc/PID/net of a process in it tells. */
export type NamespaceTable = {
  readonly inode: number;
  /** `NAME` in /run/netns, when it has one there */
  readonly name?: string;
  /** `comm (pid)` of some processes in it */
  readonly processes: readonly string[];
  /** sums over the CPUs by column; `entries` is the number of its flows. Two looks where drops were seen */
  readonly counters: Maybe<Readonly<Record<string, number>>>;
  readonly countersLater: Maybe<Readonly<Record<string, number>>>;
};

export type CloudFacts = {
  /** by the name of the machine's maker */
  readonly vendor?: 'aws' | 'azure' | 'gcp';
  /** packets that the cloud dropped because its own table of connections was full, by network interface; two looks */
  readonly interfaces: readonly {
    readonly name: string;
    readonly driver: string;
    readonly exceeded: Maybe<number>;
    readonly exceededLater: Maybe<number>;
    /** connections that it would still take, where the driver tells */
    readonly available?: number;
  }[];
};

export type Datapath = { readonly name: 'cilium' | 'calico-ebpf'; readonly trace: string };

export type InitramfsFacts = {
  /** the line that puts the module into the image */
  readonly file: string;
  readonly line: number;
  readonly image: string;
  /** files of modprobe.d about nf_conntrack that were changed after the image was made */
  readonly newer: Maybe<readonly string[]>;
};
