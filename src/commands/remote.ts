/** Whether the person on this terminal came over the network: then a firewall that is wrong afterwards cuts them off. */
import type { ReadHost } from '../host/host.ts';

/** Programs that let somebody in from elsewhere, and those that outlive the session in which they were started. */
const REMOTE = /^(sshd|sshd-session|dropbear|mosh-server|in\.telnetd|telnetd|tmux: server|tmux|screen|SCREEN)$/;
/** (uid_t)-1 and (session)-1: no login. */
const NONE = '4294967295';

/**
 * By the parents of this process, and by the daemon of the same audit session (a terminal multiplexer is nobody's child);
 * never by the environment, which sudo clears. What cannot be told counts as remote only where a multiplexer runs.
 * Source: proc(5), /proc/PID/stat, /proc/PID/sessionid.
 */
export async function isRemote(host: ReadHost): Promise<boolean> {
  if (await hasRemoteParent(host)) return true;
  const session = await read(host, '/proc/self/sessionid');
  if (session === undefined || session === NONE) return false;
  for (const pid of (await host.readDir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const { name } = (await statOf(host, pid)) ?? {};
    if (name === undefined || !/^(sshd|sshd-session|dropbear)$/.test(name)) continue;
    if ((await read(host, `/proc/${pid}/sessionid`)) === session) return true;
  }
  return false;
}

async function hasRemoteParent(host: ReadHost): Promise<boolean> {
  const seen = new Set<string>();
  for (let pid = 'self'; pid !== '0' && !seen.has(pid); ) {
    seen.add(pid);
    const stat = await statOf(host, pid);
    if (stat === undefined) return false;
    if (REMOTE.test(stat.name)) return true;
    pid = stat.parent;
  }
  return false;
}

/** The name (field 2) may hold anything, brackets too: it ends at the last one. */
async function statOf(host: ReadHost, pid: string): Promise<{ name: string; parent: string } | undefined> {
  const [, name, parent] = /^\d+ \((.*)\) \S (\d+) /s.exec((await read(host, `/proc/${pid}/stat`)) ?? '') ?? [];
  return name === undefined || parent === undefined ? undefined : { name, parent };
}

async function read(host: ReadHost, path: string): Promise<string | undefined> {
  try {
    return (await host.readFile(path))?.trim();
  } catch {
    return undefined;
  }
}
