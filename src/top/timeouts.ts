/** Which timeout a flow runs on, and what it is set to where nobody says otherwise. Pure. */
import { ownValues } from '../origin-defaults.ts';
import { PROTOCOLS } from '../protocols.ts';
import { ASSURED, UNREPLIED } from './flow.ts';

/** Those of protocols whose timeouts are the same in all kernels of today; SCTP's and DCCP's have to be told. */
const ASSUMED = [
  ...['syn_sent', 'syn_recv', 'established', 'fin_wait', 'close_wait', 'last_ack', 'time_wait', 'close'].map(
    (state) => `tcp_timeout_${state}`,
  ),
  ...['udp_timeout', 'udp_timeout_stream', 'icmp_timeout', 'icmpv6_timeout'],
  ...['gre_timeout', 'gre_timeout_stream', 'generic_timeout'],
];

/** The kernel's own values in seconds (since 5.0), by key below net.netfilter.nf_conntrack_. */
export const KERNEL_TIMEOUTS: Readonly<Record<string, number>> = Object.fromEntries(
  ASSUMED.map((key) => [key, Number(ownValues(key)[0])]),
);

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
