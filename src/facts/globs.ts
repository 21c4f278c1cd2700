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

/**
 * A predicate for glob(7) patterns of one path; `*`, `?` and sets never match a slash, and `^` in a set is `!`.
 * Source: fnmatch(3) with FNM_PATHNAME, in the C locale.
 */
export function globOf(pattern: string): (path: string) => boolean {
  const source = pattern.replace(TOKEN, (token, quoted?: string, not?: string, set?: string) => {
    if (quoted !== undefined) return literal(quoted);
    if (set !== undefined) return `(?!/)[${not === '' ? '' : '^'}${setOf(set)}]`;
    if (token === '*') return '[^/]*';
    return token === '?' ? '[^/]' : literal(token);
  });
  try {
    const regex = new RegExp(`^${source}$`);
    return (path) => regex.test(path);
  } catch {
    return () => false; // a set such as [z-a], which glob(7) does not define
  }
}

function literal(text: string): string {
  return text.replace(/[\\^$.|+(){}[\]*?/]/g, '\\$&');
}

function setOf(set: string): string {
  return set.replace(/\[:([a-z]+):\]|\\([\s\S])|[\\\]^[]/g, (token, name?: string, quoted?: string) => {
    if (name !== undefined) return CLASSES[name] ?? '';
    return quoted === undefined ? `\\${token}` : literal(quoted);
  });
}
