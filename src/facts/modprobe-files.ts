/** modprobe.d files: the directives about nf_conntrack, continuation lines joined. Pure. */
import type { ModprobeLine, Problem } from '../model.ts';
import { moduleNumber } from './numbers.ts';
import { linesOf } from './sysctl-files.ts';

const DIRECTIVES = ['options', 'install', 'blacklist', 'remove', 'softdep', 'alias'] as const;

/** One logical line: `raw` is every byte of it, `text` what modprobe reads, `line` where it begins. */
export type LogicalLine = { readonly line: number; readonly raw: string; readonly text: string };

/**
 * Joins lines that end in a backslash; nothing is lost, the raws joined are the file again.
 * @param quotes whether a backslash also quotes any other character and goes away, as modprobe has it; udev keeps it
 * Source: freadline_wrapped in libkmod-config.c: a backslash goes away, with the line feed when one follows it.
 */
export function logicalLines(text: string, quotes = true): readonly LogicalLine[] {
  const logical: { line: number; raw: string; text: string }[] = [];
  let open = false;
  for (const [index, raw] of linesOf(text).entries()) {
    const continues = quotes ? /^(?:[^\\]|\\[^\n])*\\\n$/.test(raw) : raw.endsWith('\\\n');
    const part = raw.replace(continues ? /\\\n$/ : /\n$/, '');
    const read = quotes ? part.replace(/\\([\s\S])/g, '$1') : part;
    const last = logical.at(-1);
    if (open && last !== undefined) {
      last.raw += raw;
      last.text += read;
    } else logical.push({ line: index + 1, raw, text: read });
    open = continues;
  }
  return logical;
}

/** The text of the file again, byte for byte. */
export function printModprobe(lines: readonly LogicalLine[]): string {
  return lines.map((line) => line.raw).join('');
}

/** modprobe's one spelling of a module's name: dashes are underscores. Source: underscores() in libkmod. */
export function moduleName(name: string): string {
  return name.replaceAll('-', '_');
}

/**
 * The directives of a file that name nf_conntrack in either spelling, and what is wrong with them.
 * @param file path for lines and problems
 * @param text the file
 * Source: modprobe.d(5); kmod_config_parse in libkmod-config.c (`#` begins a comment in the first column only, unknown
 * directives are skipped). The kernel splits options at white space, CR included, so a CRLF file works for options.
 */
export function parseModprobe(
  file: string,
  text: string,
): { lines: readonly ModprobeLine[]; problems: readonly Problem[] } {
  const lines: ModprobeLine[] = [];
  const problems: Problem[] = [];
  for (const { line, raw, text: logical } of logicalLines(text)) {
    if (logical.startsWith('#')) continue;
    const [, word = '', name = '', after = ''] = /^[ \t]*([^ \t]+)[ \t]+([^ \t]+)[ \t]*(.*)$/s.exec(logical) ?? [];
    const directive = DIRECTIVES.find((each) => each === word);
    if (directive === undefined || moduleName(name.replace(/\r$/, '')) !== 'nf_conntrack') continue;
    const cr = raw.endsWith('\r\n') || raw.endsWith('\r');
    if (cr) problems.push({ file, line, what: 'the line ends in CR LF; modprobe takes the CR as part of it' });
    if (cr && directive === 'blacklist') continue; // names a module that does not exist
    const rest = after.trimEnd();
    const asked = directive === 'options' ? hashsizeOf(rest) : {};
    if (asked.what !== undefined) problems.push({ file, line, what: asked.what });
    const hashsize = asked.value === undefined ? {} : { hashsize: asked.value };
    lines.push({ file, line, directive, rest, raw: raw.replace(/\r?\n$/, ''), ...hashsize });
  }
  return { lines, problems };
}

/**
 * The hashsize among a module's options: the last one wins; a wrong one makes the whole load fail.
 * @param options what follows the module's name
 * Source: parse_args and next_arg in the kernel (split at white space outside quotes, quotes taken off).
 */
export function hashsizeOf(options: string): { value?: number; what?: string } {
  let found: { value?: number; what?: string } = {};
  for (const word of options.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? []) {
    const [, name = '', value] = /^"?([^="]*)(?:=(.*))?$/s.exec(word) ?? [];
    if (name !== 'hashsize') continue;
    if (value === undefined) {
      const what = `hashsize without a value (no space may stand around the "="): the module cannot be loaded with it`;
      return { what };
    }
    found = moduleNumber(value.replace(/^"|"$/g, ''));
    if (found.value === undefined) return found;
  }
  return found;
}
