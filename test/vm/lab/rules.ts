// The rulesets of the five firewalls, each with ssh, connection states, an IPv6 rule and a set; NAT where asked for.
// All let the lab's peer reach the echo server on port 7000.

export const KINDS = ['ufw', 'iptables-service', 'netfilter-persistent', 'nftables', 'firewalld'] as const;
export type Kind = (typeof KINDS)[number];

/** What the rules depend on. */
export type Choice = { nat: boolean };

const BLOCKED = ['192.0.2.10', '192.0.2.77', '198.51.100.0/24'];

/** For ipset(8) restore. */
export const IPSETS = [
  'create blocklist hash:net family inet hashsize 1024 maxelem 65536',
  ...BLOCKED.map((net) => `add blocklist ${net}`),
  '',
].join('\n');

/** For iptables-restore(8), in the order in which iptables-save prints it. */
export function iptablesRules(family: 4 | 6, { nat }: Choice): string {
  const [source, icmp] = family === 4 ? ['10.77.0.0/24', 'icmp'] : ['fd77::/64', 'ipv6-icmp'];
  const masquerade = [
    '*nat',
    ':PREROUTING ACCEPT [0:0]',
    ':INPUT ACCEPT [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ':POSTROUTING ACCEPT [0:0]',
    '-A POSTROUTING -s 10.99.0.0/24 -o eth0 -j MASQUERADE',
    'COMMIT',
  ];
  const filter = [
    '*filter',
    ':INPUT DROP [0:0]',
    ':FORWARD DROP [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    '-A INPUT -i lo -j ACCEPT',
    ...(family === 4 ? ['-A INPUT -m set --match-set blocklist src -j DROP'] : []),
    '-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    '-A INPUT -m conntrack --ctstate INVALID -j DROP',
    `-A INPUT -p ${icmp} -j ACCEPT`,
    '-A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT',
    `-A INPUT -s ${source} -p tcp -m tcp --dport 7000 -j ACCEPT`,
    `-A INPUT -s ${source} -p udp -m udp --dport 7000 -j ACCEPT`,
    '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    'COMMIT',
  ];
  return `${[...(nat && family === 4 ? masquerade : []), ...filter].join('\n')}\n`;
}

/** For nft(8) -f. */
export function nftRules({ nat }: Choice): string {
  const masquerade = `
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 10.99.0.0/24 oifname "eth0" masquerade
  }
}
`;
  return `#!/usr/sbin/nft -f
flush ruleset
table inet filter {
  set blocklist {
    type ipv4_addr
    flags interval
    elements = { ${BLOCKED.join(', ')} }
  }
  set trusted6 {
    type ipv6_addr
    elements = { 2001:db8::1, 2001:db8::2 }
  }
  counter ssh_in { }
  chain input {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    ip saddr @blocklist drop
    ct state vmap { established : accept, related : accept, invalid : drop }
    meta l4proto { icmp, ipv6-icmp } accept
    tcp dport 22 ct state new counter name "ssh_in" accept
    ip saddr 10.77.0.0/24 meta l4proto { tcp, udp } th dport 7000 accept
    ip6 saddr fd77::/64 meta l4proto { tcp, udp } th dport 7000 accept
    ip6 saddr @trusted6 tcp dport 443 accept
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
  }
}
${nat ? masquerade : ''}`;
}

/** Lines for the end of ufw's before.rules' filter table, and a nat table (ufw-framework(8)). */
export const UFW_SET_RULE = '-I ufw-before-input -m set --match-set blocklist src -j DROP';
export const UFW_NAT = [
  '*nat',
  ':POSTROUTING ACCEPT [0:0]',
  '-F POSTROUTING',
  '-A POSTROUTING -s 10.99.0.0/24 -o eth0 -j MASQUERADE',
  'COMMIT',
  '',
].join('\n');

/** What `ufw` is told, in order. */
export const UFW_COMMANDS = [
  'ufw allow 22/tcp',
  'ufw allow from 10.77.0.0/24 to any port 7000',
  'ufw allow from fd77::/64 to any port 7000',
  'ufw allow proto tcp from 2001:db8::/64 to any port 443',
];

/** firewalld's set (firewalld.ipset(5)). */
export const FIREWALLD_SET = `<?xml version="1.0" encoding="utf-8"?>
<ipset type="hash:net">
${BLOCKED.map((net) => `  <entry>${net}</entry>`).join('\n')}
</ipset>
`;

/** firewalld's public zone (firewalld.zone(5)). */
export function firewalldZone({ nat }: Choice): string {
  const rich = (family: string, from: string, action: string) => `  <rule family="${family}">${from}${action}</rule>`;
  const echo = '<port port="7000" protocol="tcp"/><accept/>';
  const lines = [
    '<?xml version="1.0" encoding="utf-8"?>',
    '<zone>',
    '  <short>Public</short>',
    '  <service name="ssh"/>',
    '  <port port="7000" protocol="udp"/>',
    ...(nat ? ['  <masquerade/>'] : []),
    rich('ipv4', '<source ipset="blocklist"/>', '<drop/>'),
    rich('ipv4', '<source address="10.77.0.0/24"/>', echo),
    rich('ipv6', '<source address="fd77::/64"/>', echo),
    '</zone>',
    '',
  ];
  return lines.join('\n');
}
