/** How the person on this terminal came here: a firewall that is wrong, or a guard, cuts off who came over the network. */
import type { ReadHost } from '../host/host.ts';
import { connectionsOf, SSHD, sshDaemons } from './ssh.ts';

/** Programs that let somebody in from elsewhere, as the kernel names them: 15 characters (TASK_COMM_LEN). */
const REMOTE =
  /^(sshd|sshd-session|dropbear|mosh-server|in\.telnetd|telnetd|in\.rlogind|tailscaled|teleport|ssm-session-wor|cockpit-bridge|ttyd|gotty|shellinaboxd)$/;
/** Those that outlive the session in which they were started: who looks at them tells where he is. */
const MULTIPLEXER = /^(tmux: server|tmux|screen|SCREEN)$/;
const CLIENT = /^(tmux: client|tmux|screen)$/;
/** (uid_t)-1 and (session)-1: no login. */
const NONE = '4294967295';

type Process = { readonly pid: string; readonly name: string; readonly parent: string };

/**
 * By the parents of this process, and by the daemon of the same audit session (a terminal multiplexer is nobody's child);
 * never by the environment, which sudo clears. What cannot be told counts as remote only where a multiplexer runs.
 * Source: proc(5), /proc/PID/stat, /proc/PID/sessionid.
 */
export async function isRemote(host: ReadHost): Promise<boolean> {
  return (await lettingIn(host)).length > 0;
}

/**
 * What the person came through, where a guard that lets the connections of sshd through would cut him off: another
 * daemon, or an sshd that has his session from this host itself (the end of a reverse tunnel). Undefined for a console,
 * for an sshd with a connection from elsewhere, and for what nobody started.
 * @param host as root
 */
export async function cutArrival(host: ReadHost): Promise<string | undefined> {
  const by = await lettingIn(host);
  const [first] = by;
  if (first === undefined) return undefined;
  if (!MULTIPLEXER.test(first.name)) return unknownWay(by, host);
  for (const { pid } of await clientsOf(first, host)) {
    const line = await lineOf(host, pid);
    const unknown = await unknownWay(
      line.filter(({ name }) => REMOTE.test(name)),
      host,
    );
    if (unknown !== undefined) return unknown;
  }
  return undefined;
}

/** @param by the nearest first */
async function unknownWay(by: readonly Process[], host: ReadHost): Promise<string | undefined> {
  const [first] = by;
  if (first === undefined) return undefined;
  const who = `${first.name} (${first.pid})`;
  if (!SSHD.includes(first.name)) return who;
  const line = by.map(({ pid }) => Number(pid));
  // The user's half of a session holds the connection too, but so it does whatever he forwards.
  const roots = (await sshDaemons(host)).filter((pid) => line.includes(pid));
  if ((await connectionsOf(host, roots)).length > 0) return undefined;
  return `${who}, whose session has no connection from another host (as at the end of a reverse tunnel)`;
}

/** Who let the caller in, the nearest first: parents, else the daemons of his audit session. */
async function lettingIn(host: ReadHost): Promise<readonly Process[]> {
  const line = await lineOf(host, 'self');
  const parents = line.filter(({ name }) => REMOTE.test(name) || MULTIPLEXER.test(name));
  if (parents.length > 0) return parents;
  const session = await read(host, '/proc/self/sessionid');
  if (session === undefined || session === NONE) return [];
  const daemons: Process[] = [];
  for (const each of await processes(host)) {
    if (!/^(sshd|sshd-session|dropbear)$/.test(each.name)) continue;
    if ((await read(host, `/proc/${each.pid}/sessionid`)) === session) daemons.push(each);
  }
  return daemons;
}

/** The process, its parent, and so on. */
async function lineOf(host: ReadHost, first: string): Promise<readonly Process[]> {
  const line: Process[] = [];
  for (let pid = first; pid !== '0' && line.every((each) => each.pid !== pid); ) {
    const found = await processAt(host, pid);
    if (found === undefined) break;
    line.push(found);
    pid = found.parent;
  }
  return line;
}

/** Those of the same user who look at a multiplexer; at which one cannot be told. */
async function clientsOf(server: Process, host: ReadHost): Promise<readonly Process[]> {
  const user = await userOf(host, server);
  const found: Process[] = [];
  for (const each of await processes(host)) {
    if (CLIENT.test(each.name) && (await userOf(host, each)) === user) found.push(each);
  }
  return found;
}

async function userOf(host: ReadHost, { pid }: Process): Promise<string | undefined> {
  return /^Uid:\t(\d+)/m.exec((await read(host, `/proc/${pid}/status`)) ?? '')?.[1];
}

async function processes(host: ReadHost): Promise<readonly Process[]> {
  const pids = (await host.readDir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => processAt(host, pid)));
  return found.filter((each) => each !== undefined);
}

/** The name (field 2) may hold anything, brackets too: it ends at the last one. */
async function processAt(host: ReadHost, pid: string): Promise<Process | undefined> {
  const [, name, parent] = /^\d+ \((.*)\) \S (\d+) /s.exec((await read(host, `/proc/${pid}/stat`)) ?? '') ?? [];
  return name === undefined || parent === undefined ? undefined : { pid, name, parent };
}

async function read(host: ReadHost, path: string): Promise<string | undefined> {
  try {
    return (await host.readFile(path))?.trim();
  } catch {
    return undefined;
  }
}
