/** The ssh connections of the host's admins, as the kernel knows them; sudo takes SSH_CONNECTION away. */
import { HostError } from '../errors.ts';
import type { ReadHost } from '../host/host.ts';
import type { Connection } from '../model.ts';
import { rootPrograms, socketsOf } from './root-programs.ts';
import { establishedIn } from './sockets.ts';

/** From OpenSSH 9.8 on each session is a program of its own; 10.0 gave the login one more. */
export const SSHD: readonly string[] = ['sshd', 'sshd-session', 'sshd-auth'];

/**
 * The established TCP connections that an sshd of root holds, sorted, those from the host to itself left out. It is
 * root's half of a session that counts: what a user forwards is held by his half alone.
 */
export async function sshConnections(host: ReadHost): Promise<readonly Connection[]> {
  return connectionsOf(host, await sshDaemons(host));
}

/** The processes of an sshd that are root's. */
export async function sshDaemons(host: ReadHost): Promise<readonly number[]> {
  return (await rootPrograms(host, SSHD)).map(({ pid }) => pid);
}

/** The established TCP connections that these processes hold, sorted, those from the host to itself left out. */
export async function connectionsOf(host: ReadHost, pids: readonly number[]): Promise<readonly Connection[]> {
  const inodes = new Set<number>();
  for (const pid of pids) {
    for (const inode of await socketsOf(host, pid)) inodes.add(inode);
  }
  if (inodes.size === 0) return [];
  const found: Connection[] = [];
  for (const path of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const established = establishedIn((await readLong(host, path)) ?? '');
    found.push(...[...established].filter(([inode]) => inodes.has(inode)).map(([, connection]) => connection));
  }
  const key = (each: Connection) => [each.ours, each.ourPort, each.theirs, each.theirPort].join();
  const remote = found.filter(({ ours, theirs }) => ours !== theirs && !/^127\./.test(theirs));
  return [...new Map(remote.map((each) => [key(each), each])).values()].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** A host with many connections has a list longer than a file of the configuration may be. */
async function readLong(host: ReadHost, path: string): Promise<string | undefined> {
  try {
    return await host.readFile(path);
  } catch (error) {
    if (!(error instanceof HostError) || error.code !== 'TOO_LARGE') throw error;
    const read = await host.run(['cat', '--', path]);
    if (read.code === 0) return read.stdout;
    throw error;
  }
}
