/** What a guard would cut, and whether guard and flow carry can be had here at all. */

/** One end of this host's established TCP connections. Addresses as text; an IPv4-mapped one is given as IPv4. */
export type Connection = {
  readonly family: 4 | 6;
  readonly ours: string;
  readonly ourPort: number;
  readonly theirs: string;
  readonly theirPort: number;
};

/** An ssh connection of an admin; `tunnel`: what it comes through, `wg0 (wireguard)`, when the guard would cut that. */
export type SshConnection = Connection & { readonly tunnel?: string };

/** Looked at as root, and only for a reload; gathering it loads no module. */
export type GuardFacts = {
  readonly nft: 'there' | 'no-program' | 'no-kernel';
  /** can conntrack load what it has saved (from 1.4.7) */
  readonly conntrack: 'loads' | 'too-old' | 'no-program';
  readonly ssh: readonly SshConnection[];
  /** what the system itself lies on and reaches over the network: `/var`, or `swap`, and `nfs4 from server:/var` */
  readonly storage: readonly { readonly where: string; readonly what: string }[];
  /** programs that take over, or let others take over, when this host falls silent: `keepalived (812)` */
  readonly cluster: readonly string[];
  /** what the one who calls came through, where the guard would cut him off: `mosh-server (812)` */
  readonly cutArrival?: string;
};
