/** What the system itself lies on and reaches over the network: file systems, block devices, swap. Reads only. */
import { posix } from 'node:path';
import type { ReadHost } from '../host/host.ts';

/** Without these nothing can be read, recorded or started while the guard is in force. */
const NEEDED = [
  '/',
  '/bin',
  '/etc',
  '/lib',
  '/lib/modules',
  '/root',
  '/run',
  '/sbin',
  '/tmp',
  '/usr',
  '/usr/bin',
  '/usr/lib',
  '/usr/lib/modules',
  '/usr/local',
  '/usr/sbin',
  '/var',
  '/var/lib',
  '/var/lib/ctfix',
  '/var/log',
  '/var/log/journal',
];

/** File systems whose data, or whose locks, come over the network. */
const NETWORK =
  /^(nfs4?|cifs|smb3|smbfs|ceph|afs|coda|lustre|gfs2|ocfs2|beegfs|orangefs|glusterfs|fuse\.(glusterfs|ceph\S*|sshfs|s3fs|moosefs|mfs))$/;
/** Devices on top of devices (crypt on LVM on RAID …) are followed so far down. */
const DEPTH = 8;

export type MountLine = {
  /** `8:1` */
  readonly device: string;
  readonly at: string;
  readonly type: string;
  readonly source: string;
};

/** Everything needed that comes over the network, with what it is. */
export async function networkStorage(host: ReadHost): Promise<readonly { where: string; what: string }[]> {
  const mounts = parseMountinfo((await host.readFile('/proc/self/mountinfo').catch(() => undefined)) ?? '');
  const found: { where: string; what: string }[] = [];
  for (const where of NEEDED) {
    // The last of several mounts in one place covers the others.
    const mount = mounts.findLast(({ at }) => at === where);
    const what = mount && (await behindMount(host, mount));
    if (what !== undefined) found.push({ where, what });
  }
  for (const path of parseSwaps((await host.readFile('/proc/swaps').catch(() => undefined)) ?? '')) {
    const what = await behindSwap(host, path, mounts);
    if (what !== undefined) found.push({ where: `swap on ${path}`, what });
  }
  return found;
}

/** /proc/self/mountinfo: `ID PARENT MAJOR:MINOR ROOT AT OPTIONS [FIELDS] - TYPE SOURCE OPTIONS`. Source: proc(5). */
export function parseMountinfo(text: string): readonly MountLine[] {
  return text.split('\n').flatMap((line) => {
    const [left = '', right = ''] = line.split(' - ');
    const [, , device, , at] = left.split(' ');
    const [type = '', source = ''] = right.split(' ');
    return device === undefined || at === undefined ? [] : [{ device, at: plain(at), type, source: plain(source) }];
  });
}

/** Paths of /proc/swaps, its head line left out. Source: proc(5). */
export function parseSwaps(text: string): readonly string[] {
  const lines = text.split('\n').slice(1);
  return lines.flatMap((line) => (line.startsWith('/') ? [plain(line.split(/[\t ]/)[0] ?? '')] : []));
}

/** Spaces and such are written as \040: seq_escape in fs/seq_file.c. */
function plain(word: string): string {
  return word.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

async function behindMount(host: ReadHost, { device, type, source }: MountLine): Promise<string | undefined> {
  if (NETWORK.test(type)) return `${type} from ${source}`;
  // btrfs and others have a device number that is no block device: then it is the source that says.
  const link = device.startsWith('0:') ? await namedDevice(host, source) : `/sys/dev/block/${device}`;
  return link === undefined ? undefined : behindDevice(host, link, DEPTH);
}

async function behindSwap(host: ReadHost, path: string, mounts: readonly MountLine[]): Promise<string | undefined> {
  if (path.startsWith('/dev/')) {
    const link = await namedDevice(host, path);
    return link === undefined ? undefined : behindDevice(host, link, DEPTH);
  }
  const over = mounts.filter(({ at }) => at === '/' || path.startsWith(`${at}/`));
  const mount = over.reduce<MountLine | undefined>(
    (best, each) => (best === undefined || each.at.length >= best.at.length ? each : best),
    undefined,
  );
  return mount && behindMount(host, mount);
}

/** `/dev/mapper/root` is a link to `../dm-0`. */
async function namedDevice(host: ReadHost, path: string): Promise<string | undefined> {
  if (!path.startsWith('/dev/')) return undefined;
  const target = await host.readLink(path).catch(() => undefined);
  return `/sys/class/block/${posix.basename(target ?? path)}`;
}

/** What a block device is when it, or a device below it, is at the other end of a network. */
async function behindDevice(host: ReadHost, link: string, depth: number): Promise<string | undefined> {
  const path = (await host.readLink(link).catch(() => undefined)) ?? '';
  const name = posix.basename(path);
  const kind = remoteKind(path);
  if (kind !== undefined) return `${name}, ${kind}`;
  if (depth === 0 || name === '') return undefined;
  for (const slave of await host.readDir(`/sys/class/block/${name}/slaves`).catch(() => [])) {
    const below = await behindDevice(host, `/sys/class/block/${slave}`, depth - 1);
    if (below !== undefined) return below;
  }
  return undefined;
}

/** By the way to a device in /sys/devices: an iSCSI disk hangs below a session (drivers/scsi/scsi_transport_iscsi.c). */
function remoteKind(path: string): string | undefined {
  if (/\/session\d+\//.test(path)) return 'an iSCSI disk';
  if (/\/nvme-fabrics\//.test(path)) return 'an NVMe disk behind a network';
  const virtual = /\/block\/(nbd|rbd|drbd)\d+(?:\/|$)/.exec(path)?.[1];
  return virtual === undefined ? undefined : `a ${virtual} device`;
}
