// A peer of the machine, inside it: a network namespace behind a veth pair, from which ssh sessions and TCP connections
// come. The host is 10.77.0.1 and fd77::1, the peer 10.77.0.2 and fd77::2; an echo server listens on port 7000.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Background, Guest } from '../guest.ts';

const TOOLS = '/usr/local/lib/ctfix-test';
const FROM_PEER = 'ip netns exec peer';
const ECHO_PORT = 7000;

export const HOST4 = '10.77.0.1';
export const HOST6 = 'fd77::1';
export const PEER4 = '10.77.0.2';

/** Makes the peer and the echo server; again after a reboot. */
export async function peerUp(vm: Guest): Promise<void> {
  await vm.sh(`${TOOLS}/peer.sh`);
}

export type Session = {
  /** A point in time for `longestGap`. */
  mark(): Promise<number>;
  /** The longest time without a line since the session began or since a mark, in ms; a silence that lasts counts. */
  longestGap(since?: number): Promise<number>;
  /** Has the session not ended, and does it print? */
  alive(): Promise<boolean>;
  stop(): Promise<void>;
};

let sessions = 0;

/** An ssh session from the peer that prints ten lines a second. */
export async function openSession(vm: Guest, address = HOST4): Promise<Session> {
  const log = `/run/ctfix-test/session-${++sessions}`;
  const job = await vm.spawn(`${FROM_PEER} python3 ${TOOLS}/ticker.py run ${log} ${address}`);
  await vm.waitFor(`test -s ${log}`, 'the ssh session prints');
  const gap = async (since = 0) => JSON.parse(await vm.sh(`python3 ${TOOLS}/ticker.py gap ${log} ${since}`));
  return {
    mark: async () => Number((await vm.sh('cut -d" " -f1 /proc/uptime')).trim()),
    longestGap: async (since) => (await gap(since)).longest,
    alive: async () => (await job.running()) && (await gap()).silence < 3000,
    stop: async () => void (await job.stop()),
  };
}

/** Does a NEW ssh login from the peer work? */
export async function canLogIn(vm: Guest, address = HOST4, limitMs = 30_000): Promise<boolean> {
  const seconds = Math.ceil(limitMs / 1000);
  const ssh = `ssh -o BatchMode=yes -o ConnectTimeout=${seconds} root@${address} echo in`;
  const { stdout } = await vm.run(`timeout ${seconds + 10} ${FROM_PEER} ${ssh}`);
  return stdout.trim() === 'in';
}

export type Held = {
  /** How many connections came about. */
  readonly opened: number;
  /** How many of them still echo a line. */
  check(): Promise<{ alive: number; dead: number }>;
  stop(): Promise<void>;
};

let holders = 0;

/** Opens TCP connections from the peer and keeps them (assured flows, which early_drop never takes). */
async function hold(vm: Guest, count: number, address = HOST4): Promise<Held> {
  const control = `/run/ctfix-test/hold-${++holders}`;
  const job = await vm.spawn(
    `ulimit -n 65536; ${FROM_PEER} python3 ${TOOLS}/hold.py open ${control} ${address} ${ECHO_PORT} ${count}`,
  );
  const opened = await openedBy(job);
  return {
    opened,
    check: async () => JSON.parse(await vm.sh(`python3 ${TOOLS}/hold.py check ${control}`)),
    stop: async () => void (await job.stop()),
  };
}

async function openedBy(job: Background, limitMs = 180_000): Promise<number> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const output = await job.output();
    const opened = /^opened (\d+) of/m.exec(output)?.[1];
    if (opened) return Number(opened);
    if (Date.now() > deadline || !(await job.running())) throw new Error(`connections were not opened:\n${output}`);
    // Asked without a pause, the agent would take the machine's processors from what is waited for.
    await sleep(250);
  }
}

/** Opens new TCP connections from the peer, one beside the other: how many echoed within the limit? */
export async function tryConnections(
  vm: Guest,
  count: number,
  { address = HOST4, limitMs = 3000 } = {},
): Promise<{ worked: number; failed: number }> {
  const seconds = limitMs / 1000;
  const attempt = `python3 ${TOOLS}/hold.py try ${address} ${ECHO_PORT} ${count} ${seconds}`;
  return JSON.parse(await vm.sh(`ulimit -n 65536; ${FROM_PEER} ${attempt}`));
}

/** Lowers max by hand and opens more connections than fit: the table is full for real. Returns those that are held. */
export async function fillTable(vm: Guest, max = 200): Promise<Held> {
  await vm.sh(`sysctl -qw net.netfilter.nf_conntrack_max=${max}`);
  const held = await hold(vm, max + 20);
  await vm.waitFor(`dmesg | grep 'table full, dropping packet'`, 'the kernel says that the table is full');
  return held;
}
