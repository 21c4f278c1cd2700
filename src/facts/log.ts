/** Kernel messages about a full table, from the kernel's own buffer or from the journal. Pure. */
import type { LogFacts, LogLine } from '../model.ts';

export const KMSG = '/dev/kmsg';

/** The journal's kernel messages of this boot; `--grep` keeps a flooded log small (systemd ≥ 237, with PCRE2). */
export const JOURNAL: readonly [string, ...string[]] = [
  ...(['journalctl', '-k', '-b', '-q', '--no-pager', '-o', 'json'] as const),
  '--output-fields=MESSAGE,_SOURCE_MONOTONIC_TIMESTAMP,_TRANSPORT',
];
export const JOURNAL_GREP: readonly [string, ...string[]] = [...JOURNAL, '--grep=_conntrack: table full'];

/** The last of them, whatever it says: is there anything to be seen? */
export const JOURNAL_ANY: readonly [string, ...string[]] = [...JOURNAL, '--lines=1'];

/**
 * Text before 2.6.2x (ip_conntrack), up to 4.6 (one prefix), from 4.7 (doubled prefix), from 6.17 (another namespace is
 * named). Source: __nf_conntrack_alloc in net/netfilter/nf_conntrack_core.c.
 */
const FULL = /(?:nf|ip)_conntrack: table full(?: in netns (\d+))?, dropping packet/;

/** How many lines are kept; the count of all is `total`. */
const KEEP = 50;

function fullLine(at: number, text: string): LogLine | undefined {
  const match = FULL.exec(text);
  if (match === null) return undefined;
  return { at, text, ...(match[1] === undefined ? {} : { netns: Number(match[1]) }) };
}

function facts(source: LogFacts['source'], lines: readonly LogLine[]): LogFacts {
  return { source, full: lines.slice(-KEEP), total: lines.length };
}

/**
 * What the kernel's ring buffer has. `rotated`: its first records of this boot are gone, there may have been more.
 * Only what the kernel itself wrote counts (facility 0); anybody with the right to write /dev/kmsg could add the rest.
 * @param text records `prio,seq,usec,flags[,…];text`, continuation lines begin with a space
 * Source: Documentation/ABI/testing/dev-kmsg
 */
export function parseKmsg(text: string): { log: LogFacts; rotated: boolean } {
  const lines: LogLine[] = [];
  let first: number | undefined;
  for (const record of text.split('\n')) {
    const [, prio, seq, usec, message = ''] = /^(\d+),(\d+),(\d+),[^;]*;(.*)$/.exec(record) ?? [];
    if (seq === undefined) continue;
    first ??= Number(seq);
    const line = Number(prio) < 8 ? fullLine(Number(usec) / 1e6, message) : undefined;
    if (line !== undefined) lines.push(line);
  }
  return { log: facts('kmsg', lines), rotated: first !== undefined && first > 0 };
}

/**
 * What the journal has of this boot's kernel messages.
 * @param text `journalctl -o json`: one object a line; times in microseconds since boot. Source: journalctl(1),
 *   systemd.journal-fields(7)
 */
export function parseJournal(text: string): LogFacts {
  const lines: LogLine[] = [];
  for (const record of text.split('\n')) {
    if (!record.includes('_conntrack: table full')) continue;
    const usec =
      /"_SOURCE_MONOTONIC_TIMESTAMP"\s*:\s*"(\d+)"/.exec(record) ??
      /"__MONOTONIC_TIMESTAMP"\s*:\s*"(\d+)"/.exec(record);
    const message = /"MESSAGE"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(record)?.[1];
    const line = usec === null || message === undefined ? undefined : fullLine(Number(usec[1]) / 1e6, unquote(message));
    if (line !== undefined) lines.push(line);
  }
  return facts('journal', lines);
}

function unquote(json: string): string {
  try {
    return String(JSON.parse(json));
  } catch {
    return json;
  }
}

/** How a call of journalctl is to be understood. */
export type JournalAnswer = 'lines' | 'no-grep' | 'denied' | 'failed';

/**
 * Tells an empty answer from a refused one: without the right to see the kernel's messages journalctl says so on
 * standard error and may end with 0; with --grep and nothing found it ends with 1 and says nothing.
 */
export function judgeJournal(code: number, stdout: string, stderr: string): JournalAnswer {
  if (/insufficient permissions|not seeing messages/i.test(stderr)) return 'denied';
  if (/unrecognized option|pattern matching support|PCRE/i.test(stderr)) return 'no-grep';
  if (code === 0 || (code === 1 && stdout.trim() === '' && stderr.trim() === '')) return 'lines';
  return 'failed';
}
