// The guest's image: Debian 12 with two kernels and every firewall installed, none enabled. Built by mmdebstrap from
// the package sources of the host's own apt, as a folder, and turned into a disk without mounting anything.
import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached, digest, prune } from './cache.ts';

const exec = promisify(execFile);
const GUEST = join(import.meta.dirname, 'guest');
const BUILDER_VERSION = '1';

/** The kernels that are in the image. */
export const KERNELS = ['6.1', '6.12'] as const;
export type Kernel = (typeof KERNELS)[number];

const PACKAGES = [
  'systemd systemd-sysv dbus udev libpam-systemd kmod procps iproute2 sudo',
  'linux-image-cloud-amd64 initramfs-tools zstd',
  'ufw iptables nftables firewalld ipset conntrack fail2ban python3 python3-systemd',
  'openssh-server openssh-client',
  'libatomic1', // the executable is made of a Node that is linked against it
].flatMap((line) => line.split(' '));

// A small initramfs: the modules of a virtio disk with ext4, no more.
const INITRAMFS = {
  'etc/initramfs-tools/conf.d/test': 'MODULES=list\nCOMPRESS=zstd\n',
  'etc/initramfs-tools/modules': 'virtio_pci\nvirtio_blk\next4\n',
  'etc/ctfix-test-vm': 'The test machine of ctfix. Its agent and its scripts run only where this file is.\n',
};

/** The folder with disk.img, vmlinuz-K and initrd-K, built if needed (about a minute and a half). */
export async function image(say: (line: string) => void = () => {}): Promise<string> {
  return cached(`image-${await imageKey()}`, async (dir) => {
    say('building the image of the test machine …');
    await prune('image-', 1);
    await build(dir);
  });
}

/** A digest of everything that goes into the image. */
export async function imageKey(): Promise<string> {
  const builder = await readFile(import.meta.filename);
  const files = await guestFiles();
  const contents = await Promise.all(files.map((file) => readFile(join(GUEST, file))));
  return digest(BUILDER_VERSION, builder, ...files, ...contents);
}

async function guestFiles(): Promise<string[]> {
  const entries = await readdir(GUEST, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return files.map((file) => file.slice(GUEST.length + 1)).sort();
}

/** The host's own Debian archive, as apt knows it; undefined where apt has none. */
async function debianArchive(): Promise<{ main: string; security?: string } | undefined> {
  const find = async (label: string) => {
    const filter = ['Origin: Debian', `Label: ${label}`, 'Component: main', 'Created-By: Packages'];
    const { stdout } = await exec('apt-get', ['indextargets', '--format', '$(SITE)', ...filter]).catch(() => ({
      stdout: '',
    }));
    return stdout.split('\n')[0] || undefined;
  };
  const [main, security] = [await find('Debian'), await find('Debian-Security')];
  return main ? { main, ...(security && { security }) } : undefined;
}

async function sources(): Promise<string> {
  const archive = await debianArchive();
  if (!archive) throw new Error("no Debian archive among this host's apt sources (apt-get update first?)");
  const suites = ['bookworm', 'bookworm-updates', 'bookworm-backports'].map((suite) => [archive.main, suite]);
  if (archive.security) suites.push([archive.security, 'bookworm-security']);
  return `${suites.map(([site, suite]) => `deb ${site} ${suite} main`).join('\n')}\n`;
}

async function build(dir: string): Promise<void> {
  const [root, overlay] = [join(dir, 'root'), join(dir, 'overlay')];
  await layOverlay(overlay);
  await writeFile(join(dir, 'sources.list'), await sources());
  const options = [
    '--quiet --mode=root --format=directory --variant=minbase',
    '--dpkgopt=path-exclude=/usr/share/doc/* --dpkgopt=path-exclude=/usr/share/man/*',
    '--dpkgopt=path-exclude=/usr/share/locale/*',
  ].flatMap((line) => line.split(' '));
  const hooks = [
    `--essential-hook=cp -r '${overlay}/.' "$1"`,
    '--customize-hook=chroot "$1" sh /usr/local/lib/ctfix-test/customize.sh',
  ];
  await logged(dir, 'mmdebstrap', [
    ...options,
    `--include=${PACKAGES.join(',')}`,
    ...hooks,
    'bookworm',
    root,
    join(dir, 'sources.list'),
  ]);
  await takeKernels(root, dir);
  await logged(dir, 'mke2fs', `-q -F -t ext4 -E lazy_itable_init=0 -d ${root} -r 1 -N 0 ${dir}/disk.img 3G`.split(' '));
  await rm(root, { recursive: true });
  await rm(overlay, { recursive: true });
}

/** The files that the project adds to the image, as a tree. */
async function layOverlay(overlay: string): Promise<void> {
  const write = async (path: string, content: string) => {
    await mkdir(join(overlay, path, '..'), { recursive: true });
    await writeFile(join(overlay, path), content);
  };
  for (const [path, content] of Object.entries(INITRAMFS)) await write(path, content);
  for (const file of await guestFiles()) {
    const path = guestPath(file);
    await write(path, await readFile(join(GUEST, file), 'utf8'));
    await chmod(join(overlay, path), path.endsWith('.service') ? 0o644 : 0o755);
  }
}

function guestPath(file: string): string {
  if (file.startsWith('stage/')) return `usr/share/ctfix-test/${file.slice('stage/'.length)}`;
  return file.endsWith('.service') ? `etc/systemd/system/${file}` : `usr/local/lib/ctfix-test/${file}`;
}

async function takeKernels(root: string, dir: string): Promise<void> {
  const names = await readdir(join(root, 'boot'));
  for (const kernel of KERNELS) {
    const release = names.find((name) => name.startsWith(`vmlinuz-${kernel}.`))?.slice('vmlinuz-'.length);
    if (!release) throw new Error(`no kernel ${kernel} among ${names.join(' ')}`);
    await copyFile(join(root, 'boot', `vmlinuz-${release}`), join(dir, `vmlinuz-${kernel}`));
    await copyFile(join(root, 'boot', `initrd.img-${release}`), join(dir, `initrd-${kernel}`));
  }
}

async function logged(dir: string, command: string, args: string[]): Promise<void> {
  const run = exec(command, args, { maxBuffer: 64 << 20, env: { ...process.env, LC_ALL: 'C.UTF-8' } });
  await run.catch((error: Error & { stderr?: string }) => {
    throw new Error(`${command} failed in ${dir}: ${(error.stderr ?? error.message).slice(-4000)}`);
  });
}
