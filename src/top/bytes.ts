/**
 * Small steps over the bytes of a line. Every line ends in a line feed, at which all of them stop, and SPARE bytes follow
 * the last one, so that four can be looked at at once. Pure.
 */
import type { Flow } from './flow.ts';

export const LF = 10;
export const SPACE = 32;

/** Bytes that must follow the last line feed of a buffer. */
export const SPARE = 64;

/** Characters of an IPv6 address: a set by byte. */
const ADDRESS = setOf('0123456789abcdefABCDEF.:');

function setOf(characters: string): Uint8Array {
  const set = new Uint8Array(256);
  for (const character of characters) set[character.charCodeAt(0)] = 1;
  return set;
}

/** The byte at a place; beyond the end a line feed, at which every loop stops. */
export function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? LF;
}

/** The place after the address that begins here. */
export function addressEnd(bytes: Uint8Array, at: number): number {
  let end = at;
  while (ADDRESS[byteAt(bytes, end)] === 1) end += 1;
  return end;
}

/** The place of the next space or line end. */
export function wordEnd(bytes: Uint8Array, at: number): number {
  let end = at;
  while (byteAt(bytes, end) > SPACE) end += 1;
  return end;
}

/** The place after spaces and tabs. */
export function skipSpaces(bytes: Uint8Array, at: number): number {
  let next = at;
  while (byteAt(bytes, next) === SPACE || byteAt(bytes, next) === 9) next += 1;
  return next;
}

/**
 * The decimal number that begins at `flow.at`, which is moved behind it.
 * @returns −1 where no digit is, or more than ten of them are
 */
export function numberAt(flow: Flow): number {
  const { bytes, at } = flow;
  let end = at;
  let value = 0;
  for (let digit = byteAt(bytes, end) - 48; digit >= 0 && digit <= 9; digit = byteAt(bytes, end) - 48) {
    value = value * 10 + digit;
    end += 1;
  }
  flow.at = end;
  return end === at || end - at > 10 ? -1 : value;
}

/** Four ASCII characters as the number that `view.getInt32(at, true)` gives for them. */
export function four(text: string): number {
  return [...text].reduce((sum, character, at) => sum | (character.charCodeAt(0) << (8 * at)), 0);
}

/** The same bytes in two places of one buffer, which has SPARE bytes behind both. */
export function isSame(flow: Flow, one: number, other: number, length: number): boolean {
  const { view } = flow;
  let i = 0;
  for (; i + 4 <= length; i += 4) if (view.getInt32(one + i, true) !== view.getInt32(other + i, true)) return false;
  const rest = 32 - 8 * (length - i);
  return rest === 32 || (view.getInt32(one + i, true) ^ view.getInt32(other + i, true)) << rest === 0;
}

/** Are [start, end) of `bytes` the same as what begins at `at` of `others`? */
export function isRange(others: Uint8Array, at: number, bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start, j = at; i < end; i += 1, j += 1) if (byteAt(bytes, i) !== byteAt(others, j)) return false;
  return true;
}
