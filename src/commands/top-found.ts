/** The table of this host, and of its other namespaces, counted; with what there is to say about the reading. */
import { CtfixError } from '../errors.ts';
import type { ReadHost } from '../host/host.ts';
import { type Census, closeNamespace, countFlow } from '../top/census.ts';
import type { Flow } from '../top/flow.ts';
import type { Found } from '../top/report.ts';
import {
  type Dump,
  hasNetlink,
  isTracking,
  type Reader,
  readers,
  readOthers,
  readTable,
  type Take,
} from './top-live.ts';

const LOADED = 'nf_conntrack_netlink was loaded to list the table and stays: unloading it would deafen others';
const SLOW = 'a large table is read faster through conntrack: install the package conntrack (conntrack-tools)';
/** Before 6.16 the kernel starts over at the first bucket for every page of /proc/net/nf_conntrack (5e4d107abd79). */
const LARGE = 50_000;

/**
 * Counts every flow of this host into the census.
 * @param namespaces also those of other network namespaces
 * @throws CtfixError failed: nothing here can list the table
 */
export async function foundLive(
  host: ReadHost,
  census: Census,
  { namespaces, tick }: { readonly namespaces: boolean; tick(): void },
): Promise<Found> {
  const nothing = { forms: [], bad: { count: 0, first: [] }, notes: [] };
  if (!(await isTracking(host))) {
    return { ...nothing, origin: { kind: 'none', name: 'nf_conntrack is not loaded, so that nothing is tracked' } };
  }
  const take = (flow: Flow) => countFlow(census, flow);
  const { reader, own, failed } = await readFirst(host, census, take, tick);
  closeNamespace(census, 'this one');
  const others = namespaces
    ? await readOthers(host, reader, take, { tick, namespace: (name) => closeNamespace(census, name) })
    : [];
  const loaded = reader.loads && (await hasNetlink(host));
  const slow = reader.origin.kind === 'proc' && census.flows > LARGE;
  return {
    origin: reader.origin,
    forms: own.listing.forms(),
    bad: badOf([own, ...others]),
    notes: [...failed, ...(loaded ? [LOADED] : []), ...(slow ? [SLOW] : [])],
  };
}

type Read = { readonly reader: Reader; readonly own: Dump; readonly failed: readonly string[] };

/** The best way, or the next one where that fails before its first flow: a kernel can be without ctnetlink. */
async function readFirst(host: ReadHost, census: Census, take: Take, tick: () => void): Promise<Read> {
  const failed: string[] = [];
  const ways = await readers(host);
  for (const [at, reader] of ways.entries()) {
    try {
      return { reader, own: { listing: await readTable(host, reader, take, tick) }, failed };
    } catch (error) {
      if (!(error instanceof CtfixError) || census.flows > 0 || at === ways.length - 1) throw error;
      failed.push(error.message);
    }
  }
  throw unreadable();
}

function unreadable(): CtfixError {
  return new CtfixError('failed', 'the table cannot be listed: neither conntrack nor /proc/net/nf_conntrack is here', {
    hint: 'install the package conntrack (conntrack-tools), or give a saved listing with --from',
  });
}

/** The lines that were no flow, of all listings together. */
export function badOf(dumps: readonly Dump[]): Found['bad'] {
  const all = dumps.map(({ listing, where }) => ({ ...listing.bad(), where }));
  return {
    count: all.reduce((sum, { count }) => sum + count, 0),
    first: all
      .flatMap(({ first, where }) => first.map((bad) => ({ ...bad, ...(where !== undefined && { where }) })))
      .slice(0, 5),
  };
}
