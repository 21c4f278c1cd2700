/** The sentence of an error, whatever was thrown. Pure. */
import { errnoOf, meaningOf } from '../host/sentence.ts';

/** Its message; one that node:fs gives about a record of ours is put into words first. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const meaning = error.name === 'HostError' ? undefined : meaningOf(errnoOf(error));
  return meaning === undefined ? error.message : `${meaning} (${error.message})`;
}
