// A root with the real systemd-sysctl, sysctl and modprobe of a Debian release, extracted from its packages and never
// configured or booted: they are only asked what they make of a tree of files. Cached beside the images of the machines.
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached, digest, prune } from '../vm/cache.ts';
import { emptyModule } from './module.ts';

const exec = promisify(execFile);

/** Debian releases, with the versions whose behaviour is on trial: systemd, procps, kmod. */
export const SUITES = {
  bullseye: 'systemd 247, procps 3.3.17, kmod 28',
  bookworm: 'systemd 252, procps 4.0.2, kmod 30',
  trixie: 'systemd 257, procps 4.0.4, kmod 34',
} as const;
export type Suite = keyof typeof SUITES;

/** The release of the kernel that the root has a modules tree for: one empty nf_conntrack. */
export const RELEASE = '6.1.0-oracle';
const PACKAGES = 'systemd,kmod,procps,python3,libc-bin';

/** Why there can be no such root here; undefined when there can. */
export async function whyNoRoot(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
  if (!(await exec('mmdebstrap', ['--version']).catch(() => undefined))) return 'mmdebstrap is not installed';
  if (!(await archive())) return 'apt knows no archive of Debian';
  const tried = await exec('unshare', ['--mount', '--propagation', 'private', 'true']).catch(() => undefined);
  return tried ? undefined : 'no mount namespace can be made here';
}

/** The root of a release with merged /usr, made if needed: about ten seconds. */
export async function oracleRoot(suite: Suite): Promise<string> {
  const maker = await readFile(import.meta.filename);
  const kind = `oracle-${suite}-`;
  const dir = await cached(`${kind}${digest(maker)}`, async (aside) => {
    await prune(kind, 1);
    await build(suite, join(aside, 'root'));
  });
  return join(dir, 'root');
}

/** The site of the archive that the apt of this machine uses, which has the other releases, too. */
async function archive(): Promise<string | undefined> {
  const filter = ['Origin: Debian', 'Label: Debian', 'Component: main', 'Created-By: Packages'];
  const found = await exec('apt-get', ['indextargets', '--format', '$(SITE)', ...filter]).catch(() => undefined);
  return found?.stdout.split('\n')[0] || undefined;
}

async function build(suite: Suite, root: string): Promise<void> {
  const how = ['--quiet', '--mode=root', '--format=directory', '--variant=extract', `--include=${PACKAGES}`];
  await exec('mmdebstrap', [...how, suite, root, `deb ${await archive()} ${suite} main`], { maxBuffer: 64 << 20 });
  for (const dir of ['bin', 'sbin', 'lib', 'lib64']) await merge(root, dir);
  const modules = join(root, 'usr/lib/modules', RELEASE);
  for (const dir of ['usr/lib/sysctl.d', 'usr/lib/modprobe.d', 'usr/local/lib'])
    await mkdir(join(root, dir), { recursive: true });
  await mkdir(modules, { recursive: true });
  await writeFile(join(modules, 'nf_conntrack.ko'), emptyModule('nf_conntrack'));
  await exec('chroot', [root, '/sbin/depmod', RELEASE]);
}

/** What the usrmerge package would do: /lib becomes a link to usr/lib. */
async function merge(root: string, dir: string): Promise<void> {
  const old = join(root, dir);
  const kind = await stat(old).catch(() => undefined);
  if (kind !== undefined) {
    await cp(old, join(root, 'usr', dir), { recursive: true, verbatimSymlinks: true });
    await rm(old, { recursive: true });
  }
  await mkdir(join(root, 'usr', dir), { recursive: true });
  await symlink(`usr/${dir}`, old);
}
