// The five firewalls, as an administrator would have them: a realistic ruleset, the unit enabled and started, and
// fail2ban beside it with a ban in place.
import type { Guest } from '../guest.ts';
import {
  type Choice,
  FIREWALLD_SET,
  firewalldZone,
  IPSETS,
  iptablesRules,
  type Kind,
  nftRules,
  UFW_COMMANDS,
  UFW_NAT,
  UFW_SET_RULE,
} from './rules.ts';

export { KINDS, type Kind } from './rules.ts';
export { expectRuleset, ruleset } from './ruleset.ts';

/** The address that fail2ban has banned. */
export const BANNED = '203.0.113.9';

/** The units of a firewall, in the order in which they are started. */
export const UNITS: Record<Kind, string[]> = {
  ufw: ['ufw'],
  'iptables-service': ['ipset', 'iptables', 'ip6tables'],
  'netfilter-persistent': ['netfilter-persistent'],
  nftables: ['nftables'],
  firewalld: ['firewalld'],
};

const NAT_BY_DEFAULT: Kind[] = ['netfilter-persistent', 'nftables'];

const INSTALL: Record<Kind, (vm: Guest, choice: Choice) => Promise<unknown>> = {
  ufw: installUfw,
  'iptables-service': installIptablesService,
  'netfilter-persistent': installNetfilterPersistent,
  nftables: (vm, choice) => vm.put('/etc/nftables.conf', nftRules(choice), 0o755),
  firewalld: async (vm, choice) => {
    await vm.put('/etc/firewalld/ipsets/blocklist.xml', FIREWALLD_SET);
    await vm.put('/etc/firewalld/zones/public.xml', firewalldZone(choice));
  },
};

export type SetUp = Partial<Choice> & { fail2ban?: boolean };

/** Puts a firewall in force, with fail2ban and a ban beside it. NAT where it is customary, or as asked. */
export async function setUp(vm: Guest, kind: Kind, { nat, fail2ban = true }: SetUp = {}): Promise<void> {
  await INSTALL[kind](vm, { nat: nat ?? NAT_BY_DEFAULT.includes(kind) });
  await vm.sh(`systemctl daemon-reload && systemctl enable --quiet --now ${UNITS[kind].join(' ')}`, {
    timeout: 300_000,
  });
  await settled(vm, kind);
  if (fail2ban) await ban(vm, kind);
}

/** Waits until the unit's rules are in: firewalld's start returns before they are. */
export async function settled(vm: Guest, kind: Kind): Promise<void> {
  if (kind !== 'firewalld') return;
  await vm.waitFor('firewall-cmd --state && firewall-cmd --list-all >/dev/null', 'firewalld runs', 240_000);
}

/** Are all units of this firewall active, and do its rules filter (policy or chains present)? */
export async function active(vm: Guest, kind: Kind): Promise<boolean> {
  const sign: Record<Kind, string> = {
    ufw: 'iptables-nft -S ufw-user-input',
    'iptables-service':
      'iptables-legacy -S INPUT | grep -q "^-P INPUT DROP" && ip6tables-legacy -S INPUT | grep -q 7000',
    'netfilter-persistent': 'iptables-nft -S INPUT | grep -q "^-P INPUT DROP"',
    nftables: 'nft list chain inet filter input',
    firewalld: 'firewall-cmd --state && nft list chain inet firewalld filter_INPUT',
  };
  const { code } = await vm.run(`systemctl is-active ${UNITS[kind].join(' ')} && ${sign[kind]}`);
  return code === 0;
}

// Upstream's unit follows every firewall unit; Debian's follows firewalld alone, and a restart of the others loses its
// bans. Only the firewall in force is named: firewalld conflicts with the others, and its restart would stop fail2ban.
const FOLLOWED: Kind[] = ['iptables-service', 'netfilter-persistent', 'nftables'];

/** The drop-in that lets fail2ban restart with its firewall; a scenario may remove it. */
const FAIL2BAN_DROP_IN = '/etc/systemd/system/fail2ban.service.d/firewall.conf';

async function ban(vm: Guest, kind: Kind): Promise<void> {
  const action = kind === 'nftables' || kind === 'firewalld' ? 'nftables-multiport' : 'iptables-multiport';
  const jail = `[DEFAULT]\nbanaction = ${action}\nbantime = -1\n[sshd]\nenabled = true\nbackend = systemd\n`;
  await vm.put('/etc/fail2ban/jail.local', jail);
  const followed = UNITS[kind].map((unit) => `${unit}.service`).join(' ');
  if (FOLLOWED.includes(kind)) await vm.put(FAIL2BAN_DROP_IN, `[Unit]\nPartOf=${followed}\n`);
  await vm.sh('systemctl daemon-reload && systemctl enable --quiet --now fail2ban');
  await vm.waitFor('fail2ban-client ping', 'fail2ban answers');
  await vm.sh(`fail2ban-client set sshd banip ${BANNED}`);
  await vm.waitFor(`/usr/local/lib/ctfix-test/ruleset.sh | grep -F ${BANNED}`, 'the ban is in the ruleset');
}

async function installUfw(vm: Guest, { nat }: Choice): Promise<void> {
  await vm.put('/etc/ufw/ipsets', IPSETS);
  const init = '#!/bin/sh\ncase "$1" in start) ipset restore -exist -file /etc/ufw/ipsets ;; esac\n';
  await vm.put('/etc/ufw/before.init', init, 0o755);
  await vm.sh(`sed -i 's/^COMMIT$/${UFW_SET_RULE}\\nCOMMIT/' /etc/ufw/before.rules`);
  if (nat) await vm.sh(`cat >>/etc/ufw/before.rules`, { input: UFW_NAT });
  await vm.sh(UFW_COMMANDS.join(' && '));
  await vm.sh(`sed -i 's/^ENABLED=no/ENABLED=yes/' /etc/ufw/ufw.conf`); // as `ufw enable` does
}

async function installIptablesService(vm: Guest, choice: Choice): Promise<void> {
  await stage(vm, 'iptables-service');
  // CentOS 7 has the legacy tables only.
  await vm.sh('for i in iptables ip6tables; do update-alternatives --quiet --set $i /usr/sbin/$i-legacy; done');
  await vm.put('/etc/sysconfig/iptables', iptablesRules(4, choice), 0o600);
  await vm.put('/etc/sysconfig/ip6tables', iptablesRules(6, choice), 0o600);
  await vm.put('/etc/sysconfig/ipset', IPSETS, 0o600);
  for (const name of ['iptables', 'ip6tables']) {
    await vm.put(`/etc/sysconfig/${name}-config`, 'IPTABLES_MODULES=""\nIPTABLES_MODULES_UNLOAD="yes"\n', 0o600);
  }
}

async function installNetfilterPersistent(vm: Guest, choice: Choice): Promise<void> {
  await stage(vm, 'netfilter-persistent');
  await vm.put('/etc/iptables/rules.v4', iptablesRules(4, choice), 0o640);
  await vm.put('/etc/iptables/rules.v6', iptablesRules(6, choice), 0o640);
  await vm.put('/etc/iptables/ipsets', IPSETS, 0o640);
}

/** Installs a package that cannot be in the image beside the others. */
async function stage(vm: Guest, name: string): Promise<void> {
  await vm.sh(`cp -a --no-preserve=ownership /usr/share/ctfix-test/${name}/. / && systemctl daemon-reload`);
}
