/** Flows as conntrack saves them: lines, their marks, chunks of them, and what no line can say. Pure. */

import { PROTOCOLS } from './protocols.ts';

/**
 * Where saved flows wait: in memory, readable for root alone, outliving ctfix and gone with a boot, which ends every
 * flow anyway.
 */
export const FLOWS_DIR = '/run/ctfix-flows';

/** Flows in the form that conntrack loads, one a line. */
export type SavedFlows = {
  readonly lines: readonly string[];
  /** flows with a mark that is on their line again */
  readonly marked: number;
  /** flows with a helper: they come back without it */
  readonly helped: number;
};

/**
 * Puts a saved table together with what its save leaves out.
 * @param saved `conntrack -L -o save`: `-A -t 300 -u ASSURED -s … -d … -r … -q … -p udp --sport …`, never the mark
 * @param extended `conntrack -L -o extended` a moment later: with `mark=`, `zone=` and `helper=`
 */
export function joinFlows(saved: string, extended: string): SavedFlows {
  const marks = marksIn(extended);
  let marked = 0;
  const lines = saved.split('\n').flatMap((line) => {
    if (!line.startsWith('-A ')) return [];
    const mark = marks.size === 0 ? undefined : marks.get(savedKey(line));
    if (mark === undefined || / -m \d/.test(line)) return [line];
    marked += 1;
    return [`${line.trimEnd()} -m ${mark}`];
  });
  return { lines, marked, helped: extended.match(/ helper=\S/g)?.length ?? 0 };
}

/** Marks that are not 0, by the key of their flow. */
function marksIn(extended: string): ReadonlyMap<string, string> {
  const marks = new Map<string, string>();
  for (const line of extended.split('\n')) {
    const mark = / mark=([1-9]\d*)/.exec(line)?.[1];
    if (mark !== undefined) marks.set(extendedKey(line), mark);
  }
  return marks;
}

/** One pattern for each name, made once: a table has millions of lines. */
function patterns<const N extends string>(names: readonly N[], source: (name: N) => string): Record<N, RegExp> {
  return Object.fromEntries(names.map((name) => [name, new RegExp(source(name))])) as Record<N, RegExp>;
}

const EXTENDED = patterns(
  ['src', 'dst', 'sport', 'dport', 'srckey', 'dstkey', 'type', 'code', 'id', 'zone', 'zone-orig'],
  (name) => `(?:^| )${name}=(\\S+)`,
);

const SAVED = patterns(
  [
    ...['-p', '-s', '-d', '-w', '--zone', '--orig-zone', '--sport', '--dport', '--srckey', '--dstkey'],
    ...['--orig-port-src', '--orig-port-dst', '--icmp-type', '--icmp-code', '--icmp-id'],
    ...['--icmpv6-type', '--icmpv6-code', '--icmpv6-id'],
  ] as const,
  (name) => ` ${name} (\\S+)`,
);

/** `ipv4 2 tcp 6 431999 ESTABLISHED src=… dst=… sport=… dport=… src=… … mark=42 zone=7 use=1`; original side first. */
function extendedKey(line: string): string {
  const value = (name: keyof typeof EXTENDED) => EXTENDED[name].exec(line)?.[1] ?? '';
  const protocol = /^\S+\s+\d+\s+\S+\s+(\d+)/.exec(line)?.[1] ?? '';
  const ports = [
    value('sport') || value('srckey') || value('type'),
    value('dport') || value('dstkey') || value('code'),
  ];
  const zone = value('zone') || value('zone-orig');
  return [protocol, value('src'), value('dst'), ...ports.map(number), value('id'), zone].join(' ');
}

function savedKey(line: string): string {
  const value = (...names: (keyof typeof SAVED)[]) => {
    for (const name of names) {
      const found = SAVED[name].exec(line)?.[1];
      if (found !== undefined) return found;
    }
    return '';
  };
  const named = value('-p');
  const protocol = Object.entries(PROTOCOLS).find(([, name]) => name === named)?.[0] ?? named;
  const first = value('--sport', '--orig-port-src', '--srckey', '--icmp-type', '--icmpv6-type');
  const second = value('--dport', '--orig-port-dst', '--dstkey', '--icmp-code', '--icmpv6-code');
  const id = value('--icmp-id', '--icmpv6-id');
  const zone = value('-w', '--zone', '--orig-zone');
  return [protocol, value('-s'), value('-d'), number(first), number(second), id, zone].join(' ');
}

/** GRE keys are printed as 0x1 in one form and as 1 in the other. */
function number(text: string): string {
  return text === '' ? '' : String(Number(text));
}

/**
 * Lines in chunks that are each small enough for a file that can be read back (1 MiB) and for one call.
 * @param size lines in a chunk; the longest line is some 400 bytes
 */
export function chunksOf(lines: readonly string[], size: number): readonly string[] {
  const count = Math.ceil(lines.length / size);
  return Array.from({ length: count }, (_, at) => `${lines.slice(at * size, (at + 1) * size).join('\n')}\n`);
}

/** The two halves of a chunk; undefined for one line, which cannot be parted. */
export function halvesOf(chunk: string): readonly [string, string] | undefined {
  const lines = chunk.split('\n').filter((line) => line !== '');
  if (lines.length < 2) return undefined;
  const middle = Math.ceil(lines.length / 2);
  return [`${lines.slice(0, middle).join('\n')}\n`, `${lines.slice(middle).join('\n')}\n`];
}

/** Lines in a chunk. */
export function linesIn(chunk: string): number {
  return chunk.split('\n').filter((line) => line !== '').length;
}
