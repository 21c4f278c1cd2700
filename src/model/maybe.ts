/** What was found out and what was not. Imports nothing. */

/** Something that could not be found out, and why: never guessed, never 0. */
export type Unknown = { readonly unknown: string };
export type Maybe<T> = T | Unknown;

/** True when the value was found out. */
export function isKnown<T>(value: Maybe<T>): value is T {
  return !(typeof value === 'object' && value !== null && 'unknown' in value);
}

/** The value, or undefined when it is unknown. */
export function known<T>(value: Maybe<T>): T | undefined {
  return isKnown(value) ? value : undefined;
}
