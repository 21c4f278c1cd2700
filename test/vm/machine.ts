// A throw-away machine: restored from a snapshot in about a second, driven through its agent, gone after the test.
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Agent } from './agent.ts';
import { Guest } from './guest.ts';
import type { Kernel } from './image.ts';
import { Qemu } from './qemu.ts';
import { overlay, type Snapshot, snapshot, type Wanted } from './snapshot.ts';

export type { Kernel } from './image.ts';

/** Kernel 6.1 without a firewall, unless said otherwise. */
export type VmOptions = Partial<Wanted>;

/** Restores a fresh machine, runs `body`, keeps the machine's logs in build/vm-logs if it throws, always stops it. */
export async function withVm(options: VmOptions, body: (vm: Vm) => Promise<void>): Promise<void> {
  const vm = await Vm.restore({ kernel: '6.1', ...options });
  try {
    await body(vm);
  } catch (error) {
    const kept = await vm.keepLogs().catch((reason) => `no logs: ${reason}`);
    if (error instanceof Error) error.message += `\n(logs of the machine: ${kept})`;
    throw error;
  } finally {
    await vm.stop();
  }
}

/** A machine of one test's own. */
export class Vm extends Guest {
  readonly kernel: Kernel;
  readonly #snapshot: Snapshot;
  readonly #dir: string;
  #qemu: Qemu;
  #agent: Agent;
  #bootId = '';

  private constructor(snapshot: Snapshot, dir: string, { qemu, agent }: Running) {
    super(agent);
    this.kernel = snapshot.kernel;
    this.#snapshot = snapshot;
    this.#dir = dir;
    this.#qemu = qemu;
    this.#agent = agent;
  }

  /** Takes up a snapshot; its disk and its memory stay as they are. */
  static async restore(wanted: Wanted): Promise<Vm> {
    const from = await snapshot(wanted);
    const dir = await mkdtemp(join(tmpdir(), 'ctfix-vm-'));
    await overlay(join(from.dir, 'disk.qcow2'), 'qcow2', join(dir, 'disk.qcow2'));
    const vm = new Vm(from, dir, await start(from, dir, true));
    try {
      vm.#bootId = (await vm.#agent.request('ping')).bootId as string;
      await vm.#agent.request('clock', { seconds: Date.now() / 1000 });
    } catch (error) {
      await vm.stop();
      throw error;
    }
    return vm;
  }

  /**
   * Waits for a ready system with another boot id. 'force' is `reboot -f`: nothing is stopped first. 'reset' is a power
   * cut: qemu is killed and started on its disk.
   */
  async reboot(how: 'clean' | 'force' | 'reset' = 'clean'): Promise<void> {
    if (how !== 'reset') {
      // No answer is waited for: the agent may be gone before it has given one.
      this.#agent.run(how === 'clean' ? 'systemctl --no-block reboot' : 'reboot -f').catch(() => {});
    } else {
      await this.#qemu.end('kill');
      this.#agent.close();
      await Promise.all(['agent.sock', 'qmp.sock'].map((name) => rm(join(this.#dir, name), { force: true })));
      ({ qemu: this.#qemu, agent: this.#agent } = await start(this.#snapshot, this.#dir, false));
      this.reconnected(this.#agent);
    }
    this.#bootId = await this.#agent.ready(this.#bootId);
  }

  /** Ends the machine and removes its files. */
  async stop(): Promise<void> {
    this.#agent.close();
    await this.#qemu.end('kill');
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** Copies the console's log and what the guest can still tell to build/vm-logs/; returns the folder. */
  async keepLogs(): Promise<string> {
    const test = (expect.getState().currentTestName ?? 'machine').replace(/[^\w.]+/g, '-').slice(-100);
    const kept = join(import.meta.dirname, '../../build/vm-logs', `${test}-${this.kernel}`);
    await mkdir(kept, { recursive: true });
    await copyFile(join(this.#dir, 'serial.log'), join(kept, 'serial.log'));
    const look = 'journalctl -b -n 400 --no-pager; lsmod; nft list ruleset; ps -ef; systemctl list-jobs';
    const seen = await this.#agent.run(look, { timeout: 30_000 }).catch((error) => ({ stdout: String(error) }));
    await writeFile(join(kept, 'guest.log'), seen.stdout);
    return kept;
  }
}

type Running = { qemu: Qemu; agent: Agent };

async function start({ kernel, image, dir: from }: Snapshot, dir: string, incoming: boolean): Promise<Running> {
  const command = { kernel, image, dir, disk: join(dir, 'disk.qcow2'), attached: join(from, 'attached') };
  const memory = { memory: { file: join(from, 'ram'), share: false }, incoming };
  const qemu = await Qemu.start(incoming ? { ...command, ...memory } : command);
  try {
    if (incoming) await qemu.load(join(from, 'state'));
    return { qemu, agent: await Agent.connect(join(dir, 'agent.sock')) };
  } catch (error) {
    await qemu.end('kill');
    throw error;
  }
}
