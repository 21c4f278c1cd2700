// What a test can do in a machine, through its agent: commands, jobs, files.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent, Run, RunOptions } from './agent.ts';

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

/** A running system; every method works as long as its agent lives, with or without a network. */
export class Guest {
  #agent: Agent;

  constructor(agent: Agent) {
    this.#agent = agent;
  }

  /** After a restart of qemu: the new channel. */
  protected reconnected(agent: Agent): void {
    this.#agent = agent;
  }

  /** `sh -c`, its own process group; throws only when it had to be killed at the timeout (2 minutes). */
  run(cmd: string, options?: RunOptions): Promise<Run> {
    return this.#agent.run(cmd, options);
  }

  /** The same, for a command that must succeed; returns stdout, trimmed. */
  sh(cmd: string, options?: RunOptions): Promise<string> {
    return this.#agent.sh(cmd, options);
  }

  /** Starts a job in the background. */
  async spawn(cmd: string, options: RunOptions = {}): Promise<Background> {
    const { job, pid } = await this.#agent.request('spawn', { cmd, ...options });
    return new Job(this.#agent, job as string, pid as number);
  }

  /** Writes a file, with its folders. */
  async put(path: string, content: string | Buffer, mode = 0o644): Promise<void> {
    await this.#agent.request('put', { path, data: Buffer.from(content).toString('base64'), mode });
  }

  /** Reads a file; undefined if there is none. */
  async get(path: string): Promise<Buffer | undefined> {
    const { data } = await this.#agent.request('get', { path });
    return data === null ? undefined : Buffer.from(data as string, 'base64');
  }

  /** Polls until the command exits with 0; throws with its last output at the limit. */
  async waitFor(cmd: string, what: string, limitMs = 120_000): Promise<void> {
    const deadline = Date.now() + limitMs;
    for (;;) {
      const { code, stdout, stderr } = await this.run(cmd);
      if (code === 0) return;
      if (Date.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}\n${cmd}\n${stdout}${stderr}`);
      await sleep(200);
    }
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
