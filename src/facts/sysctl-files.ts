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
    const effect = value === undefined ? '; the line has no effect' : '';
    return [{ ...at, what: `${sysctlKey(entry.path)}: ${what}${effect}` }];
  });
}

/** The lines of files in reading order that take a conntrack key back from systemd-sysctl; `value` is ''. sysctl.d(5) */
export function exclusions(files: readonly SysctlFile[]): readonly SysctlLine[] {
  return files.flatMap(({ file, entries }) =>
    entries.flatMap((entry) =>
      entry.kind === 'exclude' && concerns(entry.path)
        ? [
            {
              file,
              line: entry.line,
              key: sysctlKey(entry.path),
              value: '',
              raw: entry.raw.replace(/\r?\n$/, ''),
              optional: true,
            },
          ]
        : [],
    ),
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

/**
 * The conntrack lines in the order in which a loader lets them win, the last one of a key wins. Lines that the kernel
 * refuses are left out (sysctlProblems names them).
 * - A glob gives way to any explicit line of the same key, wherever that stands: glob lines come first here.
 * - systemd: a line without a value takes back the lines of the key before it; both spellings of max are one value,
 *   written in the order of the last change of each spelling.
 * - procps: such a line only keeps globs away.
 * Source: parse_file and apply_all in systemd's sysctl.c; measured for procps-ng 4.0.2 with `sysctl --dry-run`.
 * @param files in reading order; for procps with /etc/sysctl.conf once more at the end
 * @param existing names in /proc/sys/net/netfilter that a glob can match
 */
export function effective(
  files: readonly SysctlFile[],
  loader: 'systemd' | 'procps',
  existing: readonly string[] = [],
): readonly SysctlLine[] {
  const entries = files.flatMap(({ file, entries }) => entries.map((entry) => ({ file, entry })));
  const named = new Set(entries.flatMap(({ entry }) => ('path' in entry ? [entry.path] : [])));
  const names = existing.length > 0 ? existing : ['nf_conntrack_max', 'nf_conntrack_buckets'];
  const paths = [
    ALIAS,
    ...names.filter((name) => name.startsWith('nf_conntrack_')).map((name) => `net/netfilter/${name}`),
  ];
  const weak: SysctlLine[] = [];
  let explicit: { path: string; line: SysctlLine }[] = [];
  for (const { file, entry } of entries) {
    if (entry.kind === 'exclude' && loader === 'systemd') explicit = explicit.filter(({ path }) => path !== entry.path);
    if (entry.kind !== 'assign' || !concerns(entry.path)) continue;
    const globbed = isGlob(entry.path);
    for (const path of globbed ? paths.filter(globOf(entry.path)).filter((each) => !named.has(each)) : [entry.path]) {
      const { value } = numberFor(path, entry.value);
      if (value === undefined) continue;
      const { line, raw, optional } = entry;
      const found = {
        file,
        line,
        key: sysctlKey(path),
        value: String(value),
        raw: raw.replace(/\r?\n$/, ''),
        optional,
      };
      if (globbed) weak.push(found);
      else explicit.push({ path, line: found });
    }
  }
  return [...weak, ...(loader === 'systemd' ? bySpelling(explicit) : explicit).map(({ line }) => line)];
}

/**
 * systemd keeps one entry for each spelling, at the place of its last *change*: a repeated value does not move it.
 * Matters only where both spellings of max are used: then the spelling that was changed last is moved to the end.
 */
function bySpelling<T extends { path: string; line: SysctlLine }>(lines: readonly T[]): readonly T[] {
  const kept = new Map<string, T>();
  for (const each of lines) {
    if (kept.get(each.path)?.line.value === each.line.value) continue;
    kept.delete(each.path);
    kept.set(each.path, each);
  }
  const last = [...kept.values()].findLast(({ path }) => path === ALIAS || path === `${PREFIX}max`);
  if (last === undefined || !kept.has(ALIAS) || !kept.has(`${PREFIX}max`)) return lines;
  return [...lines.filter((each) => each !== last), last];
}
