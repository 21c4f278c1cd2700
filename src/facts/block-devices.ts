/** What a block device is made of, as far as it, or a device or file below it, is at the other end of a network. Reads only. */
import { posix } from 'node:path';
import type { ReadHost } from '../host/host.ts';

/** Devices on top of devices (crypt on LVM on RAID …) are followed so far down. */
export const DEPTH = 8;

/** What cannot be followed is not taken for a disk of this machine. */
export const UNSEEN = 'which cannot be followed from here and may lie behind a network';

/** Transports of NVMe that no rule for IP reaches: drivers/nvme/host/{pci,apple,fc}.c and drivers/nvme/target/loop.c. */
const NO_IP = ['pcie', 'apple-nvme', 'fc', 'loop'];

/** Tells what a file lies on, where that is a network; for the file of a loop device. */
type BehindFile = (path: string, depth: number) => Promise<string | undefined>;

/** Where sysfs has the device of a path: `/dev/mapper/root` is a link to `../dm-0`. Undefined for what is not in /dev. */
export async function namedDevice(host: ReadHost, path: string): Promise<string | undefined> {
  if (!path.startsWith('/dev/')) return undefined;
  const target = await host.readLink(path).catch(() => undefined);
  return `/sys/class/block/${posix.basename(target ?? path)}`;
}

/**
 * What a block device is when it, or what it lies on, is at the other end of a network.
 * @param link its link in sysfs, `/sys/dev/block/8:1`
 * @param behindFile for a loop device: Documentation/ABI/testing/sysfs-block-loop and loop_attr_backing_file_show in
 *   drivers/block/loop.c
 */
export async function behindDevice(
  host: ReadHost,
  link: string,
  behindFile: BehindFile,
  depth: number,
): Promise<string | undefined> {
  const path = (await host.readLink(link).catch(() => undefined)) ?? '';
  const name = posix.basename(path);
  const kind = remoteKind(path) ?? (await nvmeKind(host, path));
  if (kind !== undefined) return `${name}, ${kind}`;
  if (depth === 0 || name === '') return undefined;
  const loop = /\/block\/(loop\d+)(?:\/|$)/.exec(path)?.[1];
  if (loop !== undefined) {
    const file = await read(host, `/sys/class/block/${loop}/loop/backing_file`);
    const below = await behindFile(file, depth - 1);
    return below && `${loop}, a loop device on ${below}`;
  }
  for (const slave of await names(host, `/sys/class/block/${name}/slaves`)) {
    const below = await behindDevice(host, `/sys/class/block/${slave}`, behindFile, depth - 1);
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

/**
 * With native multipath a namespace hangs below its subsystem, local disks too; the subsystem has a link for each of its
 * controllers, and their numbers are not its own. Sources: nvme_init_subsystem and nvme_sysfs_show_transport in
 * drivers/nvme/host/{core,sysfs}.c.
 */
async function nvmeKind(host: ReadHost, path: string): Promise<string | undefined> {
  const subsystem = /\/nvme-subsystem\/(nvme-subsys\d+)\//.exec(path)?.[1];
  if (subsystem === undefined) return undefined;
  const dir = `/sys/class/nvme-subsystem/${subsystem}`;
  const controllers = (await names(host, dir)).filter((name) => /^nvme\d+$/.test(name));
  const transports = await Promise.all(controllers.map((name) => read(host, `${dir}/${name}/transport`)));
  if (transports.length === 0 || transports.includes('')) return `an NVMe disk, ${UNSEEN}`;
  const remote = transports.find((transport) => !NO_IP.includes(transport));
  return remote === undefined ? undefined : `an NVMe disk behind a network (${remote})`;
}

async function read(host: ReadHost, path: string): Promise<string> {
  return ((await host.readFile(path).catch(() => undefined)) ?? '').trimEnd();
}

async function names(host: ReadHost, dir: string): Promise<readonly string[]> {
  return host.readDir(dir).catch(() => []);
}
