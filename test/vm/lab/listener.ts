// What else can hold nf_conntrack: a listener on its events, packets that wait somewhere, another namespace's rules.
import type { Background, Guest } from '../guest.ts';
import { HOST4, PEER4 } from './peer.ts';

const TOOLS = '/usr/local/lib/ctfix-test';
const QUEUE = 77;
const HELD_PORT = 7999;

/** `conntrack -E`, as a monitoring tool runs it. */
export async function listen(
  vm: Guest,
): Promise<{ events(): Promise<number>; alive(): Promise<boolean>; stop(): Promise<void> }> {
  const job = await vm.spawn('stdbuf -oL conntrack -E');
  await vm.waitFor('test -d /sys/module/nf_conntrack_netlink && pgrep -x conntrack', 'conntrack -E listens');
  return {
    events: async () => (await job.output()).split('\n').filter((line) => /\[(NEW|UPDATE|DESTROY)\]/.test(line)).length,
    alive: () => job.running(),
    stop: async () => void (await job.stop()),
  };
}

/** Packets from the peer wait in an nfqueue whose reader never answers; ended by `release`. Needs the peer and ct rules. */
export async function holdInQueue(vm: Guest, packets = 5): Promise<{ release(): Promise<void> }> {
  const reader = await vm.spawn(`exec python3 ${TOOLS}/nfqueue.py ${QUEUE}`);
  await untilPrinted(vm, reader, 'bound', 1);
  // After conntrack (priority -200), before every filter.
  const rules = `table ip lab_queue { chain held { type filter hook prerouting priority -120; udp dport ${HELD_PORT} queue num ${QUEUE}; }; }`;
  await vm.sh('nft -f -', { input: rules });
  await sendFromPeer(vm, packets);
  await untilPrinted(vm, reader, 'held', packets);
  return {
    release: async () => {
      await reader.stop();
      await vm.sh('nft delete table ip lab_queue 2>/dev/null || true');
    },
  };
}

/** Packets to the peer wait in a qdisc for most of an hour; ended by `release`. Needs the peer and ct rules. */
export async function holdInQdisc(vm: Guest, packets = 5): Promise<{ release(): Promise<void> }> {
  // Of three bands only the last delays, one byte a second and 3000 bytes more for each packet (a plain delay ends at
  // four minutes): the rest of the traffic goes on.
  await vm.sh(
    [
      'tc qdisc add dev lab0 root handle 1: prio bands 3 priomap 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0',
      'tc qdisc add dev lab0 parent 1:3 netem rate 8bit 3000',
      `tc filter add dev lab0 parent 1: protocol ip u32 match ip dport ${HELD_PORT} 0xffff flowid 1:3`,
    ].join(' && '),
  );
  await vm.sh(udpSender(packets, PEER4));
  await vm.waitFor(
    `tc -s qdisc show dev lab0 | grep -A2 netem | grep -q ' ${packets}p '`,
    'the packets wait in the qdisc',
  );
  return { release: async () => void (await vm.sh('tc qdisc del dev lab0 root')) };
}

/** Another network namespace with a rule that needs conntrack. */
export async function otherNamespace(vm: Guest, rule: 'nft' | 'iptables' = 'nft', name = 'tenant'): Promise<void> {
  const nft = 'table inet t { chain c { type filter hook input priority 0; ct state established accept; }; }';
  const enter = `ip netns exec ${name}`;
  await vm.sh(`ip netns add ${name}`);
  if (rule === 'nft') await vm.sh(`${enter} nft -f -`, { input: nft });
  else await vm.sh(`${enter} iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT`);
}

async function sendFromPeer(vm: Guest, packets: number): Promise<void> {
  await vm.sh(`ip netns exec peer ${udpSender(packets, HOST4)}`);
}

function udpSender(packets: number, address: string): string {
  const send = `[socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("${address}", ${HELD_PORT})) for _ in range(${packets})]`;
  return `python3 -c 'import socket; ${send}'`;
}

async function untilPrinted(vm: Guest, job: Background, word: string, times: number): Promise<void> {
  const count = async () => (await job.output()).split('\n').filter((line) => line === word).length;
  for (const deadline = Date.now() + 60_000; (await count()) < times; ) {
    if (Date.now() > deadline) throw new Error(`'${word}' was not printed ${times} times:\n${await job.output()}`);
    await vm.sh('sleep 0.1');
  }
}
