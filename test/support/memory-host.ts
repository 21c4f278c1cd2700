/** A host in memory: a file tree and a kernel that rounds, counts and refuses as the real one does. */

import { posix } from 'node:path';
import { HostError } from '../../src/errors.ts';
import type { FileStat, Host, RunResult } from '../../src/host/host.ts';
import type { HostCommand } from '../../src/model.ts';
import { DEBIAN } from './debian.ts';

type Node = { readonly text: string; readonly mode: number; readonly link?: string };

export type Memory = {
  readonly host: Host;
  /** files by path; a directory is there when a file is below it or it is listed in `dirs` */
  readonly files: Map<string, Node>;
  readonly dirs: Set<string>;
  readonly kernel: Kernel;
  readonly performed: HostCommand[];
  /** every file and live value below /etc, /proc/sys/net and /sys, to compare two moments */
  snapshot(): Record<string, unknown>;
  /** what a boot does: another boot id, and these values */
  boot(kernel: Partial<Kernel>): void;
  /** another process from now on: the one before is gone */
  restart(): void;
};

export type Kernel = { max: number; buckets: number; count: number; established: number; bootId: string; pid: number };

const NET = '/proc/sys/net/netfilter/nf_conntrack_';
const HASHSIZE = '/sys/module/nf_conntrack/parameters/hashsize';
const DEFAULTS: Kernel = { max: 65536, buckets: 65536, count: 1000, established: 432000, bootId: 'boot-1', pid: 100 };
const PROGRAMS = ['/usr/local/sbin/ctfix', '/usr/bin/udevadm', '/usr/sbin/modprobe', '/usr/bin/systemctl'];

/** What a plain Debian has, as far as gather looks at it. */
const SYSTEM: Record<string, string> = {
  ...DEBIAN,
  '/proc/modules': 'nf_conntrack 208896 0 - Live 0x0000000000000000\n',
  '/sys/module/nf_conntrack/initstate': 'live\n',
  '/sys/module/nf_conntrack/refcnt': '0\n',
};

/** @param files more files, or undefined to take one away; @param kernel live values that differ from the defaults */
export function memoryHost(files: Record<string, string | undefined> = {}, kernel: Partial<Kernel> = {}): Memory {
  const state: Kernel = { ...DEFAULTS, ...kernel };
  const tree = new Map<string, Node>();
  const dirs = new Set(['/etc/modprobe.d', '/etc/sysctl.d', '/etc/udev/rules.d', '/sys/module/nf_conntrack/holders']);
  for (const [path, text] of Object.entries({ ...SYSTEM, ...files })) {
    if (text !== undefined) tree.set(path, { text, mode: 0o644 });
  }
  for (const path of PROGRAMS) if (!(path in files)) tree.set(path, { text: '', mode: 0o755 });
  const performed: HostCommand[] = [];
  const live = liveValues(state);
  const has = (path: string) => tree.has(path) || path in live;
  const below = (dir: string) => [...tree.keys(), ...dirs, ...Object.keys(live)].filter((p) => p.startsWith(`${dir}/`));
  const isDir = (path: string) => path === '/' || dirs.has(path) || below(path).length > 0;
  const stat = (path: string): FileStat | undefined => {
    if (!has(path) && !isDir(path)) return undefined;
    const mode = tree.get(path)?.mode ?? (has(path) ? 0o644 : 0o755);
    const kind = !has(path) ? 'dir' : tree.get(path)?.link === undefined ? 'file' : 'link';
    return { kind, mode, uid: 0, gid: 0, inode: path.length, links: 1, size: tree.get(path)?.text.length ?? 0 };
  };
  const host: Host = {
    kind: 'live',
    root: true,
    readFile: async (path) => {
      if (path in live) return `${live[path]?.get()}\n`;
      if (isDir(path) && !tree.has(path)) throw new HostError(path, 'NOT_A_FILE', `${path} is a directory`);
      return tree.get(path)?.text;
    },
    readDir: async (dir) =>
      [...new Set(below(dir).map((path) => path.slice(dir.length + 1).split('/')[0] ?? ''))].sort(),
    readLink: async (path) => tree.get(path)?.link,
    stat: async (path) => stat(path),
    run: async (argv) => run(argv, tree),
    replaceFile: async (path, file) => {
      if (file !== undefined) {
        for (let dir = posix.dirname(path); dir !== '/' && !isDir(dir); dir = posix.dirname(dir)) dirs.add(dir);
        tree.set(path, { text: file.text, mode: tree.get(path)?.mode ?? file.mode });
        return;
      }
      if (!tree.has(path) && below(path).length > 0) throw new HostError(path, 'ENOTEMPTY', `${path} is not empty`);
      // A directory does not go with its last file.
      if (tree.delete(path)) dirs.add(posix.dirname(path));
      else dirs.delete(path);
    },
    replaceLink: async (path, target) => {
      if (target === undefined && tree.delete(path)) dirs.add(posix.dirname(path));
      if (target !== undefined) tree.set(path, { text: '', mode: 0o777, link: target });
    },
    writeValue: async (path, value) => {
      const key = live[path];
      if (key === undefined) throw new HostError(path, 'ENOENT', `${path}: there is no such key`);
      if (!/^\d+$/.test(value) || !key.set(Number(value))) throw new HostError(path, 'EINVAL', `${path}: not ${value}`);
    },
    perform: async (command) => {
      performed.push(command);
      return { code: 0, stdout: '', stderr: '' };
    },
  };
  return {
    host,
    files: tree,
    dirs,
    kernel: state,
    performed,
    snapshot: () => ({
      files: Object.fromEntries([...tree].filter(([path]) => path.startsWith('/etc/')).sort()),
      dirs: [...new Set(below('/etc').flatMap((path) => (dirs.has(path) ? [path] : [posix.dirname(path)])))].sort(),
      live: Object.fromEntries(
        Object.entries(live)
          .filter(([path]) => !/count|random|stat/.test(path))
          .map(([path, { get }]) => [path, get()]),
      ),
    }),
    boot: (next) => Object.assign(state, { bootId: `boot-${state.bootId.length}`, pid: state.pid + 1, ...next }),
    restart: () => {
      state.pid += 1;
    },
  };
}

type Value = { get(): number | string; set(value: number): boolean };

/** The keys of the kernel; `set` gives false for EINVAL. Buckets are rounded up to pages of 512 pointers. */
function liveValues(state: Kernel): Record<string, Value> {
  const resize = (value: number) => {
    if (value < 1) return false;
    state.buckets = Math.ceil(value / 512) * 512;
    return true;
  };
  const number = (key: 'max' | 'established') => ({
    get: () => state[key],
    set: (value: number) => {
      state[key] = value;
      return true;
    },
  });
  const fixed = (get: () => number | string) => ({ get, set: () => false });
  const stat = () => `${state.pid} (ct) fix) R 1 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 ${state.pid}77 0`;
  const values: Record<string, Value> = {
    [`${NET}max`]: number('max'),
    '/proc/sys/net/nf_conntrack_max': number('max'),
    [`${NET}tcp_timeout_established`]: number('established'),
    [`${NET}buckets`]: { get: () => state.buckets, set: resize },
    [HASHSIZE]: { get: () => state.buckets, set: resize },
    [`${NET}count`]: fixed(() => state.count),
    '/proc/sys/kernel/random/boot_id': fixed(() => state.bootId),
    '/proc/self/stat': fixed(stat),
  };
  return new Proxy(values, {
    get: (target, path) => (path === `/proc/${state.pid}/stat` ? fixed(stat) : Reflect.get(target, path)),
    has: (target, path) => path === `/proc/${state.pid}/stat` || Reflect.has(target, path),
  });
}

/** Programs that read: modprobe tells the options of modprobe.d, in order; all else is not there. */
function run(argv: readonly string[], tree: ReadonlyMap<string, Node>): RunResult {
  if (argv[0] === 'cp') return { code: 0, stdout: '  --attributes-only  copy no data\n', stderr: '' };
  if (argv[0] === 'getfattr') return { code: 0, stdout: '', stderr: '' };
  if (argv[0] !== 'modprobe') return { code: 127, stdout: '', stderr: `${argv[0]}: not found` };
  const options = [...tree]
    .filter(([path]) => path.startsWith('/etc/modprobe.d/'))
    .sort()
    .flatMap(([, { text }]) => [...text.matchAll(/^options nf_conntrack (.*)$/gm)].map((match) => match[1]));
  return { code: 0, stdout: `insmod /lib/modules/x/nf_conntrack.ko ${options.join(' ')}\n`, stderr: '' };
}

export type Crash = { readonly host: Host; readonly reached: Promise<string>; calls(): number };

/**
 * A host whose process dies at its Nth call, before or after that call's effect: the call never comes back, so nothing
 * that was to follow happens, neither `catch` nor `finally`. With `error` the call throws instead.
 */
export function dyingHost(inner: Host, at: number, moment: 'before' | 'after', error?: HostError): Crash {
  let calls = 0;
  let tell: (call: string) => void = () => {};
  const reached = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const wrap =
    <A extends readonly unknown[], R>(name: string, method: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (calls++ !== at) return method(...args);
      if (moment === 'after') await method(...args);
      tell(`${name} ${JSON.stringify(args[0])}`);
      if (error !== undefined) throw error;
      return new Promise<R>(() => {});
    };
  const host: Host = {
    kind: inner.kind,
    root: inner.root,
    readFile: wrap('readFile', inner.readFile),
    readDir: wrap('readDir', inner.readDir),
    readLink: wrap('readLink', inner.readLink),
    stat: wrap('stat', inner.stat),
    run: wrap('run', inner.run),
    replaceFile: wrap('replaceFile', inner.replaceFile),
    replaceLink: wrap('replaceLink', inner.replaceLink),
    writeValue: wrap('writeValue', inner.writeValue),
    perform: wrap('perform', inner.perform),
  };
  return { host, reached, calls: () => calls };
}
