/** A hash table from 32-bit numbers (IPv4 addresses) to counts, in one flat array. Pure. */

/** Key, flows, how many of them had the first and the second flag: a cache line holds four entries. */
const WIDTH = 4;

export type NumberStore = {
  size: number;
  /** slots with linear probing, a power of two of them; a count of 0 is a free one */
  readonly cells: Int32Array;
};

/** An empty table for so many keys. */
export function newNumbers(capacity: number): NumberStore {
  return { size: 0, cells: new Int32Array(WIDTH * 2 ** Math.ceil(Math.log2(capacity * 2))) };
}

/** How many keys it takes before it must be rebuilt larger: half of its slots. */
export function capacityOf({ cells }: NumberStore): number {
  return cells.length / WIDTH / 2;
}

/** Where the key's cell begins, or the free one where it belongs. */
export function cellOf({ cells }: NumberStore, key: number): number {
  // A shift, not a division: it is asked three times for every line.
  const last = cells.length - 1;
  const mixed = Math.imul(key, -1640531527);
  let cell = ((mixed ^ (mixed >>> 15)) << 2) & last;
  while (cells[cell] !== key && cells[cell + 1] !== 0) cell = (cell + WIDTH) & last;
  return cell;
}

/** Counts one flow in a cell. */
export function countCell({ cells }: NumberStore, cell: number, flags: number): void {
  cells[cell + 1] = (cells[cell + 1] ?? 0) + 1;
  if ((flags & 1) !== 0) cells[cell + 2] = (cells[cell + 2] ?? 0) + 1;
  if ((flags & 2) !== 0) cells[cell + 3] = (cells[cell + 3] ?? 0) + 1;
}

/** The counts of all keys, in no order. */
export function countsIn({ size, cells }: NumberStore): Uint32Array {
  const counts = new Uint32Array(size);
  let next = 0;
  for (let at = 1; at < cells.length; at += WIDTH) {
    const count = cells[at] ?? 0;
    if (count !== 0) counts[next++] = count;
  }
  return counts;
}

/** Every key with its numbers. */
export function eachNumber(
  { cells }: NumberStore,
  take: (key: number, count: number, first: number, second: number) => void,
): void {
  for (let at = 0; at < cells.length; at += WIDTH) {
    const count = cells[at + 1] ?? 0;
    if (count !== 0) take(cells[at] ?? 0, count, cells[at + 2] ?? 0, cells[at + 3] ?? 0);
  }
}

/**
 * Puts the same keys into an empty table, each count less `taken`; what has nothing left is left out.
 * @returns that table
 */
export function movedNumbers({ cells }: NumberStore, made: NumberStore, taken: number): NumberStore {
  for (let at = 0; at < cells.length; at += WIDTH) {
    const count = cells[at + 1] ?? 0;
    if (count <= taken) continue;
    const cell = cellOf(made, cells[at] ?? 0);
    made.cells[cell] = cells[at] ?? 0;
    made.cells[cell + 1] = count - taken;
    made.cells[cell + 2] = cells[at + 2] ?? 0;
    made.cells[cell + 3] = cells[at + 3] ?? 0;
    made.size += 1;
  }
  return made;
}

/** Forgets all keys. */
export function clearNumbers(store: NumberStore): NumberStore {
  store.cells.fill(0);
  store.size = 0;
  return store;
}

/** 3232235777 as 192.168.1.1; the number is a signed one. */
export function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}
