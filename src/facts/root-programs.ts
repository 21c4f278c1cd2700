/** Programs that run as root in this network namespace, by their executable; never by a name that anybody can take. */
import { posix } from 'node:path';
import type { ReadHost } from '../host/host.ts';

export type RootProgram = { readonly name: string; readonly pid: number };

/**
 * Running programs of root with one of these names. Processes come and go while they are looked at: what is gone is
 * left out.
 * @param names base names of executables; one that was replaced by an upgrade while it runs keeps its name
 */
export async function rootPrograms(host: ReadHost, names: readonly string[]): Promise<readonly RootProgram[]> {
  const own = await linkOf(host, '/proc/self/ns/net');
  const found: RootProgram[] = [];
  const pids = (await host.readDir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  for (const pid of pids.sort((a, b) => a - b)) {
    const name = posix.basename((await linkOf(host, `/proc/${pid}/exe`)) ?? '').replace(/ \(deleted\)$/, '');
    if (!names.includes(name) || !(await isRoots(host, pid))) continue;
    if ((await linkOf(host, `/proc/${pid}/ns/net`)) === own) found.push({ name, pid });
  }
  return found;
}

/** The inodes of the sockets that a process holds open. */
export async function socketsOf(host: ReadHost, pid: number): Promise<readonly number[]> {
  const fds = await host.readDir(`/proc/${pid}/fd`).catch(() => []);
  const links = await Promise.all(fds.map((fd) => linkOf(host, `/proc/${pid}/fd/${fd}`)));
  return links.flatMap((link) => {
    const inode = /^socket:\[(\d+)\]$/.exec(link ?? '')?.[1];
    return inode === undefined ? [] : [Number(inode)];
  });
}

/** Real, effective, saved and file system id are all 0: proc(5), status. */
async function isRoots(host: ReadHost, pid: number): Promise<boolean> {
  const status = await host.readFile(`/proc/${pid}/status`).catch(() => undefined);
  return /^Uid:\t0\t0\t0\t0$/m.test(status ?? '');
}

async function linkOf(host: ReadHost, path: string): Promise<string | undefined> {
  return host.readLink(path).catch(() => undefined);
}
