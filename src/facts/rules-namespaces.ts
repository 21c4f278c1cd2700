/** Network namespaces other than ours, and a host as it looks from inside of one. Reads only. */
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
    const comm = await host.readFile(`/proc/${pid}/comm`).catch(() => undefined);
    if (comm !== undefined) entry.processes.push(`${comm.trim()} (${pid})`);
  }
  return [...found].map(([inode, entry]) => ({ inode, ...entry })).sort((a, b) => a.inode - b.inode);
}

/** Processes come and go while they are looked at: what is gone is nothing. */
async function namespaceOf(host: ReadHost, pid: string): Promise<number | undefined> {
  const link = await host.readLink(`/proc/${pid}/ns/net`).catch(() => undefined);
  const inode = /^net:\[(\d+)\]$/.exec(link ?? '')?.[1];
  return inode === undefined ? undefined : Number(inode);
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
