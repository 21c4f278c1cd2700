/** The changes whose every moment is a death: each strategy, with what it can meet. */
import type { Case } from './matrix.ts';
import { BY_HAND, type World, worldWith } from './world.ts';

function world(
  units: readonly string[],
  tables: readonly string[] = [],
  files: Readonly<Record<string, string>> = {},
): World {
  const made = worldWith(units, tables);
  for (const port of [1, 2, 3]) made.flows.add(`-A -t 300 -s 10.0.0.1 -d 10.0.0.2 -p tcp --sport ${port} --dport 22`);
  for (const [path, text] of Object.entries(files)) made.files.set(path, { text, mode: 0o640 });
  return made;
}

const FIREWALL = ['firewalld.service', 'fail2ban.service'];
const FOREIGN = {
  '/etc/modprobe.d/nf_conntrack.conf': '# ours\r\noptions nf_conntrack expect_hashsize=64\n# no end of line',
};
const LATER = { '/etc/sysctl.d/99-z.conf': '# mine\r\nnet/netfilter/nf_conntrack_max=7\r\n' };

function unloaded(): World {
  const made = worldWith([]);
  made.values = undefined;
  return made;
}

export const LIVE: readonly Case[] = [
  { name: 'live', world: world(FIREWALL, [], FOREIGN), options: { max: 300000, timeouts: { tcp_established: 86400 } } },
  { name: 'live, smaller', world: world(FIREWALL), options: { max: 32768, hashsize: 32768, allowShrink: true } },
  { name: 'live, a later file taken over', world: world([], [], LATER), options: { max: 300000, takeOver: true } },
  { name: 'persist', world: world(FIREWALL), options: { max: 300000, strategy: 'persist' } },
  { name: 'persist, the module is not loaded', world: unloaded(), options: { max: 300000 } },
];

export const CONFIRM: readonly Case[] = [
  { name: 'live, to be confirmed', world: world(FIREWALL), options: { max: 300000 }, confirmWithin: 600 },
  {
    name: 'persist, to be confirmed',
    world: world(FIREWALL),
    options: { max: 300000, strategy: 'persist' },
    confirmWithin: 600,
  },
];

export const RELOAD: readonly Case[] = [
  {
    name: 'reload, firewalld, fail2ban along, a table by hand',
    world: world(FIREWALL, [BY_HAND], FOREIGN),
    atBoot: [BY_HAND],
    options: { max: 300000, strategy: 'reload' },
  },
  {
    name: 'reload, nftables.service, to be confirmed',
    world: world(['nftables.service']),
    options: { max: 300000, strategy: 'reload' },
    confirmWithin: 600,
  },
  {
    name: 'reload without guard and flows',
    world: world(FIREWALL),
    options: { max: 300000, strategy: 'reload', guard: false, carry: false },
  },
];
