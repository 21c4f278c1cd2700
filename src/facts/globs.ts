/** Patterns of file names as glob(3) and fnmatch(3) understand them. Pure. */

/** A backslash with what it quotes, a set (longer ones are none), `*` or `?`, or any one character. */
const TOKEN = /\\([\s\S])|\[([!^]?)(\]?(?:\[:[a-z]{1,9}:\]|\\[\s\S]|[^\]\\]){0,100})\]|[\s\S]/g;

const CLASSES: Readonly<Record<string, string>> = {
  alnum: 'a-zA-Z0-9',
  alpha: 'a-zA-Z',
  blank: ' \\t',
  digit: '0-9',
  lower: 'a-z',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\s',
  upper: 'A-Z',
  xdigit: '0-9a-fA-F',
};

/** Whether a path is a pattern at all, for systemd-sysctl and for procps alike. */
export function isGlob(path: string): boolean {
  return /[*?[]/.test(path);
}

/** What one place of a pattern takes: any run of characters, or one character. */
type Part = 'run' | ((character: string) => boolean);

/**
 * A predicate for glob(7) patterns of one path; `*`, `?` and sets never match a slash, and `^` in a set is `!`.
 * Not as one regular expression: with many stars that would take for ever.
 * Source: fnmatch(3) with FNM_PATHNAME, in the C locale.
 */
export function globOf(pattern: string): (path: string) => boolean {
  const parts = [...pattern.matchAll(TOKEN)].map(partOf);
  return (path) => isMatch(parts, path);
}

function partOf([token, quoted, not, set]: RegExpMatchArray): Part {
  if (set !== undefined) return setOf(set, not !== '');
  if (token === '*') return 'run';
  if (token === '?') return (character) => character !== '/';
  return (character) => character === (quoted ?? token);
}

/** Only the last run may have to give way: what was matched before it cannot be matched better. */
function isMatch(parts: readonly Part[], path: string): boolean {
  let [at, next] = [0, 0];
  let run: { readonly next: number; from: number } | undefined;
  while (at < path.length) {
    const part = parts[next];
    const character = path.charAt(at);
    if (part === 'run') {
      next += 1;
      run = { next, from: at };
    } else if (part?.(character)) {
      if (character === '/') run = undefined;
      next += 1;
      at += 1;
    } else if (run !== undefined && path.charAt(run.from) !== '/') {
      run.from += 1;
      at = run.from;
      next = run.next;
    } else return false;
  }
  return parts.slice(next).every((part) => part === 'run');
}

function setOf(set: string, isOutside: boolean): Part {
  const source = set.replace(/\[:([a-z]+):\]|\\([\s\S])|[\\\]^[]/g, (token, name?: string, quoted?: string) => {
    if (name !== undefined) return CLASSES[name] ?? '';
    return quoted === undefined ? `\\${token}` : literal(quoted);
  });
  try {
    const regex = new RegExp(`^[${isOutside ? '^' : ''}${source}]$`);
    return (character) => character !== '/' && regex.test(character);
  } catch {
    return () => false; // a set such as [z-a], which glob(7) does not define
  }
}

function literal(text: string): string {
  return text.replace(/[\\\]^[-]/g, '\\$&');
}
