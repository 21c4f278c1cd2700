/** The guard: a stateless packet filter that lets nothing through but what keeps the host reachable. Pure. */
import type { Connection } from './model.ts';

/** How nft calls it. */
export const GUARD = 'inet ctfix_guard';

/**
 * Before the raw table (−300), so before everything that a firewall does: nf_ip_hook_priorities in
 * include/uapi/linux/netfilter_ipv4.h.
 */
const PRIORITY = -310;

/**
 * Input for nft that puts the guard in force, in the place of one that is there already. No `ct` in it: it must not
 * hold nf_conntrack. No set in it: old kernels keep those in modules of their own. What is forwarded goes through
 * prerouting too.
 * @param connections those that stay alive
 * @param how exactly: both ends as they are; again: the other end may come from any of its ports, so that an admin whose
 *   connection breaks can come back
 */
export function guardText(connections: readonly Connection[], how: 'exactly' | 'again' = 'exactly'): string {
  const inward = (each: Connection) => inRule(each, how === 'exactly');
  const outward = (each: Connection) => outRule(each, how === 'exactly');
  const chain = (name: string, hook: string, rules: readonly string[]) => [
    `\tchain ${name} {`,
    `\t\ttype filter hook ${hook} priority ${PRIORITY}; policy drop;`,
    ...rules.map((rule) => `\t\t${rule}`),
    '\t\tcounter drop',
    '\t}',
  ];
  return [
    `add table ${GUARD}`,
    `delete table ${GUARD}`,
    `table ${GUARD} {`,
    ...chain('in', 'prerouting', ['iif "lo" accept', ...ICMP, ...DHCP_IN, ...connections.map(inward)]),
    ...chain('out', 'output', ['oif "lo" accept', ...ICMP, ...DHCP_OUT, ...connections.map(outward)]),
    '}',
    '',
  ].join('\n');
}

/** Input for nft that takes it away, whether it is there or not. */
export const GUARD_GONE = `add table ${GUARD}\ndelete table ${GUARD}\n`;

/** Neighbour discovery and router advertisements are ICMPv6: RFC 4861. */
const ICMP = ['meta l4proto icmp accept', 'meta l4proto ipv6-icmp accept'];
/** This host as a client: RFC 2131 section 4.1, RFC 8415 section 7.2. */
const DHCP_IN = [
  'meta nfproto ipv4 udp sport 67 udp dport 68 accept',
  'meta nfproto ipv6 udp sport 547 udp dport 546 accept',
];
const DHCP_OUT = [
  'meta nfproto ipv4 udp sport 68 udp dport 67 accept',
  'meta nfproto ipv6 udp sport 546 udp dport 547 accept',
];

function inRule({ family, ours, ourPort, theirs, theirPort }: Connection, exactly: boolean): string {
  const ip = family === 4 ? 'ip' : 'ip6';
  const from = exactly ? ` tcp sport ${theirPort}` : '';
  return `${ip} saddr ${theirs} ${ip} daddr ${ours}${from} tcp dport ${ourPort} accept`;
}

function outRule({ family, ours, ourPort, theirs, theirPort }: Connection, exactly: boolean): string {
  const ip = family === 4 ? 'ip' : 'ip6';
  const to = exactly ? ` tcp dport ${theirPort}` : '';
  return `${ip} saddr ${ours} ${ip} daddr ${theirs} tcp sport ${ourPort}${to} accept`;
}

/** What a listing of the guard says; undefined when it is not the guard as it is made here. */
export type GuardSeen = {
  /** packets that were dropped, forwarded ones among those that came in */
  readonly keptOut: number;
  readonly heldBack: number;
  /** ssh connections that are let through */
  readonly connections: number;
};

/** @param listing what `nft list table inet ctfix_guard` printed; it gives priorities by name (`raw - 10`) */
export function guardSeen(listing: string): GuardSeen | undefined {
  const chain = (hook: string) =>
    new RegExp(`hook ${hook} priority [^;]+; policy drop;\\n([\\s\\S]*?)\\n\\t\\}`).exec(listing)?.[1];
  const [inside, outside] = [chain('prerouting'), chain('output')];
  const keptOut = dropped(inside);
  const heldBack = dropped(outside);
  if (inside === undefined || keptOut === undefined || heldBack === undefined) return undefined;
  return { keptOut, heldBack, connections: inside.match(/tcp dport/g)?.length ?? 0 };
}

function dropped(rules: string | undefined): number | undefined {
  const packets = /^\t\tcounter packets (\d+) bytes \d+ drop$/m.exec(rules ?? '')?.[1];
  return packets === undefined ? undefined : Number(packets);
}
