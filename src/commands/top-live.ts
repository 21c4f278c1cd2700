/** The table of this host as flows: through conntrack where that is installed, else out of /proc. */

import { CtfixError } from '../errors.ts';
import { otherNamespaces } from '../facts/rules-namespaces.ts';
import { NETFILTER, PREFIX } from '../facts/table.ts';
import type { ReadHost } from '../host/host.ts';
import { isInstalled } from '../programs.ts';
import type { Flow } from '../top/flow.ts';
import { type Listing, listing } from '../top/listing.ts';
import type { Origin } from '../top/report.ts';

type Argv = readonly [string, ...string[]];

const PROC = '/proc/net/nf_conntrack';
const NETLINK = '/sys/module/nf_conntrack_netlink';

export type Take = (flow: Flow) => void;

/** One listing that was read, and of which namespace, when it was not this one. */
export type Dump = { readonly listing: Listing; readonly where?: string };

/** Where the table can be read; `loads`: doing so would load a module. */
export type Reader = { readonly origin: Origin; readonly argv: Argv; readonly loads: boolean };

/**
 * A program's C library writes 4 KiB at a time into what is no terminal: forty thousand times for a million flows, and each
 * wakes the reader. With a larger buffer the reader costs the program next to nothing. stdbuf(1)
 */
const BUFFERED: Argv = ['stdbuf', '--output=64K'];

/** Is there a table at all? Without the module nothing is tracked, and asking would load it. */
export async function isTracking(host: ReadHost): Promise<boolean> {
  return (await host.stat(`${NETFILTER}/${PREFIX}count`)) !== undefined;
}

/** The ways to read the table, the best one first: /proc is slow on large tables, and not everywhere. */
export async function readers(host: ReadHost): Promise<readonly Reader[]> {
  const conntrack = { kind: 'conntrack', name: 'conntrack -L' } as const;
  const proc = { kind: 'proc', name: PROC } as const;
  const loads = (await host.stat(NETLINK)) === undefined;
  const [listed, buffered] = await Promise.all(['conntrack', 'stdbuf'].map((program) => isInstalled(host, program)));
  const list: Argv = ['conntrack', '-L'];
  return [
    ...(listed && buffered ? [{ origin: conntrack, argv: [...BUFFERED, ...list] as const, loads }] : []),
    ...(listed ? [{ origin: conntrack, argv: list, loads }] : []),
    ...((await host.stat(PROC)) === undefined
      ? []
      : [{ origin: proc, argv: ['cat', '--', PROC] as const, loads: false }]),
  ];
}

/**
 * Reads the table of this namespace.
 * @param take is given every flow
 * @param tick is called after every piece
 * @throws CtfixError failed: the program ended with an error
 */
export async function readTable(host: ReadHost, reader: Reader, take: Take, tick: () => void): Promise<Listing> {
  let sixes = 0;
  const lines = listing((flow) => {
    if (!flow.source.isV4) sixes += 1;
    take(flow);
  });
  await pour(host, reader.argv, lines, tick);
  if (reader.origin.kind === 'conntrack' && sixes === 0 && (await listsOneFamily(host))) {
    await pour(host, [...reader.argv, '-f', 'ipv6'], lines, tick);
  }
  return lines;
}

/** From 1.4.7 on `-L` lists both families; before, and where that is not known, IPv6 has to be asked for. */
async function listsOneFamily(host: ReadHost): Promise<boolean> {
  const { stdout } = await host.run(['conntrack', '-V']);
  const [, major = 0, minor = 0, patch = 0] = (/v(\d+)\.(\d+)\.(\d+)/.exec(stdout) ?? []).map(Number);
  return major * 10_000 + minor * 100 + patch < 10_407;
}

async function pour(host: ReadHost, argv: Argv, lines: Listing, tick: () => void): Promise<void> {
  const stream = host.stream?.(argv);
  if (stream === undefined) throw new CtfixError('failed', `${argv[0]} is not run where no kernel is`);
  for await (const piece of stream.bytes) {
    lines.feed(piece);
    tick();
  }
  lines.end();
  const { code, stderr } = await stream.ended;
  if (code === 0) return;
  const [said = ''] = stderr.trim().split('\n');
  throw new CtfixError('failed', `${argv.join(' ')} ended with code ${code}: ${said || 'it said nothing'}`);
}

/** The same in every other network namespace of this host; `done` is called after each. Those that end meanwhile are left out. */
export async function readOthers(
  host: ReadHost,
  reader: Reader,
  take: Take,
  done: { tick(): void; namespace(name: string): void },
): Promise<readonly Dump[]> {
  const dumps: Dump[] = [];
  for (const { path, inode, name, processes } of await otherNamespaces(host)) {
    const where = name ?? processes[0] ?? `net:[${inode}]`;
    const argv: Argv = ['nsenter', `--net=${path}`, '--', ...reader.argv];
    try {
      dumps.push({ listing: await readTable(host, { ...reader, argv }, take, done.tick), where });
    } catch (error) {
      if (!(error instanceof CtfixError)) throw error;
    }
    done.namespace(where);
  }
  return dumps;
}

/** A timeout as it is set now, in seconds; undefined where this kernel has none of that name. */
export async function timeoutNow(host: ReadHost, key: string): Promise<number | undefined> {
  const text = await host.readFile(`${NETFILTER}/${PREFIX}${key}`).catch(() => undefined);
  return text !== undefined && /^\d+\s*$/.test(text) ? Number(text) : undefined;
}

/** Is the module that lists the table loaded? */
export async function hasNetlink(host: ReadHost): Promise<boolean> {
  return (await host.stat(NETLINK)) !== undefined;
}
