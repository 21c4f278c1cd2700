/** A small dictionary of words that come in bytes: each is made a string once. Pure. */
import { isRange } from './bytes.ts';
import type { Flow } from './flow.ts';
import { hashOf, insert, keyText, newTexts, slotOf, type TextStore } from './texts.ts';

/** More different states than any kernel has; what comes later is not told apart. */
const MOST = 100;

export type Words = { readonly store: TextStore; readonly texts: string[]; last: number };

export function words(): Words {
  return { store: newTexts(MOST), texts: [''], last: 0 };
}

/** The number of a flow's state, from 1 on. */
export function wordId(words: Words, { bytes, state, stateEnd }: Flow): number {
  const { store, texts } = words;
  // Most flows have the state of the one before.
  const last = words.last - 1;
  if (store.lengths[last] === stateEnd - state && isRange(store.keys, store.starts[last] ?? 0, bytes, state, stateEnd))
    return words.last;
  const hash = hashOf(bytes, state, stateEnd);
  const slot = slotOf(store, bytes, state, stateEnd, hash);
  const entry = (store.slots[slot] ?? 0) - 1;
  if (entry >= 0) {
    words.last = entry + 1;
    return words.last;
  }
  if (store.size === MOST) return MOST + 1;
  const made = insert(store, slot, bytes, state, stateEnd, hash);
  texts.push(keyText(store, made));
  return made + 1;
}

/** The word of a number; '' for 0, which stands for none; OTHER for one that was one too many. */
export function wordOf({ texts }: Words, id: number): string {
  return texts[id] ?? 'OTHER';
}
