/** What every renderer's test needs: two views, and the search for what a terminal would obey. */
import fc from 'fast-check';

export const PLAIN = { colour: false, unicode: false };
export const COLOURED = { colour: true, unicode: true };

/** Text of any characters, those that a terminal obeys more often than chance would have it. */
export const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom('\x1b', '\n', '\r', '\t', '\x07', '\x9b', '\x7f', '\u202e', '\u2066', '\ud800', '`', '|', '<', '['),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  ),
  maxLength: 30,
});

/** Control characters that are neither line feeds nor our own SGR sequences, by code point. */
export function leftControls(text: string): string[] {
  const ours = text.replace(/\x1b\[(?:1|2|22|31|32|33|36|39)m/g, '');
  return [...ours].filter((character) => {
    const code = character.codePointAt(0) ?? 0;
    const bidi = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    const control = (code < 0x20 && character !== '\n') || (code >= 0x7f && code < 0xa0);
    return control || bidi || (code >= 0xd800 && code < 0xe000);
  });
}

/** The value with every string below one of `keys` replaced by what `next` gives. */
export function spoil<T>(value: T, keys: readonly string[], next: () => string): T {
  const walk = (inner: unknown, key: string): unknown => {
    if (typeof inner === 'string') return keys.includes(key) ? next() : inner;
    if (Array.isArray(inner)) return inner.map((one) => walk(one, key));
    if (typeof inner !== 'object' || inner === null || inner instanceof Date) return inner;
    return Object.fromEntries(Object.entries(inner).map(([name, one]) => [name, walk(one, name)]));
  };
  return walk(value, '') as T;
}
