/** Every number of a sizing with its working, in the order in which they follow from each other. Pure. */
import { type Case, FORMULA_MOST } from './demand.ts';
import type { MemoryBill, Working } from './model.ts';
import { bytes, grouped } from './render/numbers.ts';
import type { Numbers } from './sizing.ts';

/** Rows for the plan; values are flows, buckets, entries of a chain or bytes, as `how` says. */
export function workingOf(it: Case, table: Numbers, memory: MemoryBill): Working[] {
  const { facts, present, demand, formula } = it;
  const { memTotalKiB, bits } = facts.machine;
  const cap = formula === FORMULA_MOST ? ', held at 1,048,576' : '';
  const load = table.max === 0 ? table.load : table.max;
  const rows: (Working | false)[] = [
    { name: 'formula', value: formula, how: `MemTotal ${grouped(memTotalKiB)} KiB / (16384 × ${bits}/32)${cap}` },
    present.max !== undefined && { name: 'present max', value: present.max, how: present.maxHow },
    demand.value > 0 && { name: 'demand', value: demand.value, how: demand.how },
    { name: 'max', value: table.max, how: maxHow(it, table) },
    { name: 'buckets', value: table.buckets, how: bucketsHow(it, table) },
    table.buckets > 0 && {
      name: 'chain',
      value: Math.round((20 * load) / table.buckets) / 10,
      how: `entries in an average chain when full: 2 × ${grouped(load)} / ${grouped(table.buckets)}`,
    },
    { name: 'memory', value: memory.whenFull, how: memoryHow(it, table, memory) },
    memory.limit > 0 && { name: 'memory limit', value: memory.limit, how: limitHow(it, memory) },
  ];
  return rows.filter((row) => row !== false);
}

function maxHow({ options, present, demand, formula, ratio }: Case, { max, buckets, heldFrom }: Numbers): string {
  if (options.max === max) return '--max';
  if (max === 0) return 'no limit, as it is';
  if (max === present.max) return heldFrom === undefined ? 'as it is' : 'as it is: the memory limit leaves no room';
  if (heldFrom !== undefined) return `${grouped(heldFrom)} held at the memory limit`;
  const largest = Math.max(demand.value, formula);
  const from = demand.value >= formula ? 'the demand' : 'the formula';
  return max === largest ? from : `${from}, up to ${ratio} × ${grouped(buckets)} buckets`;
}

function bucketsHow({ options, present, facts, ratio, shortChains }: Case, { load, buckets }: Numbers): string {
  const { pageSize, bits } = facts.machine;
  const step = `in whole pages of ${pageSize / (bits / 8)}`;
  if (options.hashsize !== undefined) return `--hashsize ${grouped(options.hashsize)}, ${step}`;
  const limit = shortChains ? ' (the chain limit of this kernel is short: 8 to 31)' : '';
  if (buckets === present.working || buckets === present.buckets) {
    const each = round(load / buckets);
    return buckets === 0 ? 'unknown' : `as they are: ${each} ${each === 1 ? 'flow' : 'flows'} a bucket${limit}`;
  }
  return `${grouped(load)} / ratio ${ratio}, ${step}${limit}`;
}

function memoryHow({ prices }: Case, { max, buckets }: Numbers, { perFlow, perFlowHow, whenFull }: MemoryBill): string {
  const hash = `${prices.perBucket} B × ${grouped(buckets)} buckets`;
  if (max === 0) return `${hash} + the flows of now: no limit, so there is no "full"`;
  return `${hash} + ${perFlow} B (${perFlowHow}) × ${grouped(max)} flows: ${bytes(whenFull)} when full`;
}

function limitHow({ options, facts }: Case, { limit }: MemoryBill): string {
  const { memoryLimit } = options;
  if (memoryLimit !== undefined && 'bytes' in memoryLimit) return `--memory-limit: ${bytes(limit)}`;
  const share = round((memoryLimit?.share ?? 0.05) * 100);
  return `${share} % of ${bytes(facts.machine.memTotalKiB * 1024)}: ${bytes(limit)}`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
