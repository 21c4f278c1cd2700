/** What the system itself lies on and reaches over the network: file systems, block devices, swap. Reads only. */
import type { ReadHost } from '../host/host.ts';
import { behindDevice, DEPTH, namedDevice, UNSEEN } from './block-devices.ts';

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
/** As many links as the kernel follows on one way: path_resolution(7). */
const MAX_LINKS = 40;

export type MountLine = {
  /** `8:1` */
  readonly device: string;
  readonly at: string;
  readonly type: string;
  readonly source: string;
  /** those of the file system, as they are written there */
  readonly options: string;
};

type Sight = { readonly host: ReadHost; readonly mounts: readonly MountLine[] };

/** Everything needed that comes over the network, with what it is. */
export async function networkStorage(host: ReadHost): Promise<readonly { where: string; what: string }[]> {
  const mounts = parseMountinfo((await host.readFile('/proc/self/mountinfo').catch(() => undefined)) ?? '');
  const sight = { host, mounts };
  const found: { where: string; what: string }[] = [];
  for (const where of NEEDED) {
    // The last of several mounts in one place covers the others.
    const mount = mounts.findLast(({ at }) => at === where);
    const what = mount && (await behindMount(sight, mount, DEPTH));
    if (what !== undefined) found.push({ where, what });
  }
  for (const path of parseSwaps((await host.readFile('/proc/swaps').catch(() => undefined)) ?? '')) {
    const what = await behindSwap(sight, path);
    if (what !== undefined) found.push({ where: `swap on ${path}`, what });
  }
  return found;
}

/** /proc/self/mountinfo: `ID PARENT MAJOR:MINOR ROOT AT OPTIONS [FIELDS] - TYPE SOURCE OPTIONS`. Source: proc(5). */
export function parseMountinfo(text: string): readonly MountLine[] {
  return text.split('\n').flatMap((line) => {
    const [left = '', right = ''] = line.split(' - ');
    const [, , device, , at] = left.split(' ');
    const [type = '', source = '', options = ''] = right.split(' ');
    if (device === undefined || at === undefined) return [];
    return [{ device, at: plain(at), type, source: plain(source), options }];
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

async function behindMount(sight: Sight, mount: MountLine, depth: number): Promise<string | undefined> {
  const { device, type, source } = mount;
  if (NETWORK.test(type)) return `${type} from ${source}`;
  if (type === 'overlay') return behindOverlay(sight, mount, depth);
  // btrfs and others have a device number that is no block device: then it is the source that says.
  const link = device.startsWith('0:') ? await namedDevice(sight.host, source) : `/sys/dev/block/${device}`;
  const behind = (path: string, left: number) => behindFile(sight, path, device, left);
  return link === undefined ? undefined : behindDevice(sight.host, link, behind, depth);
}

async function behindOverlay(sight: Sight, mount: MountLine, depth: number): Promise<string | undefined> {
  for (const dir of layersOf(mount.options)) {
    const below = await behindFile(sight, dir, mount.device, depth - 1);
    if (below !== undefined) return `an overlay over ${below}`;
  }
  return undefined;
}

/**
 * The directories of an overlay, upper and lower ones: `:` parts them, and is written `\\:` in a name; `lowerdir+=` has one.
 * Sources: ovl_show_options in fs/overlayfs/params.c, Documentation/filesystems/overlayfs.rst.
 */
export function layersOf(options: string): readonly string[] {
  return options.split(',').flatMap((option) => {
    const [, key = '', value = ''] = /^(upperdir|lowerdir|lowerdir\+|datadir\+)=(.*)$/s.exec(option) ?? [];
    const dirs = key === 'lowerdir' ? plain(value).split(/(?<!\\):/) : [plain(value)];
    return dirs.filter((dir) => dir !== '').map((dir) => dir.replace(/\\(.)/gs, '$1'));
  });
}

/**
 * What a file or directory lies on.
 * @param from the device that lies on it: one that seems to lie on itself was mounted by another name, before the root
 *   was changed
 */
async function behindFile(
  sight: Sight,
  path: string,
  from: string | undefined,
  depth: number,
): Promise<string | undefined> {
  const real = depth > 0 && path.startsWith('/') ? await realPath(sight.host, path) : undefined;
  const below = real === undefined ? undefined : mountOver(sight.mounts, real);
  if (below === undefined || below.device === from) return `${path || 'a file'}, ${UNSEEN}`;
  return behindMount(sight, below, depth);
}

/** The path without links; undefined when there is nothing of that name. */
async function realPath(host: ReadHost, path: string): Promise<string | undefined> {
  const todo = path.split('/');
  let done: readonly string[] = [];
  for (let links = 0, part = todo.shift(); part !== undefined; part = todo.shift()) {
    if (part === '' || part === '.') continue;
    const here = `/${[...done, part].join('/')}`;
    const target = part === '..' ? undefined : await host.readLink(here).catch(() => undefined);
    if (target !== undefined) {
      if (++links > MAX_LINKS) return undefined;
      if (target.startsWith('/')) done = [];
      todo.unshift(...target.split('/'));
    } else done = part === '..' ? done.slice(0, -1) : [...done, part];
  }
  const real = `/${done.join('/')}`;
  return (await host.stat(real).catch(() => undefined)) === undefined ? undefined : real;
}

/** The mount that a path lies on; the last of several in one place covers the others. */
function mountOver(mounts: readonly MountLine[], path: string): MountLine | undefined {
  const over = mounts.filter(({ at }) => at === '/' || path === at || path.startsWith(`${at}/`));
  return over.reduce<MountLine | undefined>(
    (best, each) => (best === undefined || each.at.length >= best.at.length ? each : best),
    undefined,
  );
}

async function behindSwap(sight: Sight, path: string): Promise<string | undefined> {
  if (!path.startsWith('/dev/')) {
    const mount = mountOver(sight.mounts, path);
    return mount && behindMount(sight, mount, DEPTH);
  }
  const link = await namedDevice(sight.host, path);
  const behind = (file: string, left: number) => behindFile(sight, file, undefined, left);
  return link === undefined ? undefined : behindDevice(sight.host, link, behind, DEPTH);
}
