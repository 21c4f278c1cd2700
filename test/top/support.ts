/** A listing in chunks, counted. */
import { type By, countFlow, KEYS, newCensus } from '../../src/top/census.ts';
import { listing } from '../../src/top/listing.ts';
import { type Table, tablesOf } from '../../src/top/tables.ts';
import type { Question } from '../../src/top/what-if.ts';

/** @param cuts where the text is cut into chunks */
export function census(text: string | Uint8Array, cuts: readonly number[] = [], questions: readonly Question[] = []) {
  const counted = newCensus(KEYS, questions);
  const lines = listing((flow) => countFlow(counted, flow));
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  const places = [0, ...[...cuts].map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  for (const [at, place] of places.slice(0, -1).entries()) {
    // A copy that is overwritten: nothing may be kept of it.
    const chunk = Uint8Array.from(bytes.subarray(place, places[at + 1]));
    lines.feed(chunk);
    chunk.fill(120);
  }
  lines.end();
  return { counted, lines };
}

/** Rows of one table as an object. */
export function rows(counted: ReturnType<typeof newCensus>, by: By): Record<string, number> {
  const [table] = tablesOf(counted, [by], 100_000);
  return Object.fromEntries((table as Table).rows.map(({ key, flows }) => [key, flows]));
}
