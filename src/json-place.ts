/** Where a text stops being JSON: JSON.parse words its errors differently with every release, and not always with a place. Pure. */

export type Place = { readonly line: number; readonly column: number };

const SPACE = /[ \t\n\r]*/y;
const SCALAR =
  /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const KEY = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

/**
 * The place where a text stops being JSON (RFC 8259); undefined for JSON.
 * @returns line and column from 1, the column in characters; one past the end for a text that ends too early
 */
export function jsonFault(text: string): Place | undefined {
  const end = scan(text);
  return end === undefined ? undefined : placeAt(text, end);
}

/** What may come next: a value, a key (or the end of an empty object), or what follows a value. */
type Next = 'value' | 'first-value' | 'key' | 'first-key' | 'after';

/** The offset of the first character that cannot be there. No recursion: depth is the writer's choice. */
function scan(text: string): number | undefined {
  const open: ('{' | '[')[] = [];
  let next: Next = 'value';
  let at = 0;
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    at = found === null ? at : pattern.lastIndex;
    return found !== null;
  };
  for (;;) {
    skip(SPACE);
    const character = text[at];
    if (next === 'after' && open.length === 0) return at === text.length ? undefined : at;
    if (character === undefined) return at;
    const closes = character === (open.at(-1) === '{' ? '}' : ']') && open.length > 0;
    if (closes && (next === 'after' || next === 'first-key' || next === 'first-value')) {
      open.pop();
      at += 1;
      next = 'after';
    } else if (next === 'after') {
      if (character !== ',') return at;
      at += 1;
      next = open.at(-1) === '{' ? 'key' : 'value';
    } else if (next === 'key' || next === 'first-key') {
      if (!skip(KEY)) return at;
      skip(SPACE);
      if (text[at] !== ':') return at;
      at += 1;
      next = 'value';
    } else if (character === '{' || character === '[') {
      open.push(character);
      at += 1;
      next = character === '{' ? 'first-key' : 'first-value';
    } else {
      if (!skip(SCALAR)) return at;
      next = 'after';
    }
  }
}

function placeAt(text: string, offset: number): Place {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: [...(before.at(-1) ?? '')].length + 1 };
}
