/** A line of the rarer forms as a string in which places are the same as in the bytes. Pure. */
import { PROTOCOLS } from '../protocols.ts';
import { LF } from './bytes.ts';
import type { Flow } from './flow.ts';

/** The line at `flow.at`, one character a byte, without its line end; `at` is moved to the next line. */
export function takeLatin(flow: Flow): string {
  const start = flow.at;
  const end = flow.bytes.indexOf(LF, start);
  flow.at = end + 1;
  // A line has at most 64 KiB, which the engine takes as arguments.
  return String.fromCharCode(...flow.bytes.subarray(start, end));
}

const NUMBERS = new Map(Object.entries(PROTOCOLS).map(([number, name]) => [name, Number(number)]));

/** The number of a protocol that is named or numbered; undefined for another word. */
export function protocolNumber(word: string): number | undefined {
  const number = NUMBERS.get(word) ?? (/^\d{1,3}$/.test(word) ? Number(word) : undefined);
  return number === undefined || number > 255 ? undefined : number;
}

/** Digits as a number, `none` for everything else. */
export function digits(word: string | undefined, none: number): number {
  return word !== undefined && /^\d{1,10}$/.test(word) ? Number(word) : none;
}
