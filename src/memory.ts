/** What the table costs in memory, empty and full, and how large it may be within a limit. Pure. */
import { alwaysExtends, flowObject } from './kernel.ts';
import { type Facts, known, type MemoryBill, type PlanOptions } from './model.ts';

/** Share of MemTotal that a full table may take unless `--memory-limit` says otherwise. */
const SHARE = 0.05;
/** The smallest extension block (NF_CT_EXT_PREALLOC, kmalloc-128); it holds accounting, timestamps, events and NAT at once. */
const EXTENSION = 128;

/** Bytes that a flow and a bucket take on this host, and the limit in bytes (0: the memory is unknown, no limit). */
export type Prices = {
  readonly perFlow: number;
  readonly perFlowHow: string;
  readonly perBucket: number;
  readonly limit: number;
};

/**
 * bytes = pointer × buckets (twice with nf_nat, whose own table has as many) + flows × (slab object + extension).
 * Source: nf_ct_alloc_hashtable, nf_nat_init, struct nf_conn, nf_ct_ext_add; measured 256 B and 256 + 128 B on 6.1.
 */
export function pricesOf(facts: Facts, options: PlanOptions): Prices {
  const { machine, table, module } = facts;
  const slab = known(table.slabObject);
  const object = slab ?? flowObject(machine.kernel);
  const block = extensionOf(facts);
  const guess = machine.kernel === '' ? `${object} B, the kernel is unknown` : `${object} B by kernel version`;
  const from = slab === undefined ? guess : `${object} B from the slab`;
  return {
    perFlow: object + (block === undefined ? 0 : EXTENSION),
    perFlowHow: block === undefined ? `${from}, no extension` : `${from} + ${EXTENSION} B extension: ${block}`,
    perBucket: (machine.bits / 8) * ('nf_nat' in module.tree ? 2 : 1),
    limit: limitOf(machine.memTotalKiB * 1024, options),
  };
}

function limitOf(memory: number, { memoryLimit }: PlanOptions): number {
  if (memoryLimit !== undefined && 'bytes' in memoryLimit) return memoryLimit.bytes;
  return Math.floor(memory * (memoryLimit?.share ?? SHARE));
}

/** Why every flow may carry the extension block, undefined when none does. */
function extensionOf({ machine, table: { values }, module }: Facts): string | undefined {
  if (machine.kernel === '') return 'older kernels have it for every flow';
  if (alwaysExtends(machine.kernel)) return 'events are on for every flow before 5.19';
  if (values.acct === '1') return 'nf_conntrack_acct=1';
  if (values.timestamp === '1') return 'nf_conntrack_timestamp=1';
  if (values.events === '1') return 'nf_conntrack_events=1';
  if ('nf_nat' in module.tree) return 'nf_nat is loaded';
  return 'nf_conntrack_netlink' in module.tree
    ? 'somebody may listen to events (nf_conntrack_netlink is loaded)'
    : undefined;
}

/**
 * The bill for a table. With max 0 (no limit) there is no "full": the flows that are there now are counted.
 * @param count flows now, for a table without a limit
 */
export function billOf(
  prices: Prices,
  table: { max: number; buckets: number },
  count: number,
  memory: number,
): MemoryBill {
  const hash = prices.perBucket * table.buckets;
  const whenFull = hash + prices.perFlow * (table.max === 0 ? count : table.max);
  return {
    perFlow: prices.perFlow,
    perFlowHow: prices.perFlowHow,
    hash,
    whenFull,
    share: memory > 0 ? whenFull / memory : 0,
    limit: prices.limit,
    overLimit: prices.limit > 0 && whenFull > prices.limit,
  };
}

/** The largest max within the limit when the buckets are what they are. */
export function maxWithin(prices: Prices, buckets: number): number {
  return Math.max(0, Math.floor((prices.limit - prices.perBucket * buckets) / prices.perFlow));
}

/**
 * The most buckets within the limit when max is ratio × buckets.
 * @param step buckets come in whole pages
 */
export function bucketsWithin(prices: Prices, ratio: number, step: number): number {
  const most = Math.floor(prices.limit / (prices.perBucket + prices.perFlow * ratio));
  return Math.floor(most / step) * step;
}
