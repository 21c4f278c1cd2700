/**
 * A whole host as one value that can be copied: files, module, rules, units, flows, timers. What a crash leaves is a copy
 * of it, whatever the process that died was about to do.
 */
import { nftTables, nftUses } from '../../src/facts/rules-nft.ts';
import { DEBIAN } from './debian.ts';

type Node = { readonly text: string; readonly mode: number; readonly link?: string };

export type World = {
  files: Map<string, Node>;
  /** directories that are there though nothing is in them */
  dirs: Set<string>;
  bootId: string;
  pid: number;
  /** grows with every load of nf_conntrack */
  inode: number;
  /** loaded modules that hold nf_conntrack, nf_conntrack itself by `values` */
  netlink: boolean;
  /** the keys below net.netfilter.nf_conntrack_; undefined: the module is not loaded */
  values: Map<string, number> | undefined;
  /** nf_tables: `inet mine` → its text, in the order of creation */
  tables: Map<string, string>;
  units: Map<string, 'active' | 'inactive'>;
  /** what each runs */
  timers: Map<string, readonly string[]>;
  /** lines as `conntrack -L -o save` prints them */
  flows: Set<string>;
};

const table = (name: string, rule: string): string =>
  `table ${name} {\n\tchain c {\n\t\ttype filter hook input priority 10; policy accept;\n\t\t${rule}\n\t}\n}\n`;

/** What a start of each unit brings into the kernel. */
export const UNITS: Readonly<Record<string, { readonly tables: readonly string[]; readonly partOf?: string }>> = {
  'firewalld.service': { tables: [table('inet firewalld', 'ct state established accept')] },
  'fail2ban.service': { tables: [table('inet f2b-table', 'ip saddr 192.0.2.9 drop')], partOf: 'firewalld.service' },
  'nftables.service': { tables: [table('inet site', 'ct state invalid drop'), table('ip plain', 'tcp dport 25 drop')] },
};
/** Belongs to no unit. */
export const BY_HAND = table('ip byhand', 'ct state new accept');

const DEFAULTS = { max: 65536, buckets: 65536, tcp_timeout_established: 432000, acct: 0 };
const SSH = '/proc/900';
const FILES: Readonly<Record<string, string>> = {
  ...DEBIAN,
  '/lib/modules/6.1.0-56-cloud-amd64/modules.dep': 'kernel/net/netfilter/nf_conntrack.ko:\n',
  '/sys/module/nf_tables/initstate': 'live\n',
  '/sys/module/nfnetlink/initstate': 'live\n',
  '/usr/lib/systemd/systemd-sysctl': '',
  // One ssh connection of an admin.
  [`${SSH}/status`]: 'Uid:\t0\t0\t0\t0\n',
  '/proc/net/tcp':
    '  sl\n   0: 0100000A:0016 0200000A:C001 01 00000000:00000000 02:000AF0C8 00000000     0        0 77 2 0 20\n',
};
const LINKS: Readonly<Record<string, string>> = {
  '/proc/self/ns/net': 'net:[1]',
  [`${SSH}/ns/net`]: 'net:[1]',
  [`${SSH}/exe`]: '/usr/sbin/sshd',
  [`${SSH}/fd/3`]: 'socket:[77]',
};
const PROGRAMS = [
  'local/sbin/ctfix',
  'bin/udevadm',
  'sbin/modprobe',
  'sbin/rmmod',
  'bin/systemctl',
  'sbin/nft',
  'sbin/conntrack',
];

/** A running Debian with these units active and these tables loaded by hand. */
export function worldWith(units: readonly string[] = [], tables: readonly string[] = []): World {
  const files = new Map<string, Node>();
  for (const [path, text] of Object.entries(FILES)) files.set(path, { text, mode: 0o644 });
  for (const [path, link] of Object.entries(LINKS)) files.set(path, { text: '', mode: 0o777, link });
  for (const path of PROGRAMS) files.set(`/usr/${path}`, { text: '', mode: 0o755 });
  for (const unit of units) files.set(`/usr/lib/systemd/system/${unit}`, { text: '', mode: 0o644 });
  const world: World = {
    files,
    dirs: new Set(['/etc/modprobe.d', '/etc/sysctl.d', '/etc/udev/rules.d']),
    bootId: 'boot-1',
    pid: 100,
    inode: 5000,
    netlink: false,
    values: undefined,
    tables: new Map(),
    units: new Map(units.map((unit) => [unit, 'inactive'])),
    timers: new Map(),
    flows: new Set(),
  };
  loadConntrack(world);
  for (const text of tables) loadNft(world, text);
  for (const unit of units) startUnit(world, unit);
  return world;
}

/** Another process from now on: the one before is gone. */
export const killed = (world: World): World => ({ ...structuredClone(world), pid: world.pid + 1 });

/** A boot as far as local-fs.target: nothing of the kernel's memory is left, no unit has started. */
export function booted(world: World): World {
  const next = killed(world);
  for (const path of next.files.keys()) if (/^\/run\/(ctfix|motd)/.test(path)) next.files.delete(path);
  for (const path of next.dirs) if (path.startsWith('/run/')) next.dirs.delete(path);
  for (const unit of next.units.keys()) next.units.set(unit, 'inactive');
  const bootId = `boot-${Number(world.bootId.slice(5)) + 1}`;
  return { ...next, bootId, netlink: false, values: undefined, tables: new Map(), timers: new Map(), flows: new Set() };
}

/** The rest of the boot: the firewalls start, and the first rule that needs the module loads it. */
export function started(world: World, tables: readonly string[] = []): World {
  const next = structuredClone(world);
  for (const text of tables) loadNft(next, text);
  for (const unit of next.units.keys()) startUnit(next, unit);
  loadConntrack(next);
  return next;
}

/** Loads the module with what modprobe.d says; the udev rule then applies sysctl.d, where there is one. */
export function loadConntrack(world: World, plain = false): void {
  if (world.values !== undefined) return;
  const below = (dir: string) => [...world.files].filter(([path]) => path.startsWith(dir)).sort();
  const texts = (dir: string) =>
    below(dir)
      .map(([, { text }]) => text)
      .join('\n');
  const sizes = [...texts('/etc/modprobe.d/').matchAll(/^options nf_conntrack .*\bhashsize=(\d+)/gm)];
  const size = plain ? undefined : sizes.at(-1)?.[1];
  const buckets = size === undefined ? DEFAULTS.buckets : Math.ceil(Number(size) / 512) * 512;
  world.values = new Map(
    Object.entries({ ...DEFAULTS, buckets, max: size === undefined ? DEFAULTS.max : 8 * buckets }),
  );
  world.inode += 1;
  if (!/systemd-sysctl/.test(texts('/etc/udev/rules.d/'))) return;
  for (const [, key = '', value] of texts('/etc/sysctl.d/').matchAll(
    /^net\.netfilter\.nf_conntrack_(\w+) = (\d+)$/gm,
  )) {
    if (world.values.has(key)) world.values.set(key, Number(value));
  }
}

/** How many expressions of the rules hold nft_ct, and nft_ct the module. */
export function ctUsers(world: World): number {
  const tables = nftTables([...world.tables.values()].join(''));
  return tables.reduce((sum, each) => sum + (nftUses(each).nft_ct ?? 0), 0);
}

/** `nft -f -`: all or nothing; false where it refuses. A rule with ct loads the module. */
export function loadNft(world: World, input: string): boolean {
  const tables = new Map(world.tables);
  const named = (line: string) => line.split(' ').slice(2).join(' ');
  for (const part of input.split(/^(?=add table |delete table |table )/m)) {
    const line = part.split('\n')[0] ?? '';
    if (line.startsWith('add table')) tables.set(named(line), tables.get(named(line)) ?? '');
    else if (line.startsWith('delete table')) {
      if (!tables.delete(named(line))) return false;
    } else if (line.startsWith('table')) {
      const name = line.split(' ').slice(1, 3).join(' ');
      // What is there already would be added to: that is never what is wanted here.
      if ((tables.get(name) ?? '') !== '') return false;
      tables.set(name, part.replaceAll('counter drop', 'counter packets 1 bytes 60 drop'));
    }
  }
  for (const [name, text] of tables) if (text === '') tables.set(name, `table ${name} {\n}\n`);
  world.tables = tables;
  if (ctUsers(world) > 0) loadConntrack(world);
  return true;
}

/** A start of what runs already does nothing. */
export function startUnit(world: World, unit: string): void {
  const { tables } = UNITS[unit] ?? { tables: [] };
  if (world.units.get(unit) === 'active') return;
  for (const text of tables) {
    const name = text.split(' ').slice(1, 3).join(' ');
    loadNft(world, `add table ${name}\ndelete table ${name}\n${text}`);
  }
  world.units.set(unit, 'active');
}

/** nftables.service flushes everything; the others take away what is theirs, and stop what is part of them. */
export function stopUnit(world: World, unit: string): void {
  const { tables } = UNITS[unit] ?? { tables: [] };
  if (world.units.get(unit) !== 'active') return;
  for (const [name, { partOf }] of Object.entries(UNITS)) if (partOf === unit) stopUnit(world, name);
  if (unit === 'nftables.service') world.tables.clear();
  for (const text of tables) world.tables.delete(text.split(' ').slice(1, 3).join(' '));
  world.units.set(unit, 'inactive');
}
