/** Which timeout a flow runs on, and what it is set to where nobody says otherwise. Pure. */
import { ASSURED, UNREPLIED } from './flow.ts';
import { PROTOCOLS } from './latin.ts';

/**
 * The kernel's own values in seconds, by key below net.netfilter.nf_conntrack_. Sources: tcp_timeouts, udp_timeouts …
 * in nf_conntrack_proto_*.c (since 5.0; udp_timeout_stream was 180 before).
 */
export const KERNEL_TIMEOUTS: Readonly<Record<string, number>> = {
  tcp_timeout_syn_sent: 120,
  tcp_timeout_syn_recv: 60,
  tcp_timeout_established: 432000,
  tcp_timeout_fin_wait: 120,
  tcp_timeout_close_wait: 60,
  tcp_timeout_last_ack: 30,
  tcp_timeout_time_wait: 120,
  tcp_timeout_close: 10,
  udp_timeout: 30,
  udp_timeout_stream: 120,
  icmp_timeout: 30,
  icmpv6_timeout: 30,
  gre_timeout: 30,
  gre_timeout_stream: 180,
  generic_timeout: 600,
};

/** Protocols whose timeouts go by the state that a listing names. */
const STATEFUL: readonly string[] = ['tcp', 'sctp', 'dccp'];

/**
 * The key of the timeout that a flow of this kind has, e.g. `tcp_timeout_established`.
 * UDP has the longer one once it is assured (nf_conntrack_udp_packet), GRE once it is answered (gre_packet).
 * @param state as the listing names it, '' for none
 */
export function timeoutOf(protocol: number, state: string, flags: number): string {
  const name = PROTOCOLS[protocol];
  if (name === undefined) return 'generic_timeout';
  if (STATEFUL.includes(name)) return `${name}_timeout_${state.toLowerCase()}`;
  if (name === 'udp' || name === 'udplite') return (flags & ASSURED) !== 0 ? 'udp_timeout_stream' : 'udp_timeout';
  if (name === 'gre') return (flags & UNREPLIED) !== 0 ? 'gre_timeout' : 'gre_timeout_stream';
  return `${name}_timeout`;
}

/** Timeouts that no state of a flow stands for: a listing does not tell who runs on them. */
export function isSeen(key: string): boolean {
  return !/^(frag6_timeout|tcp_timeout_(max_retrans|unacknowledged))$/.test(key);
}
