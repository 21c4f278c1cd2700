/** The values that a fresh table has, where no file and nobody sets them. Pure. */

/**
 * By the name below net.netfilter.nf_conntrack_; several where kernels differ, the newer one first.
 * - timeouts: nf_conntrack_proto_*.c, the same from 3.10 to 7.1 but for udp_timeout_stream (180, then 120),
 *   sctp_timeout_established (432000, then 210) and sctp_timeout_shutdown_* (0.3 s, which reads as 0, then 3); stable
 *   series and vendors took these over at different times
 * - of older kernels alone: sctp_timeout_heartbeat_acked (its state became that of established SCTP paths), and
 *   udplite_* (nf_conntrack_proto_udplite.c, before it was merged into nf_conntrack_proto_udp.c)
 * - events: 1 before 5.19, then 2 (only where somebody listens); helper: 1 before 4.7
 */
const OWN_VALUES: Readonly<Record<string, readonly [string, ...string[]]>> = {
  acct: ['0'],
  checksum: ['1'],
  dccp_loose: ['1'],
  dccp_timeout_closereq: ['64'],
  dccp_timeout_closing: ['64'],
  dccp_timeout_open: ['43200'],
  dccp_timeout_partopen: ['480'],
  dccp_timeout_request: ['240'],
  dccp_timeout_respond: ['480'],
  dccp_timeout_timewait: ['240'],
  events: ['2', '1'],
  events_retry_timeout: ['15'],
  frag6_high_thresh: ['4194304'],
  frag6_low_thresh: ['3145728'],
  frag6_timeout: ['60'],
  generic_timeout: ['600'],
  gre_timeout: ['30'],
  gre_timeout_stream: ['180'],
  helper: ['0', '1'],
  icmp_timeout: ['30'],
  icmpv6_timeout: ['30'],
  log_invalid: ['0'],
  sctp_timeout_closed: ['10'],
  sctp_timeout_cookie_echoed: ['3'],
  sctp_timeout_cookie_wait: ['3'],
  sctp_timeout_established: ['210', '432000'],
  sctp_timeout_heartbeat_acked: ['210'],
  sctp_timeout_heartbeat_sent: ['30'],
  sctp_timeout_shutdown_ack_sent: ['3'],
  sctp_timeout_shutdown_recd: ['3', '0'],
  sctp_timeout_shutdown_sent: ['3', '0'],
  tcp_be_liberal: ['0'],
  tcp_ignore_invalid_rst: ['0'],
  tcp_loose: ['1'],
  tcp_max_retrans: ['3'],
  tcp_timeout_close: ['10'],
  tcp_timeout_close_wait: ['60'],
  tcp_timeout_established: ['432000'],
  tcp_timeout_fin_wait: ['120'],
  tcp_timeout_last_ack: ['30'],
  tcp_timeout_max_retrans: ['300'],
  tcp_timeout_syn_recv: ['60'],
  tcp_timeout_syn_sent: ['120'],
  tcp_timeout_time_wait: ['120'],
  tcp_timeout_unacknowledged: ['300'],
  timestamp: ['0'],
  udp_timeout: ['30'],
  udp_timeout_stream: ['120', '180'],
  udplite_timeout: ['30'],
  udplite_timeout_stream: ['180'],
};

/** What this kernel, or another one, starts with; [] where that is not known. */
export function ownValues(name: string): readonly string[] {
  return OWN_VALUES[name] ?? [];
}

/** The names below net.netfilter.nf_conntrack_ that some kernel has. */
export function knownNames(): readonly string[] {
  return ['max', 'buckets', 'count', 'expect_max', ...Object.keys(OWN_VALUES)];
}
