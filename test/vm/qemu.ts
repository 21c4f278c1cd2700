// One qemu process: how it is started, and the few QMP commands that a snapshot needs.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kernel } from './image.ts';
import { connectLines, type Message } from './lines.ts';

const MEMORY_MB = 2048;

export type Start = {
  kernel: Kernel;
  /** The folder of the image: kernels and initial ramdisks. */
  image: string;
  /** A folder of this machine's own, for sockets and logs. */
  dir: string;
  /** The qcow2 disk that the guest writes to. */
  disk: string;
  /** A raw file of ATTACHED_MB that the guest sees read-only as /dev/vdb. */
  attached: string;
  memory?: { file: string; share: boolean };
  incoming?: boolean;
};

/** A running qemu with its control socket. */
export class Qemu {
  readonly #child: ChildProcess;
  readonly #dir: string;
  #qmp: Socket | undefined;
  #reply: ((message: Message) => void) | undefined;

  private constructor(child: ChildProcess, dir: string) {
    this.#child = child;
    this.#dir = dir;
  }

  /** Starts qemu; it dies with this process (setpriv(1) --pdeathsig), whatever kills that. */
  static async start(start: Start): Promise<Qemu> {
    const log = openSync(join(start.dir, 'qemu.log'), 'a');
    const command = ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...qemuArguments(start)];
    const child = spawn('setpriv', command, { stdio: ['ignore', log, log] });
    const qemu = new Qemu(child, start.dir);
    child.on('error', () => {});
    const died = once(child, 'exit').then(() => {
      throw new Error(`qemu did not start; see ${start.dir}/qemu.log`);
    });
    await Promise.race([qemu.#connect(), died]);
    died.catch(() => {});
    return qemu;
  }

  async #connect(): Promise<void> {
    this.#qmp = await connectLines(join(this.#dir, 'qmp.sock'), (message) => {
      if ('return' in message || 'error' in message) this.#reply?.(message);
    });
    await this.command('qmp_capabilities');
  }

  /** One QMP command (qemu-qmp-ref(7)); commands are sent one after the other. */
  async command(execute: string, fields: Message = {}): Promise<Message> {
    const reply = new Promise<Message>((resolve) => {
      this.#reply = resolve;
    });
    this.#qmp?.write(`${JSON.stringify({ execute, arguments: fields })}\n`);
    const message = await reply;
    if (message.error) throw new Error(`qemu, ${execute}: ${JSON.stringify(message.error)}`);
    return message.return as Message;
  }

  /** Writes the state of the devices to a file; the guest's memory is in its own file already. */
  async save(file: string): Promise<void> {
    await this.#ignoreSharedMemory();
    await this.command('stop');
    await this.command('migrate', { uri: `exec:cat >'${file}'` });
    await this.#migrated();
  }

  /** Takes up the state that `save` wrote, and runs. */
  async load(file: string): Promise<void> {
    await this.#ignoreSharedMemory();
    await this.command('migrate-incoming', { uri: `exec:cat '${file}'` });
    await this.#migrated();
    await this.command('cont');
  }

  async #ignoreSharedMemory(): Promise<void> {
    const capabilities = [{ capability: 'x-ignore-shared', state: true }];
    await this.command('migrate-set-capabilities', { capabilities });
  }

  async #migrated(): Promise<void> {
    for (;;) {
      const { status } = await this.command('query-migrate');
      if (status === 'completed') return;
      if (status === 'failed') throw new Error(`qemu: migration failed; see ${this.#dir}/qemu.log`);
      await sleep(10);
    }
  }

  /** Ends qemu: orderly, so that its disk file is complete, or as a power cut does. */
  async end(how: 'quit' | 'kill'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    if (how === 'kill') this.#child.kill('SIGKILL');
    else this.command('quit').catch(() => {});
    await exited;
  }
}

// Without cx16: emulated, cmpxchg16b damages the flags at times, and kernel 6.12 (SLUB uses it) panics.
function qemuArguments({ kernel, image, dir, disk, attached, memory, incoming }: Start): string[] {
  const backend = memory
    ? `memory-backend-file,id=ram,size=${MEMORY_MB}M,mem-path=${memory.file},share=${memory.share ? 'on' : 'off'}`
    : `memory-backend-ram,id=ram,size=${MEMORY_MB}M`;
  const line = 'root=/dev/vda ro console=ttyS0 apparmor=0 mitigations=off quiet net.ifnames=0';
  return [
    ...'-accel tcg,thread=multi -cpu Nehalem,-cx16 -smp 2 -machine q35,memory-backend=ram -nodefaults -no-user-config'.split(
      ' ',
    ),
    ...['-m', `${MEMORY_MB}M`, '-object', backend, '-display', 'none'],
    ...['-kernel', join(image, `vmlinuz-${kernel}`), '-initrd', join(image, `initrd-${kernel}`), '-append', line],
    ...['-drive', `if=virtio,cache=unsafe,format=qcow2,file=${disk}`],
    ...['-drive', `if=virtio,readonly=on,format=raw,file=${attached}`],
    ...['-netdev', 'user,id=net,restrict=on', '-device', 'virtio-net-pci,netdev=net,romfile='],
    ...['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci'],
    ...['-chardev', `socket,id=agent,path=${dir}/agent.sock,server=on,wait=off`],
    ...['-device', 'virtserialport,chardev=agent,name=ctfix.agent'],
    ...['-qmp', `unix:${dir}/qmp.sock,server=on,wait=off`],
    ...['-chardev', `file,id=console,path=${dir}/serial.log,append=on`, '-serial', 'chardev:console'],
    ...(incoming ? ['-incoming', 'defer'] : []),
  ];
}
