/** The Host port over a world: what programs and the kernel would do to it. */
import { posix } from 'node:path';
import { HostError } from '../../src/errors.ts';
import type { FileStat, Host, RunResult } from '../../src/host/host.ts';
import type { HostCommand } from '../../src/model.ts';
import { ctUsers, loadConntrack, loadNft, startUnit, stopUnit, UNITS, type World } from './world.ts';

const NET = '/proc/sys/net/netfilter/nf_conntrack_';
const HASHSIZE = '/sys/module/nf_conntrack/parameters/hashsize';
const ended = (code: number, stdout = '', stderr = ''): RunResult => ({ code, stdout, stderr });

/** @param at called before and after every call that can change something, with its words */
export function hostOver(world: World, at: (moment: string) => void = () => {}): Host {
  const change = <T>(words: string, effect: () => T): T => {
    at(`before ${words}`);
    const result = effect();
    at(`after ${words}`);
    return result;
  };
  return {
    kind: 'live',
    root: true,
    readFile: async (path) => readFile(world, path),
    readDir: async (dir) => namesIn(world, dir),
    readLink: async (path) => world.files.get(path)?.link,
    stat: async (path) => statOf(world, path),
    run: async ([program, ...words], options) => run(world, program, words, options?.input),
    replaceFile: async (path, file) => change(`file ${path}`, () => replaceFile(world, path, file)),
    replaceLink: async (path, target) => change(`link ${path}`, () => replaceLink(world, path, target)),
    writeValue: async (path, value) => change(`value ${path}`, () => writeValue(world, path, value)),
    perform: async (command, options) =>
      change(`do ${JSON.stringify(command)}`, () => perform(world, command, options?.input)),
  };
}

/** Files of the kernel, as they are now. */
function kernelFile(world: World, path: string): string | undefined {
  const self = `${world.pid} (ct) fix) R 1 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 ${world.pid}77 0`;
  if (path === '/proc/self/stat' || path === `/proc/${world.pid}/stat`) return self;
  if (path === '/proc/sys/kernel/random/boot_id') return `${world.bootId}\n`;
  if (path === '/proc/modules') return modulesOf(world);
  if (world.values === undefined) return undefined;
  if (path === '/sys/module/nf_conntrack/initstate') return 'live\n';
  if (path === `${NET}count`) return `${world.flows.size}\n`;
  if (path === HASHSIZE) return `${world.values.get('buckets')}\n`;
  if (path === '/proc/sys/net/nf_conntrack_max') return `${world.values.get('max')}\n`;
  const value = path.startsWith(NET) ? world.values.get(path.slice(NET.length)) : undefined;
  return value === undefined ? undefined : `${value}\n`;
}

function modulesOf(world: World): string {
  const users = ctUsers(world);
  const holders = [...(users > 0 ? ['nft_ct'] : []), ...(world.netlink ? ['nf_conntrack_netlink'] : [])];
  const line = (name: string, refs: number, by: readonly string[]) =>
    `${name} 16384 ${refs} ${by.map((each) => `${each},`).join('') || '-'} Live 0x0\n`;
  return [
    line('nf_tables', users, []),
    ...(users > 0 ? [line('nft_ct', users, [])] : []),
    ...(world.netlink ? [line('nf_conntrack_netlink', 0, [])] : []),
    ...(world.values === undefined ? [] : [line('nf_conntrack', holders.length, holders)]),
  ].join('');
}

const KERNEL_KEYS = ['count', 'max', 'buckets', 'tcp_timeout_established', 'acct'].map((key) => `${NET}${key}`);

function below(world: World, dir: string): readonly string[] {
  const live = [...KERNEL_KEYS, HASHSIZE].filter((path) => kernelFile(world, path) !== undefined);
  return [...world.files.keys(), ...world.dirs, ...live].filter((path) => path.startsWith(`${dir}/`));
}

const namesIn = (world: World, dir: string) =>
  [...new Set(below(world, dir).map((path) => path.slice(dir.length + 1).split('/')[0] ?? ''))].sort();

const isDir = (world: World, path: string) => path === '/' || world.dirs.has(path) || below(world, path).length > 0;

function readFile(world: World, path: string): string | undefined {
  const kernel = kernelFile(world, path);
  if (kernel !== undefined) return kernel;
  if (isDir(world, path) && !world.files.has(path)) throw new HostError(path, 'NOT_A_FILE', `${path} is a directory`);
  return world.files.get(path)?.text;
}

function statOf(world: World, path: string): FileStat | undefined {
  const node = world.files.get(path);
  const there = node !== undefined || kernelFile(world, path) !== undefined;
  if (!there && !isDir(world, path)) return undefined;
  const kind = !there ? 'dir' : node?.link === undefined ? 'file' : 'link';
  const inode = path === '/sys/module/nf_conntrack' ? world.inode : path.length;
  return { kind, mode: node?.mode ?? (there ? 0o644 : 0o755), uid: 0, gid: 0, inode, links: 1, size: 0 };
}

function replaceFile(world: World, path: string, file: { text: string; mode: number } | undefined): void {
  if (file !== undefined) {
    for (let dir = posix.dirname(path); !isDir(world, dir); dir = posix.dirname(dir)) world.dirs.add(dir);
    world.files.set(path, { text: file.text, mode: world.files.get(path)?.mode ?? file.mode });
    return;
  }
  if (!world.files.has(path) && below(world, path).length > 0) {
    throw new HostError(path, 'ENOTEMPTY', `${path} is not empty`);
  }
  // A directory does not go with its last file.
  if (world.files.delete(path)) world.dirs.add(posix.dirname(path));
  else world.dirs.delete(path);
}

function replaceLink(world: World, path: string, target: string | undefined): void {
  if (target === undefined && world.files.delete(path)) world.dirs.add(posix.dirname(path));
  if (target !== undefined) world.files.set(path, { text: '', mode: 0o777, link: target });
}

function writeValue(world: World, path: string, value: string): void {
  const key = path === HASHSIZE ? 'buckets' : path.slice(NET.length);
  if (world.values?.has(key) !== true) throw new HostError(path, 'ENOENT', `${path}: there is no such key`);
  if (!/^\d+$/.test(value)) throw new HostError(path, 'EINVAL', `${path}: not ${value}`);
  world.values.set(key, key === 'buckets' ? Math.ceil(Number(value) / 512) * 512 : Number(value));
}

const NO_TABLE = 'Error: No such file or directory\n';

/** Programs that only read. */
function run(world: World, program: string, words: readonly string[], input = ''): RunResult {
  if (program === 'nft') return runNft(world, words, input);
  if (program === 'ip') return ended(0, '10.0.0.2 from 10.0.0.1 dev eth0 uid 0\n');
  if (program === 'conntrack') return ended(0);
  if (program === 'cp') return ended(0, '  --attributes-only  copy no data\n');
  if (program === 'modprobe') {
    const probe = moduleOptions(world);
    return ended(0, `insmod /lib/modules/x/nf_conntrack.ko ${probe}\n`);
  }
  if (program === 'firewall-cmd') return ended(0, world.units.get('firewalld.service') === 'active' ? 'running\n' : '');
  if (program !== 'systemctl') return ended(127);
  if (words[0] === '--version') return ended(0, 'systemd 252 (x)\n');
  if (words[0] === 'is-active') return ended(3);
  const units = words.slice(words.indexOf('--') + 1);
  return ended(0, units.map((unit) => shown(world, unit)).join('\n'));
}

/** The options that modprobe would give. */
function moduleOptions(world: World): string {
  const texts = [...world.files].filter(([path]) => path.startsWith('/etc/modprobe.d/')).sort();
  return texts
    .flatMap(([, { text }]) => [...text.matchAll(/^options nf_conntrack (.*)$/gm)].map(([, all]) => all))
    .join(' ');
}

function shown(world: World, unit: string): string {
  const active = world.units.get(unit);
  const parts = Object.entries(UNITS).flatMap(([name, { partOf }]) => (partOf === unit ? [name] : []));
  const there = active === undefined ? 'not-found' : 'loaded';
  return `Id=${unit}\nLoadState=${there}\nActiveState=${active ?? 'inactive'}\nResult=success\nJob=\nConsistsOf=${parts.join(' ')}\n`;
}

function runNft(world: World, words: readonly string[], input: string): RunResult {
  if (words[0] === '--version') return ended(0, 'nftables v1.0.6\n');
  if (words[0] === '-c') return ended(loadNft(structuredClone(world), input) ? 0 : 1, '', 'Error: it does not load\n');
  const text = words.includes('table')
    ? world.tables.get(words.slice(-2).join(' '))
    : [...world.tables.values()].join('');
  if (text === undefined) return ended(1, '', NO_TABLE);
  return ended(0, words.includes('-s') ? text.replace(/counter packets \d+ bytes \d+/g, 'counter') : text);
}

/** Commands that change; one that is not known here is a mistake of the test. */
function perform(world: World, command: HostCommand, input = ''): RunResult {
  if ('log' in command || 'wall' in command || 'udev' in command) return ended(0);
  if ('rules' in command && command.rules === 'nft')
    return ended(loadNft(world, input) ? 0 : 1, '', 'Error: it does not load\n');
  if ('module' in command) return module(world, command.module, command.name);
  if ('flows' in command) return flows(world, command);
  if ('timer' in command) return ended(world.timers.set(`${command.timer}.timer`, command.run) ? 0 : 1);
  if ('unit' in command && command.name.endsWith('.timer')) {
    const there = world.timers.has(command.name);
    if (command.unit === 'stop') world.timers.delete(command.name);
    return ended(there ? 0 : 5);
  }
  if ('unit' in command) return unit(world, command.unit, command.name);
  throw new Error(`the world of the tests does not know ${JSON.stringify(command)}`);
}

function unit(world: World, how: string, name: string): RunResult {
  const parts = Object.entries(UNITS).flatMap(([part, { partOf }]) =>
    partOf === name && world.units.get(part) === 'active' ? [part] : [],
  );
  if (how === 'stop' || how === 'restart') stopUnit(world, name);
  if (how === 'start' || how === 'restart') startUnit(world, name);
  // A restart goes on to what is part of the unit (systemd.unit(5), PartOf=).
  if (how === 'restart') for (const part of parts) startUnit(world, part);
  return ended(0);
}

function module(world: World, how: 'load' | 'load-plain' | 'unload', name: string): RunResult {
  if (how !== 'unload') {
    loadConntrack(world, how === 'load-plain');
    if (name === 'nf_conntrack_netlink') world.netlink = true;
    return ended(0);
  }
  if (name === 'nf_conntrack_netlink') world.netlink = false;
  if (name === 'nft_ct') return ended(ctUsers(world) > 0 ? 1 : 0, '', 'rmmod: ERROR: Module nft_ct is in use');
  if (name !== 'nf_conntrack') return ended(0);
  if (ctUsers(world) > 0 || world.netlink) return ended(1, '', 'rmmod: ERROR: Module nf_conntrack is in use');
  world.values = undefined;
  world.flows.clear();
  return ended(0);
}

/** Whatever conntrack(8) is asked, nf_conntrack_netlink is loaded for it, and nf_conntrack with that. */
function flows(world: World, command: Extract<HostCommand, { flows: string }>): RunResult {
  loadConntrack(world);
  world.netlink = true;
  if (command.flows === 'flush') world.flows.clear();
  if (command.flows === 'save') return ended(0, [...world.flows].map((line) => `${line}\n`).join(''));
  if (command.flows !== 'load') return ended(0);
  const lines = (world.files.get(command.file)?.text ?? '').split('\n').filter((line) => line !== '');
  for (const line of lines) world.flows.add(line);
  return ended(0);
}
