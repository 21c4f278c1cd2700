/** A small dictionary of words that come in bytes: each is made a string once. Pure. */
import type { Flow } from './flow.ts';
import { hashOf, insert, keyText, newTexts, slotOf, type TextStore } from './texts.ts';

/** More different states than any kernel has; what comes later is the last word. */
const MOST = 100;

export type Words = { readonly store: TextStore; readonly texts: string[] };

export function words(): Words {
  return { store: newTexts(MOST), texts: [''] };
}

/** The number of a flow's state, from 1 on. */
export function wordId({ store, texts }: Words, { bytes, state, stateEnd }: Flow): number {
  const hash = hashOf(bytes, state, stateEnd);
  const slot = slotOf(store, bytes, state, stateEnd, hash);
  const entry = (store.slots[slot] ?? 0) - 1;
  if (entry >= 0) return entry + 1;
  if (store.size === MOST) return MOST;
  const made = insert(store, slot, bytes, state, stateEnd, hash);
  texts.push(keyText(store, made));
  return made + 1;
}

/** The word of a number; '' for 0, which stands for none. */
export function wordOf({ texts }: Words, id: number): string {
  return texts[id] ?? '';
}
