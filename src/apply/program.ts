/**
 * Whether the program that root would run later, without anybody looking, is one that only root can change, on a system
 * that can run it: recovery at boot, recovery of a killed reload, taking back an unconfirmed change.
 */
import { posix } from 'node:path';
import { mountOf, parseMounts } from '../facts/mounts.ts';
import type { FileStat, ReadHost } from '../host/host.ts';
import { follow } from './way.ts';

/** Gone after a reboot, or not there yet when the firewall starts. Source: proc(5), file system types of /proc/mounts. */
const NOT_AT_BOOT = /^(tmpfs|ramfs|nfs4?|cifs|smb3|9p|ceph|glusterfs|afs|fuse(\..*)?|autofs|overlay)$/;
/** systemd-run --pipe came with 235, --collect with 236 (NEWS of systemd). */
const SYSTEMD = 236;

/**
 * Why the boot could not be trusted to run the program; undefined when it can.
 * @param argv the program by its path, and for the npm form the script that it runs
 */
export async function whyNotAtBoot(host: ReadHost, argv: readonly string[]): Promise<string | undefined> {
  if ((await host.stat('/run/systemd/system')) === undefined) return 'this system was not started by systemd';
  return whyNotTrusted(host, argv);
}

/** The same for a service or a timer of the running system. */
export async function whyNotNow(host: ReadHost, argv: readonly string[]): Promise<string | undefined> {
  const reason = await whyNotAtBoot(host, argv);
  if (reason !== undefined) return reason;
  const { stdout } = await host.run(['systemctl', '--version']);
  const version = Number(/^systemd (\d+)/.exec(stdout)?.[1] ?? 0);
  if (version >= SYSTEMD) return undefined;
  return `systemd ${version} cannot run a program as a service of its own and wait for it; ${SYSTEMD} or newer can`;
}

async function whyNotTrusted(host: ReadHost, argv: readonly string[]): Promise<string | undefined> {
  for (const path of argv) {
    const reason = await whyNotPath(host, path);
    if (reason !== undefined) return reason;
  }
  const script = argv[1];
  return script === undefined ? undefined : whyNotTree(host, posix.dirname(script));
}

/** Words of a unit file: no quoting, no specifier and no variable is needed for these. */
const PLAIN = /^\/[\w@+=:,./-]+$/;

async function whyNotPath(host: ReadHost, path: string): Promise<string | undefined> {
  if (!PLAIN.test(path)) return `${path} has characters in its name that a unit of systemd would take for its own`;
  const found = await follow(host, path, judge, (missing) => `${missing} is not there`);
  if ('why' in found) return found.why;
  const mounts = parseMounts((await host.readFile('/proc/mounts')) ?? '');
  const mount = mountOf(mounts, found.real);
  if (mount === undefined || mount.at === '/' || !NOT_AT_BOOT.test(mount.type)) return undefined;
  return `${found.real} lies on ${mount.at} (${mount.type}), which is not there when the system starts`;
}

/**
 * Any write permission of a group counts, root's own too: with an access control list these bits are its mask, and say
 * only that somebody may write (acl(5)). The mode of a link means nothing.
 */
function judge(path: string, { kind, uid, mode }: FileStat): string | undefined {
  if (uid !== 0) return `${path} belongs to the user with id ${uid} and not to root`;
  if (kind === 'link' || (mode & 0o022) === 0) return undefined;
  return `others than root can write ${kind === 'dir' ? 'into ' : ''}${path}`;
}

/** The files beside a script are parts of it. */
async function whyNotTree(host: ReadHost, dir: string): Promise<string | undefined> {
  for (const name of await host.readDir(dir)) {
    const path = posix.join(dir, name);
    const stat = await host.stat(path);
    const reason = stat && judge(path, stat);
    if (reason !== undefined) return reason;
    if (stat?.kind === 'dir') {
      const below = await whyNotTree(host, path);
      if (below !== undefined) return below;
    }
  }
  return undefined;
}
