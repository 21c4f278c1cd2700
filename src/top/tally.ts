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
  clearNumbers,
  countCell,
  countsIn,
  dotted,
  eachNumber,
  movedNumbers,
  type NumberStore,
  newNumbers,
} from './numbers.ts';
import {
  clearTexts,
  countEntry,
  hashOf,
  insert,
  keyText,
  movedTexts,
  newTexts,
  slotOf,
  type TextStore,
} from './texts.ts';

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
  /** tables of the full size that were left behind, to be used again: they are large, and a scan needs many */
  spareNumbers: NumberStore | undefined;
  spareTexts: TextStore | undefined;
};

/** @param limit keys that are held: with one more, counts become estimates */
export function newTally(limit: number = EXACT_KEYS): Tally {
  const few = Math.min(FEW, limit);
  return {
    held: 0,
    limit,
    low: 0,
    numbers: newNumbers(few),
    texts: newTexts(few),
    spareNumbers: undefined,
    spareTexts: undefined,
  };
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
    tally.numbers = movedNumbers(tally.numbers, newNumbers(tally.numbers.size * 2), 0);
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
    if (size >= counts.length) tally.texts = movedTexts(tally.texts, newTexts(size * 2), 0);
    entry = insert(tally.texts, slotOf(tally.texts, bytes, start, end, hash), bytes, start, end, hash);
    tally.held += 1;
  }
  countEntry(tally.texts, entry, flags);
}

/** Sees to it that one more key can be held. */
function makeRoom(tally: Tally): void {
  if (tally.held < tally.limit) return;
  const counts = countsOf(tally);
  // The middle one, the larger of the two where there are two: at least half of the counts are not above it.
  const taken = counts[counts.length >> 1] ?? 0;
  const { numbers, texts, spareNumbers, spareTexts } = tally;
  tally.numbers = movedNumbers(numbers, spareNumbers ? clearNumbers(spareNumbers) : newNumbers(tally.limit), taken);
  tally.texts = movedTexts(texts, spareTexts ? clearTexts(spareTexts) : newTexts(tally.limit), taken);
  tally.spareNumbers = capacityOf(numbers) >= tally.limit ? numbers : undefined;
  tally.spareTexts = texts.counts.length >= tally.limit ? texts : undefined;
  tally.held = tally.numbers.size + tally.texts.size;
  tally.low += taken;
}

/**
 * The keys with the most flows, largest first; equal ones by their text.
 * @param nameOf the text of a number; IPv4 addresses unless told
 */
export function topOf(tally: Tally, rows: number, nameOf: (key: number) => string = dotted): readonly Counted[] {
  const exact = tally.low === 0;
  const { texts, numbers } = tally;
  // Texts are made for those alone that can be shown: those with more flows than the last row, and its equals.
  const counts = countsOf(tally);
  const least = counts[Math.max(0, counts.length - rows)] ?? 0;
  const found: Counted[] = [];
  const row = (key: string, flows: number, unreplied: number, assured: number) =>
    found.push({ key, flows, ...(exact && { unreplied, assured }) });
  eachNumber(numbers, (key, flows, unreplied, assured) => {
    if (flows >= least) row(nameOf(key), flows, unreplied, assured);
  });
  for (let entry = 0; entry < texts.size; entry += 1) {
    const flows = texts.counts[entry] ?? 0;
    if (flows >= least) row(keyText(texts, entry), flows, texts.first[entry] ?? 0, texts.second[entry] ?? 0);
  }
  return found.sort(byFlows).slice(0, rows);
}

/** Sorts rows: those with the most flows first, equal ones by their text. */
export function byFlows(a: Counted, b: Counted): number {
  return b.flows - a.flows || (a.key < b.key ? -1 : 1);
}

/** All counts, the smallest first. */
function countsOf({ held, numbers, texts }: Tally): Uint32Array {
  const counts = new Uint32Array(held);
  counts.set(countsIn(numbers));
  counts.set(texts.counts.subarray(0, texts.size), numbers.size);
  return counts.sort();
}
