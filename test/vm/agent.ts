// The tester's end of the channel to the guest's agent (guest/agent.py).
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectLines, type Message } from './lines.ts';

export type Run = { code: number; stdout: string; stderr: string; ms: number };
export type RunOptions = { timeout?: number; user?: string; input?: string; env?: Record<string, string> };
type Waiting = { resolve: (reply: Message) => void; reject: (error: Error) => void };

/** A connection to the agent; requests may overlap. */
export class Agent {
  readonly #waiting = new Map<number, Waiting>();
  #socket: Socket | undefined;
  #last = 0;

  /** Connects to the socket that qemu offers for the guest's virtio-serial port. */
  static async connect(path: string): Promise<Agent> {
    const agent = new Agent();
    agent.#socket = await connectLines(path, (message) => agent.#receive(message));
    agent.#socket.on('close', () => agent.#failAll(new Error('the machine is gone (qemu ended)')));
    return agent;
  }

  /** Sends a request and waits for its answer, at most `limitMs`: a full table keeps an emulated machine busy. */
  async request(action: string, fields: Message = {}, limitMs = 180_000): Promise<Message> {
    const id = ++this.#last;
    const reply = new Promise<Message>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    if (this.#socket?.destroyed !== false) this.#failAll(new Error('the machine is gone (qemu ended)'));
    else this.#socket.write(`${JSON.stringify({ id, action, ...fields })}\n`);
    const timer = setTimeout(() => {
      this.#waiting.get(id)?.reject(new Error(`the guest's agent did not answer '${action}' within ${limitMs} ms`));
    }, limitMs);
    try {
      const message = await reply;
      if (typeof message.error === 'string') throw new Error(`guest, ${action}: ${message.error}`);
      return message;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /** Runs a command in the guest, in its own process group, killed at the timeout. */
  async run(cmd: string, options: RunOptions = {}): Promise<Run> {
    const { timeout = 120_000, ...rest } = options;
    const reply = await this.request('run', { cmd, timeout: timeout / 1000, ...rest }, timeout + 30_000);
    const { code, stdout, stderr, ms, timedOut } = reply as Run & { timedOut: boolean };
    if (timedOut) throw new Error(`killed after ${timeout} ms: ${cmd}\n${stdout}${stderr}`);
    return { code, stdout, stderr, ms };
  }

  /** Runs a command that must succeed; returns what it printed, trimmed. */
  async sh(cmd: string, options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(cmd, options);
    if (code !== 0) throw new Error(`exit ${code}: ${cmd}\n${stdout}${stderr}`);
    return stdout.trim();
  }

  /** Waits until systemd has finished starting (of another boot than `unlike`, if given); returns the boot's id. */
  async ready(unlike?: string, limitMs = 300_000): Promise<string> {
    const deadline = Date.now() + limitMs;
    for (;;) {
      const bootId = await this.request('ping', {}, 2000).then((reply) => reply.bootId as string, this.#unlessGone);
      if (bootId && bootId !== unlike) {
        const left = Math.max(deadline - Date.now(), 1000);
        const state = await this.run('systemctl is-system-running --wait', { timeout: left });
        if (/^(running|degraded)/.test(state.stdout)) return bootId;
      }
      if (Date.now() > deadline) throw new Error(`the guest was not ready within ${limitMs} ms`);
      await sleep(200);
    }
  }

  readonly #unlessGone = (error: Error): undefined => {
    if (this.#socket?.destroyed !== false) throw error;
  };

  close(): void {
    this.#socket?.destroy();
  }

  #receive(message: Message): void {
    this.#waiting.get(message.id as number)?.resolve(message);
  }

  #failAll(error: Error): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
  }
}
