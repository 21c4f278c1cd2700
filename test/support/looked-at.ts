/** A host that can only be looked at: files, links and the answers of programs, all of it said. */
import type { ReadHost, RunResult } from '../../src/host/host.ts';

export type Looks = {
  readonly files?: Readonly<Record<string, string>>;
  readonly links?: Readonly<Record<string, string>>;
  /** by the whole command line, or by the program alone; a number is an exit code without words */
  readonly run?: Readonly<Record<string, string | number>>;
};

export function lookedAt({ files = {}, links = {}, run = {} }: Looks): ReadHost {
  const paths = [...Object.keys(files), ...Object.keys(links)];
  const below = (dir: string) => paths.filter((path) => path.startsWith(`${dir}/`));
  return {
    kind: 'live',
    root: true,
    readFile: async (path) => files[path],
    readDir: async (dir) =>
      [...new Set(below(dir).map((path) => path.slice(dir.length + 1).split('/')[0] ?? ''))].sort(),
    readLink: async (path) => links[path],
    stat: async (path) =>
      path in files || below(path).length > 0
        ? { kind: path in files ? 'file' : 'dir', mode: 0o755, uid: 0, gid: 0, inode: 1, links: 1, size: 0 }
        : undefined,
    run: async (argv): Promise<RunResult> => {
      const said = run[argv.join(' ')] ?? run[argv[0]] ?? 127;
      return typeof said === 'string' ? { code: 0, stdout: said, stderr: '' } : { code: said, stdout: '', stderr: '' };
    },
  };
}

/** A process as /proc shows it. */
export function processAt(
  pid: number,
  exe: string,
  { uid = 0, sockets = [], net = 1 }: { uid?: number; sockets?: readonly number[]; net?: number } = {},
): { files: Record<string, string>; links: Record<string, string> } {
  const fds = sockets.map((inode, at) => [`/proc/${pid}/fd/${at + 3}`, `socket:[${inode}]`]);
  return {
    files: { [`/proc/${pid}/status`]: `Name:\tx\nUid:\t${[uid, uid, uid, uid].join('\t')}\nGid:\t0\t0\t0\t0\n` },
    links: {
      [`/proc/${pid}/exe`]: exe,
      [`/proc/${pid}/ns/net`]: `net:[${net}]`,
      '/proc/self/ns/net': 'net:[1]',
      ...Object.fromEntries(fds),
    },
  };
}

/** Several of them in one. */
export function together(...parts: readonly Looks[]): Looks {
  return {
    files: Object.assign({}, ...parts.map(({ files }) => files)),
    links: Object.assign({}, ...parts.map(({ links }) => links)),
    run: Object.assign({}, ...parts.map(({ run }) => run)),
  };
}
