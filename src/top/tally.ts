/**
 * Counts keys, addresses mostly: exactly while there are few different ones, within a known error and bounded memory when
 * there are more. Pure.
 *
 * The error: when a key is one too many, the median of all counts is taken off every count, and what has nothing left is
 * forgotten (Misra and Gries 1982, in the batches of Anderson et al., "A High-Performance Algorithm for Identifying
 * Frequent Items in Data Streams", IMC 2017). Each such step takes something off at least half of the counts: none is
 * low by more than twice the flows over the limit. `low` is what it really is.
 */
import type { Address } from './flow.ts';
import {
  capacityOf,
  cellOf,
  cellsIn,
  countCell,
  countsIn,
  dotted,
  type NumberStore,
  newNumbers,
  rebuiltNumbers,
} from './numbers.ts';
import { countEntry, hashOf, insert, keyText, newTexts, rebuiltTexts, slotOf, type TextStore } from './texts.ts';

/** Exact up to so many different keys. */
const EXACT_KEYS = 100_000;
const FEW = 512;

/** A key and its flows; how many of them are unreplied and assured, where that is exact. */
export type Counted = {
  readonly key: string;
  readonly flows: number;
  readonly unreplied?: number;
  readonly assured?: number;
};

export type Tally = {
  /** different keys that are held */
  held: number;
  readonly limit: number;
  /** by how much a count can be too low; 0 while all are exact */
  low: number;
  numbers: NumberStore;
  texts: TextStore;
};

/** @param limit keys that are held: with one more, counts become estimates */
export function newTally(limit: number = EXACT_KEYS): Tally {
  const few = Math.min(FEW, limit);
  return { held: 0, limit, low: 0, numbers: newNumbers(few), texts: newTexts(few) };
}

/**
 * Counts an address once.
 * @param flags UNREPLIED (1) and ASSURED (2) are counted for each key; other bits are of no interest here
 */
export function countAddress(tally: Tally, bytes: Uint8Array, address: Address, flags: number): void {
  if (address.isV4) countNumber(tally, address.v4, flags);
  else countText(tally, bytes, address.start, address.end, flags);
}

/** Counts a signed 32-bit number once; see countAddress. */
export function countNumber(tally: Tally, key: number, flags: number): void {
  const { numbers } = tally;
  const cell = cellOf(numbers, key);
  if (numbers.cells[cell + 1] === 0) addNumber(tally, key, flags);
  else countCell(numbers, cell, flags);
}

function addNumber(tally: Tally, key: number, flags: number): void {
  makeRoom(tally);
  if (tally.numbers.size >= capacityOf(tally.numbers)) {
    tally.numbers = rebuiltNumbers(tally.numbers, tally.numbers.size * 2, 0);
  }
  const { numbers } = tally;
  const cell = cellOf(numbers, key);
  numbers.cells[cell] = key;
  countCell(numbers, cell, flags);
  numbers.size += 1;
  tally.held += 1;
}

/** Counts the text in [start, end) of `bytes` once; see countAddress. */
export function countText(tally: Tally, bytes: Uint8Array, start: number, end: number, flags: number): void {
  const hash = hashOf(bytes, start, end);
  let entry = (tally.texts.slots[slotOf(tally.texts, bytes, start, end, hash)] ?? 0) - 1;
  if (entry < 0) {
    makeRoom(tally);
    const { size, counts } = tally.texts;
    if (size >= counts.length) tally.texts = rebuiltTexts(tally.texts, size * 2, 0);
    entry = insert(tally.texts, slotOf(tally.texts, bytes, start, end, hash), bytes, start, end, hash);
    tally.held += 1;
  }
  countEntry(tally.texts, entry, flags);
}

/** Sees to it that one more key can be held. */
function makeRoom(tally: Tally): void {
  if (tally.held < tally.limit) return;
  const counts = new Uint32Array(tally.held);
  counts.set(countsIn(tally.numbers));
  counts.set(tally.texts.counts.subarray(0, tally.texts.size), tally.numbers.size);
  // The middle one, the larger of the two where there are two: at least half of the counts are not above it.
  const taken = counts.sort()[counts.length >> 1] ?? 0;
  tally.numbers = rebuiltNumbers(tally.numbers, tally.limit, taken);
  tally.texts = rebuiltTexts(tally.texts, tally.texts.counts.length, taken);
  tally.held = tally.numbers.size + tally.texts.size;
  tally.low += taken;
}

/**
 * The keys with the most flows, largest first; equal ones by their text.
 * @param nameOf the text of a number; IPv4 addresses unless told
 */
export function topOf(tally: Tally, rows: number, nameOf: (key: number) => string = dotted): readonly Counted[] {
  const exact = tally.low === 0;
  const { texts } = tally;
  const all = [
    ...[...cellsIn(tally.numbers)].map(([key, flows, unreplied, assured]) => ({ key, flows, unreplied, assured })),
    ...Array.from({ length: texts.size }, (_, entry) => ({
      key: { entry },
      flows: texts.counts[entry] ?? 0,
      unreplied: texts.first[entry] ?? 0,
      assured: texts.second[entry] ?? 0,
    })),
  ].sort((a, b) => b.flows - a.flows);
  // Texts are made for those that can be shown: all that equal the last row, too.
  const least = all[Math.min(rows, all.length) - 1]?.flows ?? 0;
  return all
    .filter(({ flows }) => flows >= least)
    .map(({ key, flows, unreplied, assured }): Counted => {
      const text = typeof key === 'number' ? nameOf(key) : keyText(texts, key.entry);
      return { key: text, flows, ...(exact && { unreplied, assured }) };
    })
    .sort((a, b) => b.flows - a.flows || (a.key < b.key ? -1 : 1))
    .slice(0, rows);
}
