/** IP protocols that connection tracking knows by name. Pure. */

/** Those that conntrack has an extension for, and so a name in a saved line. Source: extensions/ of conntrack-tools */
export const PROTOCOLS: Readonly<Record<string, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  47: 'gre',
  58: 'icmpv6',
  132: 'sctp',
  136: 'udplite',
};
