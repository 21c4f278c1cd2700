/** Whose a network namespace or a socket is, and a host as it looks from inside of a namespace. Reads only. */
import type { ReadHost } from '../host/host.ts';
import type { OtherNamespace } from '../model.ts';

/** Enough to recognise what a namespace belongs to. */
const PROCESSES_NAMED = 5;

type Found = Omit<OtherNamespace, 'uses'>;

/** Every other network namespace that has a process in it or a name in /run/netns, in the order of their inodes. */
export async function otherNamespaces(host: ReadHost): Promise<readonly Found[]> {
  const own = await namespaceOf(host, 'self');
  const found = new Map<number, { path: string; name?: string; processes: string[] }>();
  for (const name of await names(host, '/run/netns')) {
    const path = `/run/netns/${name}`;
    const inode = (await host.stat(path).catch(() => undefined))?.inode;
    if (inode !== undefined && inode !== own) found.set(inode, { path, name, processes: [] });
  }
  for (const pid of (await names(host, '/proc')).filter((name) => /^\d+$/.test(name))) {
    const inode = await namespaceOf(host, pid);
    if (inode === undefined || inode === own) continue;
    const entry = found.get(inode) ?? { path: `/proc/${pid}/ns/net`, processes: [] };
    found.set(inode, entry);
    if (entry.processes.length >= PROCESSES_NAMED) continue;
    const named = await processName(host, pid);
    if (named !== undefined) entry.processes.push(named);
  }
  return [...found].map(([inode, entry]) => ({ inode, ...entry })).sort((a, b) => a.inode - b.inode);
}

/** Processes come and go while they are looked at: what is gone is nothing. */
async function namespaceOf(host: ReadHost, pid: string): Promise<number | undefined> {
  const link = await host.readLink(`/proc/${pid}/ns/net`).catch(() => undefined);
  const inode = /^net:\[(\d+)\]$/.exec(link ?? '')?.[1];
  return inode === undefined ? undefined : Number(inode);
}

/** `comm (pid)`; undefined when there is no such process. */
export async function processName(host: ReadHost, pid: string | number): Promise<string | undefined> {
  const comm = await host.readFile(`/proc/${pid}/comm`).catch(() => undefined);
  return comm === undefined ? undefined : `${comm.trim()} (${pid})`;
}

/** The processes that hold any of these sockets open, as `comm (pid)`, in the order of their ids. */
export async function socketOwners(host: ReadHost, inodes: readonly number[]): Promise<readonly string[]> {
  const wanted = new Set(inodes.map((inode) => `socket:[${inode}]`));
  const found: string[] = [];
  const pids = wanted.size === 0 ? [] : (await names(host, '/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids.sort((a, b) => Number(a) - Number(b))) {
    const fds = await names(host, `/proc/${pid}/fd`);
    const links = await Promise.all(fds.map((fd) => host.readLink(`/proc/${pid}/fd/${fd}`).catch(() => undefined)));
    const named = links.some((link) => link !== undefined && wanted.has(link))
      ? await processName(host, pid)
      : undefined;
    if (named !== undefined) found.push(named);
  }
  return found;
}

async function names(host: ReadHost, path: string): Promise<readonly string[]> {
  return host.readDir(path).catch(() => []);
}

/**
 * The same host with its programs and /proc/net as seen inside a network namespace. Source: nsenter(1); /proc/net is
 * /proc/self/net, so that the reader must be in the namespace.
 * @param path what leads into it: /run/netns/NAME or /proc/PID/ns/net
 */
export function within(host: ReadHost, path: string): ReadHost {
  const run: ReadHost['run'] = (argv, options) => host.run(['nsenter', `--net=${path}`, '--', ...argv], options);
  return {
    ...host,
    run,
    async readFile(file) {
      if (!file.startsWith('/proc/net/')) return host.readFile(file);
      const read = await run(['cat', '--', file]);
      return read.code === 0 ? read.stdout : undefined;
    },
  };
}
