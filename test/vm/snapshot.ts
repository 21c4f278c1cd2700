// Snapshots of a booted, idle guest: one for each kernel, and one on top of it with the ctfix binary installed.
// Memory is a file that every restored machine maps privately, so a restore copies nothing.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Agent } from './agent.ts';
import { cached, digest, prune } from './cache.ts';
import { image, imageKey, type Kernel } from './image.ts';
import { Qemu, type Start } from './qemu.ts';

const exec = promisify(execFile);
const ATTACHED_MB = 192;

/** The executable that is under test, as `npm run binary` makes it. */
export const BINARY = join(import.meta.dirname, '../../build/ctfix');
/** Where it lies in the guest. */
export const GUEST_BINARY = '/usr/local/sbin/ctfix';

/** What a machine is restored from: disk.qcow2, ram and state, all read-only from then on. */
export type Snapshot = { kernel: Kernel; image: string; dir: string };

/** The snapshot to restore: with the binary in place if it has been built, else the bare system. */
export async function snapshot(kernel: Kernel, say: (line: string) => void = () => {}): Promise<Snapshot> {
  const base = await baseSnapshot(kernel, say);
  return existsSync(BINARY) ? withBinary(base, say) : base;
}

async function baseSnapshot(kernel: Kernel, say: (line: string) => void): Promise<Snapshot> {
  const imageDir = await image(say);
  const code = await readFile(join(import.meta.dirname, 'qemu.ts'));
  const dir = await cached(`base-${kernel}-${digest(await imageKey(), code)}`, async (dir) => {
    say(`booting kernel ${kernel} once …`);
    await prune(`base-${kernel}-`, 1);
    await overlay(join(imageDir, 'disk.img'), 'raw', join(dir, 'disk.qcow2'));
    await makeFile(join(dir, 'ram'), 0);
    await makeFile(join(dir, 'attached'), ATTACHED_MB);
    const start = { kernel, image: imageDir, disk: join(dir, 'disk.qcow2'), attached: join(dir, 'attached') };
    await session({ ...start, memory: { file: join(dir, 'ram'), share: true } }, async (qemu, agent) => {
      await agent.ready();
      await agent.sh('sync; echo 3 >/proc/sys/vm/drop_caches');
      await qemu.save(join(dir, 'state'));
    });
  });
  return { kernel, image: imageDir, dir };
}

/** The base, with the binary copied in from the attached disk. */
async function withBinary(base: Snapshot, say: (line: string) => void): Promise<Snapshot> {
  const binary = await readFile(BINARY);
  const dir = await cached(`ctfix-${base.kernel}-${digest(base.dir, binary)}`, async (dir) => {
    say(`installing build/ctfix in the machine with kernel ${base.kernel} …`);
    await prune(`ctfix-${base.kernel}-`, 2, 3_600_000);
    await overlay(join(base.dir, 'disk.qcow2'), 'qcow2', join(dir, 'disk.qcow2'));
    await exec('cp', ['--sparse=always', join(base.dir, 'ram'), join(dir, 'ram')]);
    await copyFile(BINARY, join(dir, 'binary'));
    await truncate(join(dir, 'binary'), ATTACHED_MB << 20);
    const memory = { file: join(dir, 'ram'), share: true };
    const start = { kernel: base.kernel, image: base.image, disk: join(dir, 'disk.qcow2'), memory, incoming: true };
    await session({ ...start, attached: join(dir, 'binary') }, async (qemu, agent) => {
      await qemu.load(join(base.dir, 'state'));
      await install(agent, binary);
      await qemu.save(join(dir, 'state'));
    });
    await rm(join(dir, 'binary'));
    await makeFile(join(dir, 'attached'), ATTACHED_MB);
  });
  return { ...base, dir };
}

async function install(agent: Agent, binary: Buffer): Promise<void> {
  // Direct reads: nothing of the disk that was attached before may come out of the guest's cache.
  const copy = `dd if=/dev/vdb iflag=direct bs=1M status=none | head -c ${binary.length} >${GUEST_BINARY}`;
  await agent.sh(`${copy} && chmod 755 ${GUEST_BINARY} && sync && sha256sum ${GUEST_BINARY} >/run/ctfix.sum`);
  const expected = createHash('sha256').update(binary).digest('hex');
  const seen = await agent.sh('cut -c1-64 /run/ctfix.sum');
  if (seen !== expected) throw new Error(`the binary came out damaged in the guest: ${seen}`);
}

/** A qemu for the time of `body`. */
async function session(start: Omit<Start, 'dir'>, body: (qemu: Qemu, agent: Agent) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'ctfix-vm-'));
  const qemu = await Qemu.start({ ...start, dir });
  try {
    const agent = await Agent.connect(join(dir, 'agent.sock'));
    await body(qemu, agent);
    await qemu.end('quit');
  } finally {
    await qemu.end('kill');
    await rm(dir, { recursive: true });
  }
}

/** A new qcow2 file in front of another disk, which stays as it is. */
export async function overlay(backing: string, format: 'raw' | 'qcow2', file: string): Promise<void> {
  await exec('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', backing, '-F', format, file]);
}

async function makeFile(path: string, megabytes: number): Promise<void> {
  await writeFile(path, '');
  await truncate(path, megabytes << 20);
}
