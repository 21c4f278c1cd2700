/**
 * Text from files, logs, processes and the command line made safe to show: what would move the cursor, hide text or
 * reorder it is written out. Pure.
 */

/**
 * C0 and C1 controls and DEL, line and paragraph separators, and the marks that change the direction of text or are
 * invisible (Unicode TR 36 section 3.1, "bidirectional text spoofing"), and halves of surrogate pairs.
 */
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\udb40[\udc00-\udc7f]/g;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\x1b': '\\e' };

/** One line of text: every unsafe character as `\n`, `\e`, `\x07` or `\u202e`; line ends too. */
export function escapeLine(text: string): string {
  return text.replace(UNSAFE, (character) => SHORT[character] ?? codes(character));
}

/** Text of several lines: line feeds stay, everything else as in escapeLine. */
export function escapeText(text: string): string {
  return text.split('\n').map(escapeLine).join('\n');
}

/** JSON text: the same characters as JSON's own escapes, so that a reader gets the value back unchanged. */
export function escapeJson(json: string): string {
  return json.replace(UNSAFE, (character) => (character === '\n' ? '\n' : units(character)));
}

function codes(character: string): string {
  const code = character.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : units(character);
}

/** Every UTF-16 unit as \uXXXX. */
function units(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}
