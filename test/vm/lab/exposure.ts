// A port that the firewall closes, and a peer that tries all the time to get in: how often does it?
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Guest } from '../guest.ts';
import { type Kind, settled, UNITS } from './firewalls.ts';
import { HOST4, HOST6 } from './peer.ts';

/** Closed by every firewall of the lab. */
const FIRST_PORT = 7666;
/** A little above what is asked for, because an emulated processor is late now and then. */
const RATE = 230;
const DIR = '/run/ctfix-test';

/** Connections and datagrams, by protocol and family. */
export type LetIn = { tcp4: number; tcp6: number; udp4: number; udp6: number };
export type Exposure = {
  readonly letIn: LetIn;
  /** tries a second, of each of TCP and UDP */
  readonly rate: { four: number; six: number };
  readonly seconds: number;
};

/** Puts a probe into the machine; not part of its image, so that a change of it costs nothing. */
export async function putProbe(vm: Guest, name: string): Promise<string> {
  const path = `/usr/local/lib/ctfix-test/probes/${name}`;
  await vm.put(path, await readFile(join(import.meta.dirname, '../probes', name)), 0o755);
  return path;
}

let ports = 0;

/**
 * What gets in from the peer while `body` runs; the port is served, open to the host itself and closed to the peer. Each
 * time another port: connections that got in once and were never closed are still in the table, and a firewall lets a new
 * one from the same source port in as one of them.
 */
export async function exposedDuring(vm: Guest, body: () => Promise<unknown>): Promise<Exposure> {
  const port = FIRST_PORT + (ports++ % 30);
  const probe = await putProbe(vm, 'exposure.py');
  const [counts, tries] = [`${DIR}/counts`, `${DIR}/tries`];
  await vm.sh(`mkdir -p ${DIR}; rm -f ${counts} ${tries}`);
  const server = await vm.spawn(`exec python3 ${probe} listen ${port} ${counts}`);
  await vm.waitFor(`test -s ${counts}`, 'the port is served');
  await vm.sh(`python3 -c 'import socket; socket.create_connection(("127.0.0.1", ${port}))'`);
  await vm.waitFor(`grep -q '"tcp4": 1' ${counts}`, 'the port answers the host itself');
  const client = await vm.spawn(
    `exec ip netns exec peer python3 ${probe} try ${port} ${RATE} ${tries} ${HOST4} ${HOST6}`,
  );
  await vm.waitFor(`test -s ${tries}`, 'the peer tries');
  const read = async (path: string) => JSON.parse(await vm.sh(`cat ${path}`));
  await vm.waitFor(`python3 -c 'import json; exit(json.load(open("${tries}"))["tcp6"] < 50)'`, 'the peer has tried');
  const closed = await read(counts);
  if (closed.tcp4 + closed.tcp6 + closed.udp4 + closed.udp6 !== 1)
    throw new Error('the firewall does not close the port');
  const timed = async () => ({
    tries: await read(tries),
    at: Number((await vm.sh(`cut -d' ' -f1 /proc/uptime`)).trim()),
  });
  const begin = await timed();
  await body();
  const end = await timed();
  const { tcp4, ...rest } = await read(counts);
  if (!(await client.running())) throw new Error(`the peer has ceased to try: ${await client.output()}`);
  await client.stop();
  await server.stop();
  const seconds = end.at - begin.at;
  const rate = (key: string) => Math.round((end.tries[key] - begin.tries[key]) / seconds);
  return { letIn: { ...rest, tcp4: tcp4 - 1 }, rate: { four: rate('tcp4'), six: rate('tcp6') }, seconds };
}

/** The classic recipe: stop, unload, load, start. Gives the seconds that these took, measured in the machine. */
export async function bareRecipe(vm: Guest, kind: Kind): Promise<number> {
  const units = UNITS[kind];
  const flush = kind === 'netfilter-persistent' ? 'netfilter-persistent flush' : ':';
  const holders = `lsmod | awk '/^(nf_conntrack|nf_nat|xt_|nft_|ip6?t_|ip6?table_nat)/ { print $1 }'`;
  const now = `$(cut -d' ' -f1 /proc/uptime)`;
  const times = await vm.sh(
    [
      `begin=${now}`,
      `systemctl stop ${units.join(' ')}`,
      flush,
      `for n in $(seq 30); do for m in $(${holders}); do rmmod $m 2>/dev/null; done; test -e /sys/module/nf_conntrack || break; sleep 0.2; done`,
      '! test -e /sys/module/nf_conntrack',
      'modprobe nf_conntrack',
      `systemctl start ${units.join(' ')}`,
      `echo "$begin ${now}"`,
    ].join('\n'),
    { timeout: 600_000 },
  );
  await settled(vm, kind);
  const [begin = 0, end = 0] = (times.split('\n').at(-1) ?? '').split(' ').map(Number);
  return end - begin;
}
