// A throw-away machine: restored from a snapshot in about a second, driven through its agent, gone after the test.
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { Agent, type Run, type RunOptions } from './agent.ts';
import type { Kernel } from './image.ts';
import { Qemu } from './qemu.ts';
import { overlay, type Snapshot, snapshot } from './snapshot.ts';

export type { Run, RunOptions } from './agent.ts';
export type { Kernel } from './image.ts';

/** A background job in the guest. */
export type Background = {
  readonly pid: number;
  /** What it has printed so far (stdout and stderr). */
  output(): Promise<string>;
  /** Its exit code once it has ended by itself. */
  wait(limitMs?: number): Promise<number>;
  /** Ends its process group (SIGTERM, then SIGKILL) and returns all that it printed. */
  stop(): Promise<string>;
  running(): Promise<boolean>;
};

/** A virtual machine; every method works as long as the guest's agent lives, with or without a network. */
export type Vm = {
  readonly kernel: Kernel;
  /** `sh -c` in the guest, its own process group; throws only when it had to be killed at the timeout (2 minutes). */
  run(cmd: string, options?: RunOptions): Promise<Run>;
  /** The same, for a command that must succeed; returns stdout, trimmed. */
  sh(cmd: string, options?: RunOptions): Promise<string>;
  spawn(cmd: string, options?: RunOptions): Promise<Background>;
  put(path: string, content: string | Buffer, mode?: number): Promise<void>;
  get(path: string): Promise<Buffer | undefined>;
  /** Waits for a ready system with another boot id. 'reset' is a power cut: qemu is killed and started on its disk. */
  reboot(how?: 'clean' | 'reset'): Promise<void>;
  /** Polls until the command exits with 0. */
  waitFor(cmd: string, what: string, limitMs?: number): Promise<void>;
  stop(): Promise<void>;
};

export type VmOptions = { kernel?: Kernel };

/** Restores a fresh machine, runs `body`, keeps the machine's logs in build/vm-logs if it throws, always stops it. */
export async function withVm(options: VmOptions, body: (vm: Vm) => Promise<void>): Promise<void> {
  const vm = await Machine.restore(options.kernel ?? '6.1');
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

class Machine implements Vm {
  readonly kernel: Kernel;
  readonly #snapshot: Snapshot;
  readonly #dir: string;
  #qemu!: Qemu;
  #agent!: Agent;
  #bootId = '';

  private constructor(snapshot: Snapshot, dir: string) {
    this.kernel = snapshot.kernel;
    this.#snapshot = snapshot;
    this.#dir = dir;
  }

  static async restore(kernel: Kernel): Promise<Machine> {
    const from = await snapshot(kernel);
    const machine = new Machine(from, await mkdtemp(join(tmpdir(), 'ctfix-vm-')));
    try {
      await overlay(join(from.dir, 'disk.qcow2'), 'qcow2', machine.#disk);
      await machine.#start(true);
      machine.#bootId = (await machine.#agent.request('ping')).bootId as string;
      await machine.#agent.request('clock', { seconds: Date.now() / 1000 });
    } catch (error) {
      await machine.stop();
      throw error;
    }
    return machine;
  }

  get #disk(): string {
    return join(this.#dir, 'disk.qcow2');
  }

  async #start(incoming: boolean): Promise<void> {
    const { kernel, image, dir } = this.#snapshot;
    const start = { kernel, image, dir: this.#dir, disk: this.#disk, attached: join(dir, 'attached') };
    const memory = { memory: { file: join(dir, 'ram'), share: false }, incoming };
    this.#qemu = await Qemu.start(incoming ? { ...start, ...memory } : start);
    if (incoming) await this.#qemu.load(join(dir, 'state'));
    this.#agent = await Agent.connect(join(this.#dir, 'agent.sock'));
  }

  run(cmd: string, options?: RunOptions): Promise<Run> {
    return this.#agent.run(cmd, options);
  }

  sh(cmd: string, options?: RunOptions): Promise<string> {
    return this.#agent.sh(cmd, options);
  }

  async spawn(cmd: string, options: RunOptions = {}): Promise<Background> {
    const { job, pid } = await this.#agent.request('spawn', { cmd, ...options });
    return new Job(this.#agent, job as string, pid as number);
  }

  async put(path: string, content: string | Buffer, mode = 0o644): Promise<void> {
    await this.#agent.request('put', { path, data: Buffer.from(content).toString('base64'), mode });
  }

  async get(path: string): Promise<Buffer | undefined> {
    const { data } = await this.#agent.request('get', { path });
    return data === null ? undefined : Buffer.from(data as string, 'base64');
  }

  async reboot(how: 'clean' | 'reset' = 'clean'): Promise<void> {
    if (how === 'clean') {
      // No answer is waited for: the agent may be gone before it has given one.
      this.#agent.run('systemctl --no-block reboot').catch(() => {});
    } else {
      await this.#qemu.end('kill');
      this.#agent.close();
      await Promise.all(['agent.sock', 'qmp.sock'].map((name) => rm(join(this.#dir, name), { force: true })));
      await this.#start(false);
    }
    this.#bootId = await this.#agent.ready(this.#bootId);
  }

  async waitFor(cmd: string, what: string, limitMs = 120_000): Promise<void> {
    const deadline = Date.now() + limitMs;
    for (;;) {
      const { code, stdout, stderr } = await this.run(cmd);
      if (code === 0) return;
      if (Date.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}\n${cmd}\n${stdout}${stderr}`);
      await sleep(200);
    }
  }

  async stop(): Promise<void> {
    this.#agent?.close();
    await this.#qemu?.end('kill');
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

type JobState = { running: boolean; code: number | null; output: string };

class Job implements Background {
  readonly pid: number;
  readonly #agent: Agent;
  readonly #job: string;

  constructor(agent: Agent, job: string, pid: number) {
    this.#agent = agent;
    this.#job = job;
    this.pid = pid;
  }

  async #state(signal?: string): Promise<JobState> {
    const fields = { job: this.#job, ...(signal && { signal }) };
    return (await this.#agent.request('job', fields)) as JobState;
  }

  async output(): Promise<string> {
    return (await this.#state()).output;
  }

  async running(): Promise<boolean> {
    return (await this.#state()).running;
  }

  async wait(limitMs = 120_000): Promise<number> {
    const state = await this.#ended(limitMs);
    if (state.running) throw new Error(`job ${this.pid} still runs after ${limitMs} ms:\n${state.output}`);
    return state.code ?? -1;
  }

  async stop(): Promise<string> {
    await this.#state('TERM');
    if ((await this.#ended(5000)).running) await this.#state('KILL');
    return (await this.#ended(5000)).output;
  }

  async #ended(limitMs: number): Promise<JobState> {
    const deadline = Date.now() + limitMs;
    for (;;) {
      const state = await this.#state();
      if (!state.running || Date.now() > deadline) return state;
      await sleep(100);
    }
  }
}
