/** Changes to the text of drop-ins: one value in its place, every other byte as it was. Pure. */

import { type LogicalLine, logicalLines, printModprobe } from './facts/modprobe-files.ts';
import { linesOf, parseSysctl, sysctlKey } from './facts/sysctl-files.ts';

/**
 * A modprobe.d file with the hashsize: the winning `options nf_conntrack` line gets it, the last one that has a hashsize
 * or else the last one; without any a line is added. Spelling, other options, comments and order stay.
 */
export function withHashsize(text: string, hashsize: number): string {
  const lines = logicalLines(text);
  const options = lines.filter(isOptions);
  const winner = options.findLast((line) => HASHSIZE.test(line.raw)) ?? options.at(-1);
  if (winner === undefined) return `${terminated(text)}options nf_conntrack hashsize=${hashsize}\n`;
  return replaced(lines, winner.line, (raw) => setHashsize(raw, hashsize));
}

/**
 * The same for one line of a file, which is repaired as well: CR at its end, spaces around the `=`.
 * @param line where the directive begins, from 1
 */
export function withRepairedHashsize(text: string, line: number, hashsize: number): string {
  return replaced(logicalLines(text), line, (raw) => setHashsize(repaired(raw), hashsize));
}

const HASHSIZE = /(^|[\s"])hashsize=(?:"[^"]*"|[^\s"\\]*)/;

function isOptions({ text }: LogicalLine): boolean {
  return /^[ \t]*options[ \t]+nf[-_]conntrack(?=\s|$)/.test(text);
}

function replaced(lines: readonly LogicalLine[], line: number, change: (raw: string) => string): string {
  return printModprobe(lines.map((each) => (each.line === line ? { ...each, raw: change(each.raw) } : each)));
}

/** The last hashsize of a line counts; a line without one gets it at its end. */
function setHashsize(raw: string, hashsize: number): string {
  const found = [...raw.matchAll(new RegExp(HASHSIZE, 'g'))].at(-1);
  if (found !== undefined) {
    const [whole, lead = ''] = found;
    return `${raw.slice(0, found.index)}${lead}hashsize=${hashsize}${raw.slice(found.index + whole.length)}`;
  }
  const body = raw.trimEnd();
  return `${body} hashsize=${hashsize}${raw.slice(body.length)}`;
}

function repaired(raw: string): string {
  const end = raw.endsWith('\n') ? '\n' : '';
  let length = raw.length - end.length;
  while (raw.charAt(length - 1) === '\r') length -= 1;
  return `${raw.slice(0, length)}${end}`
    .replace(/\bhashsize[ \t]*=[ \t]*(?=\d)/g, 'hashsize=')
    .replace(/\bhashsize[ \t]*=/g, 'hashsize=')
    .replace(/\bhashsize(?![=\w])/g, 'hashsize=');
}

/** A sysctl file with keys set: the last line of a key gets the value, a key without a line gets one at the end. */
export function withKeys(text: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values).reduce((now, [key, value]) => withKey(now, key, value), text);
}

function withKey(text: string, key: string, value: string): string {
  const line = lineOf(text, key);
  return line === undefined ? `${terminated(text)}${assignment(key, value)}\n` : withValue(text, line, value);
}

/** `key = value`, as ctfix writes it. */
export function assignment(key: string, value: string): string {
  return `${key} = ${value}`;
}

/** Where a sysctl file sets a key last, from 1; undefined when it does not. */
export function lineOf(text: string, key: string): number | undefined {
  return parseSysctl(text).findLast((entry) => entry.kind === 'assign' && sysctlKey(entry.path) === key)?.line;
}

/** A file of `name = value` lines with another value on one line; what stands around the value stays. */
export function withValue(text: string, line: number, value: string): string {
  return linesOf(text)
    .map((raw, at) => (at === line - 1 ? valued(raw, value) : raw))
    .join('');
}

function valued(raw: string, value: string): string {
  const lead = /^[^=]*=[ \t]*/.exec(raw)?.[0];
  if (lead === undefined) return raw;
  return `${lead}${value}${raw.slice(Math.max(lead.length, raw.trimEnd().length))}`;
}

function terminated(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
