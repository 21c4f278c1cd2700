/** A hash table from byte ranges to counts, in flat arrays: no object and no string for a key. Pure. */
import { byteAt, isRange } from './bytes.ts';

export type TextStore = {
  size: number;
  /** entry + 1 by hash, linear probing; twice the capacity or more, a power of two */
  readonly slots: Int32Array;
  readonly hashes: Int32Array;
  readonly counts: Uint32Array;
  /** how many of the counted had the first, and the second, flag */
  readonly first: Uint32Array;
  readonly second: Uint32Array;
  readonly starts: Uint32Array;
  readonly lengths: Uint16Array;
  /** the bytes of all keys, one after the other */
  keys: Uint8Array;
  used: number;
};

/** An empty table for so many keys. */
export function newTexts(capacity: number): TextStore {
  return {
    size: 0,
    slots: new Int32Array(2 ** Math.ceil(Math.log2(capacity * 2))),
    hashes: new Int32Array(capacity),
    counts: new Uint32Array(capacity),
    first: new Uint32Array(capacity),
    second: new Uint32Array(capacity),
    starts: new Uint32Array(capacity),
    lengths: new Uint16Array(capacity),
    keys: new Uint8Array(capacity * 16),
    used: 0,
  };
}

/** FNV-1a over the bytes, mixed once more because the slot is taken from its low bits. */
export function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = -2128831035;
  for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ byteAt(bytes, at), 16777619);
  return hash ^ (hash >>> 15);
}

/** The slot of the key, or the free one where it belongs. */
export function slotOf(store: TextStore, bytes: Uint8Array, start: number, end: number, hash: number): number {
  const { slots, hashes, starts, lengths, keys } = store;
  const mask = slots.length - 1;
  for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
    const entry = (slots[slot] ?? 0) - 1;
    if (entry < 0) return slot;
    if (hashes[entry] !== hash || lengths[entry] !== end - start) continue;
    if (isRange(keys, starts[entry] ?? 0, bytes, start, end)) return slot;
  }
}

/** Puts a key that is not there into a free slot; there must be room. @returns its entry, with a count of 0 */
export function insert(
  store: TextStore,
  slot: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  hash: number,
): number {
  const entry = store.size;
  const length = end - start;
  if (store.used + length > store.keys.length) store.keys = longer(store.keys, store.used + length);
  store.keys.set(bytes.subarray(start, end), store.used);
  store.starts[entry] = store.used;
  store.lengths[entry] = length;
  store.hashes[entry] = hash;
  store.slots[slot] = entry + 1;
  store.used += length;
  store.size += 1;
  return entry;
}

function longer(keys: Uint8Array, least: number): Uint8Array {
  const more = new Uint8Array(Math.max(keys.length * 2, least));
  more.set(keys);
  return more;
}

/** Counts one flow of an entry. */
export function countEntry({ counts, first, second }: TextStore, entry: number, flags: number): void {
  counts[entry] = (counts[entry] ?? 0) + 1;
  if ((flags & 1) !== 0) first[entry] = (first[entry] ?? 0) + 1;
  if ((flags & 2) !== 0) second[entry] = (second[entry] ?? 0) + 1;
}

/** Forgets all keys. */
export function clearTexts(store: TextStore): TextStore {
  for (const numbers of [store.slots, store.counts, store.first, store.second]) numbers.fill(0);
  store.size = 0;
  store.used = 0;
  return store;
}

/**
 * Puts the same keys into an empty table, each count less `taken`; what has nothing left is left out.
 * @returns that table
 */
export function movedTexts(store: TextStore, made: TextStore, taken: number): TextStore {
  for (let old = 0; old < store.size; old += 1) {
    const count = (store.counts[old] ?? 0) - taken;
    if (count <= 0) continue;
    const start = store.starts[old] ?? 0;
    const end = start + (store.lengths[old] ?? 0);
    const hash = store.hashes[old] ?? 0;
    const entry = insert(made, slotOf(made, store.keys, start, end, hash), store.keys, start, end, hash);
    made.counts[entry] = count;
    made.first[entry] = store.first[old] ?? 0;
    made.second[entry] = store.second[old] ?? 0;
  }
  return made;
}

/** The key of an entry as text; bytes that are no ASCII come out as Latin-1. */
export function keyText(store: TextStore, entry: number): string {
  const start = store.starts[entry] ?? 0;
  return String.fromCharCode(...store.keys.subarray(start, start + (store.lengths[entry] ?? 0)));
}
