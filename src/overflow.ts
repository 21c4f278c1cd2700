/** What the counters say of a table that was over its max, and what of `drop` is another matter. Pure. */
import { known, type TableFacts } from './model.ts';

/** Sums over the CPUs by column, under the names of /proc/net/stat/nf_conntrack. */
type Counters = Readonly<Record<string, number>>;

/**
 * The part of a rise of `drop` that can be a full table: the packets that no clash of two new flows explains. What moves
 * which counter (net/netfilter/nf_conntrack_core.c):
 *
 * | event | drop | insert_failed | chainlength |
 * |---|---|---|---|
 * | table full, or no memory for a flow (__nf_conntrack_alloc, nf_conntrack_in) | + | | |
 * | clash that is not resolved (nf_ct_resolve_clash, 4.7, 71d8c47fc653); before, `insert_failed` alone | + | + | |
 * | clash that is resolved (__nf_ct_resolve_clash); `clashres` alone from 5.10 on (bc92470413f3) | | before 5.10 | |
 * | dying flow (__nf_conntrack_confirm) | | + | |
 * | chain too long (__nf_conntrack_confirm, 5.15, d7e7747ac5c2) | | + | + |
 * | chain too long for a flow that a program made (nf_conntrack_hash_check_insert) | | | + |
 *
 * So `insert_failed` − `chainlength` of the drops were clashes at most, and the others were none. From 5.10 on that is exact
 * but for dying flows; before, it is too low where clashes were resolved. Too high it is only where a program's own flows
 * meet long chains. The others may still be for want of memory, or packets that the TCP tracker or the adjustment of
 * sequence numbers dropped (nf_conntrack_in, nf_confirm).
 * @param first 0 in every column unless told: then it is the part since the module was loaded. A counter that fell was
 *   reset by a load of the module, and has not risen
 */
export function unclashedDrops(later: Counters, first: Counters = {}): number {
  const clashes = Math.max(0, rise('insert_failed', later, first) - rise('chainlength', later, first));
  return Math.max(0, rise('drop', later, first) - clashes);
}

function rise(name: string, later: Counters, first: Counters): number {
  return Math.max(0, (later[name] ?? 0) - (first[name] ?? 0));
}

/**
 * Whether no packet was dropped and no flow evicted for want of room since the module was loaded. Before 5.10 (no
 * `clashres`) resolved clashes may hide such drops, and only a `drop` of 0 is sure.
 */
export function neverOverflowed(counters: Counters): boolean {
  const { drop, early_drop: early = 0 } = counters;
  return (
    early === 0 && (drop === 0 || (drop !== undefined && 'clashres' in counters && unclashedDrops(counters) === 0))
  );
}

/** A table at two moments, half a second apart; what could not be read is undefined. */
type Looks = {
  readonly count: number | undefined;
  /** 0 is no limit */
  readonly max: number | undefined;
  readonly first: Counters | undefined;
  readonly later: Counters | undefined;
};

/** Packets that were dropped for want of room and flows that were evicted, by counter. */
type Overflow = { readonly drop: number; readonly early_drop: number };

/** No table empties by half between the two looks: what is dropped below that was not dropped for want of room. */
const HALF = 0.5;

/**
 * By how much a table went over its max between two looks. Evictions always say so (__nf_conntrack_alloc alone calls
 * early_drop, when the count is above max); drops that no clash explains do where the table is half full or more, or that is
 * unknown: elsewhere there was no memory, or a packet in a bad state.
 * @returns 0 where that was not so, or cannot be seen
 */
export function overflowOf({ count, max, first, later }: Looks): Overflow {
  if (first === undefined || later === undefined || max === 0) return { drop: 0, early_drop: 0 };
  const filled = count === undefined || max === undefined || count >= HALF * max;
  return { drop: filled ? unclashedDrops(later, first) : 0, early_drop: rise('early_drop', later, first) };
}

/** The same for the table of this network namespace. */
export function overflowHere(table: Pick<TableFacts, 'count' | 'max' | 'counters' | 'countersLater'>): Overflow {
  const { count, max, counters, countersLater } = table;
  return overflowOf({
    count: known(count),
    max: known(max),
    first: known(counters),
    later: known(countersLater),
  });
}
