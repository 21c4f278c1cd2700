/** The first flows of the table: what is counted, and what goes into a recording. */
import { expect, test } from 'vitest';
import { parseSample, SAMPLE_BYTES, thinSample } from '../../src/facts/flow-sample.ts';

const LINES = [
  'ipv4     2 tcp      6 431999 ESTABLISHED src=10.1.2.3 dst=10.9.9.9 sport=43292 dport=5432 src=10.9.9.9 dst=10.1.2.3 sport=5432 dport=43292 [ASSURED] mark=0 zone=0 use=2',
  'ipv4     2 tcp      6 300000 ESTABLISHED src=10.1.2.3 dst=10.9.9.9 sport=43293 dport=5432 src=10.9.9.9 dst=10.1.2.3 sport=5432 dport=43293 [ASSURED] mark=0 use=2',
  'ipv4     2 tcp      6 119 TIME_WAIT src=10.1.2.3 dst=10.9.9.9 sport=1 dport=80 src=10.9.9.9 dst=10.1.2.3 sport=80 dport=1 [ASSURED] mark=0 use=2',
  'ipv4     2 tcp      6 9 CLOSE src=10.1.2.3 dst=10.9.9.9 sport=2 dport=80 [UNREPLIED] src=10.9.9.9 dst=10.1.2.3 sport=80 dport=2 mark=0 use=2',
  'ipv4     2 udp      17 29 src=10.1.2.3 dst=10.9.9.8 sport=43743 dport=53 [UNREPLIED] src=10.9.9.8 dst=10.1.2.3 sport=53 dport=43743 mark=0 zone=0 use=2',
  'ipv6     10 icmpv6   58 29 src=fd77:0000:0000:0000:0000:0000:0000:0001 dst=fd77:0000:0000:0000:0000:0000:0000:0002 type=128 code=0 id=7 src=fd77:0000:0000:0000:0000:0000:0000:0002 dst=fd77:0000:0000:0000:0000:0000:0000:0001 type=129 code=0 id=7 mark=0 use=2',
  'ipv4     2 tcp      6 src=10.1.2.3 dst=10.9.9.9 sport=3 dport=443 src=10.9.9.9 dst=10.1.2.3 sport=443 dport=3 [OFFLOAD] mark=0 use=3',
  'ipv4     2 gre      47 179 timeout=30, stream_timeout=180 src=10.1.2.3 dst=10.9.9.9 srckey=0x1 dstkey=0x2 src=10.9.9.9 dst=10.1.2.3 srckey=0x2 dstkey=0x1 [ASSURED] mark=0 use=2',
];
const text = `${LINES.join('\n')}\n`;
const expected = {
  flows: 8,
  whole: true,
  kinds: { 'tcp ESTABLISHED': 2, 'tcp TIME_WAIT': 1, 'tcp CLOSE': 1, udp: 1, icmpv6: 1, tcp: 1, gre: 1 },
  unreplied: 1,
  dns: 1,
  silent: 1,
};

test('every form of a line', () => expect(parseSample(text, 432_000)).toEqual(expected));

test('silence is unknown without the timeout, and shorter with a shorter one', () => {
  expect(parseSample(text, undefined).silent).toBe(0);
  expect(parseSample(text, 86_400).silent).toBe(0);
});

test('an empty table, and text that is no table', () => {
  const none = { flows: 0, whole: true, kinds: {}, unreplied: 0, dns: 0, silent: 0 };
  expect(parseSample('', 432_000)).toEqual(none);
  expect(parseSample('no table\n', 432_000)).toEqual(none);
});

test('a line that was cut off is left out, and then it is not the whole table', () => {
  const cut = `${text}ipv4     2 tcp      6 4319`;
  expect(parseSample(cut, 432_000)).toEqual({ ...expected, whole: false });
});

test.each([
  ['in the middle of a line', text.repeat(120).slice(0, SAMPLE_BYTES)],
  ['at the end of a line', `${text.repeat(70)}`.padEnd(SAMPLE_BYTES - 1, 'x').concat('\n')],
])('a recording counts the same, cut %s, and holds no address', (_, big) => {
  const thin = thinSample(big);
  expect(parseSample(thin, 432_000)).toEqual(parseSample(big, 432_000));
  expect(parseSample(thin, 432_000).whole).toBe(false);
  expect(thin).not.toMatch(/10\.|fd77|sport|432[0-9]{2}/);
});
