// Snapshots of a booted, idle guest: one for each kernel; on top of it one with a firewall in force; on top of that
// one with the ctfix binary installed.
// Memory is a file that every restored machine maps privately, so a restore copies nothing.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { Agent } from './agent.ts';
import { cached, digest, prune } from './cache.ts';
import { Guest } from './guest.ts';
import { image, imageKey, type Kernel } from './image.ts';
import { setUp } from './lab/firewalls.ts';
import { peerUp } from './lab/peer.ts';
import type { Kind } from './lab/rules.ts';
import { Qemu, type Start } from './qemu.ts';

const exec = promisify(execFile);
const ATTACHED_MB = 192;

/** The executable that is under test, as `npm run binary` makes it. */
export const BINARY = join(import.meta.dirname, '../../build/ctfix');
/** Where it lies in the guest. */
const GUEST_BINARY = '/usr/local/sbin/ctfix';

/** What a machine is restored from: disk.qcow2, ram and state, all read-only from then on. */
export type Snapshot = { kernel: Kernel; image: string; dir: string };

/** Which machine: its kernel, and a firewall that is in force already, with the lab's peer beside it. */
export type Wanted = { kernel: Kernel; firewall?: Kind; nat?: boolean };

type Say = (line: string) => void;

/** The snapshot to restore; the binary is in it if it has been built. */
export async function snapshot({ kernel, firewall, nat }: Wanted, say: Say = () => {}): Promise<Snapshot> {
  const base = await baseSnapshot(kernel, say);
  const system = firewall ? await withFirewall(base, firewall, nat, say) : base;
  return existsSync(BINARY) ? withBinary(system, say) : system;
}

async function baseSnapshot(kernel: Kernel, say: Say): Promise<Snapshot> {
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

async function withFirewall(base: Snapshot, kind: Kind, nat: boolean | undefined, say: Say): Promise<Snapshot> {
  const lab = ['lab/rules.ts', 'lab/firewalls.ts', 'lab/peer.ts', 'guest.ts'];
  const code = await Promise.all(lab.map((file) => readFile(join(import.meta.dirname, file))));
  const name = `${kind}${nat === undefined ? '' : nat ? '+nat' : '-nat'}-${base.kernel}`;
  return layer(base, name, digest(base.dir, ...code), undefined, async (agent) => {
    say(`setting up ${kind} in the machine with kernel ${base.kernel} …`);
    const guest = new Guest(agent);
    await setUp(guest, kind, nat === undefined ? {} : { nat });
    await peerUp(guest);
    await agent.sh('sync');
  });
}

/** With the binary copied in from the attached disk. */
async function withBinary(system: Snapshot, say: Say): Promise<Snapshot> {
  const binary = await readFile(BINARY);
  const name = `ctfix-${basename(system.dir).replace(/-[0-9a-f]+$/, '')}`;
  return layer(system, name, digest(system.dir, binary), binary, async (agent) => {
    say(`installing build/ctfix in ${name} …`);
    await install(agent, binary);
  });
}

/** A snapshot on top of another one: restored, changed by `work`, saved. */
async function layer(
  below: Snapshot,
  name: string,
  key: string,
  attached: Buffer | undefined,
  work: (agent: Agent) => Promise<void>,
): Promise<Snapshot> {
  const dir = await cached(`${name}-${key}`, async (dir) => {
    await prune(`${name}-`, 1, 1_800_000);
    await overlay(join(below.dir, 'disk.qcow2'), 'qcow2', join(dir, 'disk.qcow2'));
    await exec('cp', ['--sparse=always', join(below.dir, 'ram'), join(dir, 'ram')]);
    await makeFile(join(dir, 'attached'), ATTACHED_MB, attached);
    const memory = { file: join(dir, 'ram'), share: true };
    const disks = { disk: join(dir, 'disk.qcow2'), attached: join(dir, 'attached') };
    await session(
      { kernel: below.kernel, image: below.image, ...disks, memory, incoming: true },
      async (qemu, agent) => {
        await qemu.load(join(below.dir, 'state'));
        await agent.request('clock', { seconds: Date.now() / 1000 });
        await work(agent);
        await qemu.save(join(dir, 'state'));
      },
    );
    await makeFile(join(dir, 'attached'), ATTACHED_MB);
  });
  return { ...below, dir };
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

async function makeFile(path: string, megabytes: number, content: string | Buffer = ''): Promise<void> {
  await writeFile(path, content);
  await truncate(path, megabytes << 20);
}
