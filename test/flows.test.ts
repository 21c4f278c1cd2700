import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chunksOf, halvesOf, joinFlows, linesIn } from '../src/flows.ts';

// As conntrack 1.4.7 prints one table in its two forms.
const PAIRS: [string, string, string | undefined][] = [
  [
    '-A -t 431999 -u SEEN_REPLY,ASSURED -s 10.77.0.2 -d 10.77.0.1 -r 10.77.0.1 -q 10.77.0.2 -p tcp --sport 40644 --dport 22 --reply-port-src 22 --reply-port-dst 40644 --state ESTABLISHED',
    'ipv4     2 tcp      6 431999 ESTABLISHED src=10.77.0.2 dst=10.77.0.1 sport=40644 dport=22 src=10.77.0.1 dst=10.77.0.2 sport=22 dport=40644 [ASSURED] mark=42 use=1',
    '42',
  ],
  [
    '-A -t 28 -u UNSET -s fd77::1 -d fd77::2 -r fd77::2 -q fd77::1 -p udp --sport 36798 --dport 999 --reply-port-src 999 --reply-port-dst 36798',
    'ipv6     10 udp      17 28 src=fd77::1 dst=fd77::2 sport=36798 dport=999 [UNREPLIED] src=fd77::2 dst=fd77::1 sport=999 dport=36798 mark=0 use=1',
    undefined,
  ],
  [
    '-A -t 499 -u UNSET -w 7 -s 10.9.9.1 -d 10.9.9.2 -r 10.9.9.2 -q 10.9.9.1 -p udp --sport 5 --dport 6 --reply-port-src 6 --reply-port-dst 5',
    'ipv4     2 udp      17 499 src=10.9.9.1 dst=10.9.9.2 sport=5 dport=6 [UNREPLIED] src=10.9.9.2 dst=10.9.9.1 sport=6 dport=5 mark=77 zone=7 use=1',
    '77',
  ],
  [
    '-A -t 499 -u UNSET -s 10.9.9.1 -d 10.9.9.2 -r 10.9.9.2 -q 10.9.9.1 -p udp --sport 5 --dport 6 --reply-port-src 6 --reply-port-dst 5',
    'ipv4     2 udp      17 499 src=10.9.9.1 dst=10.9.9.2 sport=5 dport=6 [UNREPLIED] src=10.9.9.2 dst=10.9.9.1 sport=6 dport=5 mark=78 use=1',
    '78',
  ],
  [
    '-A -t 498 -u UNSET -s 10.9.9.1 -d 10.9.9.2 -r 10.9.9.2 -q 10.9.9.1 -p gre --srckey 1 --dstkey 2 --reply-key-src 2 --reply-key-dst 1',
    'ipv4     2 gre      47 499 src=10.9.9.1 dst=10.9.9.2 srckey=0x1 dstkey=0x2 [UNREPLIED] src=10.9.9.2 dst=10.9.9.1 srckey=0x2 dstkey=0x1 mark=5 use=1',
    '5',
  ],
  [
    '-A -t 499 -u UNSET -s 10.9.9.1 -d 10.9.9.4 -r 10.9.9.4 -n 10.77.0.1 -p tcp --sport 5 --dport 6 --reply-port-src 6 --reply-port-dst 7777 --state ESTABLISHED',
    'ipv4     2 tcp      6 499 ESTABLISHED src=10.9.9.1 dst=10.9.9.4 sport=5 dport=6 [UNREPLIED] src=10.9.9.4 dst=10.77.0.1 sport=6 dport=7777 mark=4294967295 use=1',
    '4294967295',
  ],
  [
    '-A -t 499 -u UNSET -s 10.9.9.1 -d 10.9.9.3 -r 10.9.9.3 -q 10.9.9.1 -p sctp --sport 5 --dport 6 --reply-port-src 6 --reply-port-dst 5 --state ESTABLISHED --orig-vtag 1 --reply-vtag 2',
    'ipv4     2 sctp     132 499 ESTABLISHED src=10.9.9.1 dst=10.9.9.3 sport=5 dport=6 [UNREPLIED] src=10.9.9.3 dst=10.9.9.1 sport=6 dport=5 mark=9 use=1',
    '9',
  ],
  [
    '-A -t 498 -u UNSET -s 10.9.9.1 -d 10.9.9.2 -r 10.9.9.2 -q 10.9.9.1 -p 99',
    'ipv4     2 unknown  99 499 src=10.9.9.1 dst=10.9.9.2 [UNREPLIED] src=10.9.9.2 dst=10.9.9.1 mark=3 use=1',
    '3',
  ],
];

const SAVED = PAIRS.map(([line]) => line);
const EXTENDED = PAIRS.map(([, line]) => line);
const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');

describe('joinFlows', () => {
  test.each(PAIRS)('%s', (saved, _, mark) => {
    const { lines } = joinFlows(text(SAVED), text([...EXTENDED].reverse()));
    const found = lines.filter((line) => line === saved || line.startsWith(`${saved} `));
    expect(found).toEqual([mark === undefined ? saved : `${saved} -m ${mark}`]);
  });

  test('counts what it found, and flows that come back without their helper', () => {
    const helped = `${EXTENDED[0]?.replace(' use=1', ' helper=ftp use=1')}\n`;
    expect(joinFlows(text(SAVED), text(EXTENDED) + helped)).toMatchObject({ marked: 7, helped: 1 });
    expect(joinFlows(text(SAVED), '')).toEqual({ lines: SAVED, marked: 0, helped: 0 });
    expect(joinFlows('', '').lines).toEqual([]);
  });

  test('a mark that a newer conntrack saves by itself is not given twice', () => {
    const line = `${SAVED[0]} -m 42`;
    expect(joinFlows(text([line]), text(EXTENDED)).lines).toEqual([line]);
  });
});

describe('chunks', () => {
  const lines = fc.array(fc.stringMatching(/^-A [a-z0-9 ]{1,20}$/), { maxLength: 40 });

  test('lose no line and keep their order, cut in halves down to single lines', () => {
    fc.assert(
      fc.property(lines, fc.integer({ min: 1, max: 9 }), (all, size) => {
        const single = (chunk: string): string[] => halvesOf(chunk)?.flatMap(single) ?? [chunk.trimEnd()];
        const chunks = chunksOf(all, size);
        expect(chunks.every((chunk) => linesIn(chunk) <= size)).toBe(true);
        expect(chunks.flatMap(single)).toEqual(all.map((line) => line.trimEnd()));
      }),
    );
  });
});
