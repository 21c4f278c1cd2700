/** Sysctl files: keys, lines and the order in which systemd-sysctl and procps let them win. Pure. */
import type { Problem, SysctlLine } from '../model.ts';
import { sysctlNumber } from './numbers.ts';

/** One line as the loaders see it; `other` is a comment or blank, `bad` is neither of these nor an assignment. */
export type SysctlEntry = { readonly line: number; readonly raw: string } & (
  | { readonly kind: 'assign'; readonly path: string; readonly value: string; readonly optional: boolean }
  | { readonly kind: 'exclude'; readonly path: string }
  | { readonly kind: 'other' | 'bad' }
);

export type SysctlFile = { readonly file: string; readonly entries: readonly SysctlEntry[] };

const PREFIX = 'net/netfilter/nf_conntrack_';
/** The legacy alias of the same variable, registered in the initial namespace only (nf_conntrack_standalone.c). */
const ALIAS = 'net/nf_conntrack_max';

/**
 * The path below /proc/sys that a key means: when its first separator is a dot, dots and slashes change places.
 * Source: sysctl.d(5), measured the same for procps-ng 4.0.2.
 */
export function sysctlPath(key: string): string {
  const swapped = /[./]/.exec(key)?.[0] === '.' ? swap(key) : key;
  return swapped.replace(/^\/+/, '').replace(/\/{2,}/g, '/');
}

/** The dotted long form of a path below /proc/sys; the legacy net.nf_conntrack_max becomes net.netfilter.nf_conntrack_max. */
export function sysctlKey(path: string): string {
  return swap(path === ALIAS ? `${PREFIX}max` : path);
}

function swap(text: string): string {
  return text.replace(/[./]/g, (char) => (char === '.' ? '/' : '.'));
}

/** Lines of a file with their line ends; joined they are the file again. */
export function linesOf(text: string): readonly string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/**
 * Every line of a sysctl file, in order: parsing loses nothing, see printSysctl.
 * Source: parse_file in systemd's src/sysctl/sysctl.c; sysctl.conf(5) for procps.
 */
export function parseSysctl(text: string): readonly SysctlEntry[] {
  return linesOf(text).map((raw, index) => ({ line: index + 1, raw, ...parseLine(strip(raw)) }));
}

/** Takes off the white space that C's loaders take off; String.trim would take byte order marks and more. */
function strip(text: string): string {
  return text.replace(/^[ \t\r\n\v\f]+|[ \t\r\n\v\f]+$/g, '');
}

function parseLine(text: string) {
  if (text === '' || text.startsWith('#') || text.startsWith(';')) return { kind: 'other' as const };
  const dash = text.startsWith('-');
  const body = dash ? text.slice(1) : text;
  const at = body.indexOf('=');
  const path = sysctlPath(strip(at < 0 ? body : body.slice(0, at)));
  if (path === '' || (at < 0 && !dash)) return { kind: 'bad' as const };
  if (at < 0) return { kind: 'exclude' as const, path };
  return { kind: 'assign' as const, path, value: strip(body.slice(at + 1)), optional: dash };
}

/** The text of the file again, byte for byte. */
export function printSysctl(entries: readonly SysctlEntry[]): string {
  return entries.map((entry) => entry.raw).join('');
}

/** What is wrong with the conntrack lines of a file, by line. */
export function sysctlProblems({ file, entries }: SysctlFile): readonly Problem[] {
  return entries.flatMap((entry): readonly Problem[] => {
    const at = { file, line: entry.line };
    if (entry.kind === 'bad' && /conntrack/.test(entry.raw))
      return [{ ...at, what: 'not an assignment (key = value)' }];
    if (entry.kind === 'exclude' && concerns(entry.path)) {
      return [{ ...at, what: `keeps systemd-sysctl from setting ${sysctlKey(entry.path)} (a line without a value)` }];
    }
    if (entry.kind === 'assign' && /conntrack/.test(entry.path) && /[^!-~]/.test(entry.path)) {
      return [
        {
          ...at,
          what: 'the key has a character that no key has (a space, a byte order mark …); the line has no effect',
        },
      ];
    }
    if (entry.kind !== 'assign' || !concerns(entry.path)) return [];
    const { value, what } = numberFor(entry.path, entry.value);
    if (what === undefined) return [];
    const key = sysctlKey(entry.path);
    // systemd-sysctl forgets the lines before one that fails: see systemdOrder.
    const text = value === undefined ? `keeps systemd-sysctl from setting ${key} (${what})` : `${key}: ${what}`;
    return [{ ...at, what: text }];
  });
}

/**
 * The lines of files in reading order that take a conntrack key back from systemd-sysctl: those without a value, and
 * those whose value the kernel refuses; `value` is ''. See systemdOrder.
 */
export function exclusions(files: readonly SysctlFile[]): readonly SysctlLine[] {
  return files.flatMap(({ file, entries }) =>
    entries.flatMap((entry) => {
      if (!('path' in entry) || !concerns(entry.path) || !takesBack({ file, entry })) return [];
      const raw = entry.raw.replace(/\r?\n$/, '');
      return [{ file, line: entry.line, key: sysctlKey(entry.path), value: '', raw, optional: true }];
    }),
  );
}

/** Does a path or a glob name one of the conntrack keys? */
function concerns(path: string): boolean {
  return (
    path === ALIAS ||
    path.startsWith(PREFIX) ||
    (isGlob(path) && [ALIAS, `${PREFIX}max`, `${PREFIX}buckets`].some(globOf(path)))
  );
}

function numberFor(path: string, value: string) {
  const key = sysctlKey(path);
  if (key.endsWith('.nf_conntrack_max')) return sysctlNumber(value, 'unlimited');
  return sysctlNumber(value, key.endsWith('.nf_conntrack_buckets') ? 'refused' : 'fine');
}

function isGlob(path: string): boolean {
  return /[*?[]/.test(path);
}

/** A predicate for glob(7) patterns of one path; `*`, `?` and sets never match a slash. */
export function globOf(pattern: string): (path: string) => boolean {
  const source = pattern.replace(/\[(!?)([^\]/]+)\]|[*?]|[\\^$.|+(){}[\]]/g, (token, not: string, set: string) => {
    if (token === '*') return '[^/]*';
    if (token === '?') return '[^/]';
    if (set === undefined) return `\\${token}`;
    return `(?!/)[${not === '!' ? '^' : ''}${set.replace(/[\\\]^[]/g, '\\$&')}]`;
  });
  try {
    const regex = new RegExp(`^${source}$`);
    return (path) => regex.test(path);
  } catch {
    return () => false; // a set such as [z-a], which glob(7) does not define
  }
}

/** An entry that matters, and where it stands. */
type Item = { readonly file: string; readonly entry: SysctlEntry & { readonly path: string } };

/**
 * The conntrack lines in the order in which a loader lets them win, the last one of a key wins. Lines that the kernel
 * refuses are left out (sysctlProblems names them), and so are globs of keys that an explicit line names.
 * - procps writes line after line; a line without a value only keeps globs away.
 * - systemd keeps one entry for each spelling, see systemdOrder.
 * Measured against systemd 252 and procps-ng 4.0.2 with random files.
 * @param files in reading order; for procps with /etc/sysctl.conf once more at the end
 * @param existing names in /proc/sys/net/netfilter that a glob can match
 */
export function effective(
  files: readonly SysctlFile[],
  loader: 'systemd' | 'procps',
  existing: readonly string[] = [],
): readonly SysctlLine[] {
  const items = files.flatMap(({ file, entries }) =>
    entries.flatMap((entry): readonly Item[] => ('path' in entry && concerns(entry.path) ? [{ file, entry }] : [])),
  );
  const named = new Set(items.map(({ entry }) => entry.path));
  const names = existing.length > 0 ? existing : ['nf_conntrack_max', 'nf_conntrack_buckets'];
  const keys = names.filter((name) => name.startsWith('nf_conntrack_')).map((name) => `net/netfilter/${name}`);
  const open = [ALIAS, ...keys].filter((path) => !named.has(path));
  return (loader === 'systemd' ? systemdOrder(items) : items).flatMap((item) => linesFor(item, open));
}

/**
 * systemd's order: an entry is written at the place of the last *change* of its spelling; a repeated value does not
 * move it, and a line without a value, or with one that the kernel refuses, takes back the lines before it. Lines that
 * were overwritten come first here: they win nothing.
 * Source: parse_file and apply_all in systemd's src/sysctl/sysctl.c.
 */
function systemdOrder(items: readonly Item[]): readonly Item[] {
  const live = new Map<string, Item>();
  let overwritten: readonly Item[] = [];
  for (const item of items) {
    const { entry } = item;
    const before = live.get(entry.path);
    if (takesBack(item)) overwritten = overwritten.filter((each) => each.entry.path !== entry.path);
    else if (before !== undefined) overwritten = [...overwritten, sameValue(before, item) ? item : before];
    if (before !== undefined && sameValue(before, item)) continue;
    live.delete(entry.path);
    live.set(entry.path, item);
  }
  return [...overwritten, ...live.values()];
}

function sameValue({ entry: a }: Item, { entry: b }: Item): boolean {
  return a.kind === 'assign' && b.kind === 'assign' && a.value === b.value;
}

function takesBack({ entry }: Item): boolean {
  if (entry.kind !== 'assign') return true;
  return !isGlob(entry.path) && numberFor(entry.path, entry.value).value === undefined;
}

/** What one entry writes; `open`: paths that a glob may write. */
function linesFor({ file, entry }: Item, open: readonly string[]): readonly SysctlLine[] {
  if (entry.kind !== 'assign') return [];
  const paths = isGlob(entry.path) ? open.filter(globOf(entry.path)) : [entry.path];
  return paths.flatMap((path) => {
    const { value } = numberFor(path, entry.value);
    const raw = entry.raw.replace(/\r?\n$/, '');
    const { line, optional } = entry;
    return value === undefined ? [] : [{ file, line, key: sysctlKey(path), value: String(value), raw, optional }];
  });
}
