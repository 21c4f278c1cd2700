import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { totalOf } from '../../src/top/census.ts';
import { count, FORMS, flow, natOf, print, protocolOf } from './reference.ts';
import { census, rows } from './support.ts';

const flows = fc.array(flow, { maxLength: 40 });
const cuts = fc.array(fc.nat(20_000), { maxLength: 12 });

describe('a listing is counted as the plain way counts it', () => {
  test.each(FORMS)('%s, wherever it is cut', (form) => {
    fc.assert(
      fc.property(flows, cuts, fc.constantFrom('\n', '\r\n'), fc.boolean(), (all, places, end, whole) => {
        const text = all.map((one) => print(one, form)).join(end) + (whole && all.length > 0 ? end : '');
        const { counted, lines } = census(text, places);
        expect(lines.bad()).toEqual({ count: 0, first: [] });
        expect(totalOf(counted)).toEqual({
          flows: all.length,
          unreplied: all.filter(({ unreplied }) => unreplied).length,
          assured: all.filter(({ assured }) => assured).length,
          offloaded: 0,
        });
        expect(rows(counted, 'source')).toEqual(count(all, ({ source }) => source));
        expect(rows(counted, 'destination')).toEqual(count(all, ({ destination }) => destination));
        expect(rows(counted, 'protocol')).toEqual(count(all, protocolOf));
        expect(rows(counted, 'nat')).toEqual(count(all, natOf));
        expect(rows(counted, 'zone')).toEqual(count(all, ({ zone }) => String(zone)));
        expect(rows(counted, 'state')).toEqual(
          count(all, ({ protocol, state }) => (state === '' ? 'none' : `${protocol} ${state}`)),
        );
        expect(rows(counted, 'port')).toEqual(
          count(all, ({ protocol, dport }) => (/tcp|udp/.test(protocol) ? `${protocol} ${dport}` : undefined)),
        );
        if (form !== 'save') expect(rows(counted, 'age')).toEqual(count(all, ({ age }) => ageOf(age)));
      }),
    );
  });

  test('all forms in one file', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(flow, fc.constantFrom(...FORMS)), { maxLength: 30 }), cuts, (all, places) => {
        const { counted } = census(all.map(([one, form]) => `${print(one, form)}\n`).join(''), places);
        const plain = all.map(([one]) => one);
        expect(rows(counted, 'source')).toEqual(count(plain, ({ source }) => source));
        expect(rows(counted, 'nat')).toEqual(count(plain, natOf));
      }),
    );
  });
});

function ageOf(age: number | undefined): string | undefined {
  if (age === undefined) return undefined;
  if (age < 60) return 'under 1 minute';
  return age < 3600 ? '1 minute to 1 hour' : age < 86_400 ? '1 hour to 1 day' : 'over 1 day';
}

const GOOD =
  'udp      17 27 src=10.0.0.6 dst=192.0.2.53 sport=1 dport=53 [UNREPLIED] src=192.0.2.53 dst=10.0.0.6 sport=53 dport=1 mark=0 use=1';

describe('lines that are no flow', () => {
  test.each([
    ['Tue Nov 24 09:00:00 UTC 2026', /protocol/],
    ['tcp', /protocol/],
    ['tcp      6', /protocol/],
    ['tcp      666 1 src=10.0.0.1 dst=10.0.0.2', /protocol/],
    [GOOD.slice(0, 60), /reply source/],
    ['udp      17 27 src=10.0.0.6 dst= sport=1', /original source/],
    ['udp      17 27 src= dst=10.0.0.6 sport=1', /original source/],
    ['udp      17 27 src=10.0.0.6 dst=\x1b[31m sport=1', /original source/],
    [GOOD.replace('src=192.0.2.53', 'src=\x1b]0;x\x07'), /reply source/],
    [`${GOOD.slice(0, 40)}${'x'.repeat(70_000)}`, /longer than any line/],
    ['    [NEW] udp      17 30 src=10.0.0.6 dst=192.0.2.53 sport=1 dport=53', /protocol/],
    ['300 proto=6 src=10.0.0.1 dst=10.0.0.2 sport=0 dport=21', /protocol/],
    ['-A -t 1 -u UNSET -s 10.0.0.1 -d 10.0.0.2 -r 10.0.0.2 -q 10.0.0.1 -p nosuch', /names no protocol/],
    ['-A -t 1 -u UNSET -s 10.0.0.1 -d 10.0.0.2 -p udp', /reply source/],
    ['-A -t 1 -u UNSET -s host.example -d 10.0.0.2 -r 10.0.0.2 -q 10.0.0.1 -p udp', /source is no address/],
    ['<flow type="new"><meta direction="original">', /an event/],
    ['<flow><meta direction="original"></meta></flow>', /names no protocol/],
    ['<html>', /no flow/],
    [`tcp      6 1 ${'S'.repeat(50)} ${GOOD.slice(15)}`, /protocol/],
  ])('%j is counted and named, and costs no other', (line, why) => {
    const { counted, lines } = census(`${GOOD}\n\n${line}\n${GOOD}\n`, [3, 70_000]);
    expect(counted.flows).toBe(2);
    const { count: bad, first } = lines.bad();
    expect(bad).toBe(1);
    expect(first[0]?.line).toBe(3);
    expect(first[0]?.why).toMatch(why);
    expect(line.startsWith(first[0]?.text ?? '?')).toBe(true);
  });

  test.each([' src=', ' dst=', ' sport=', ' dport=', ' mark='])(
    'a line that is broken before %j is not joined',
    (word) => {
      for (let at = GOOD.indexOf(word); at >= 0; at = GOOD.indexOf(word, at + 1)) {
        const { counted, lines } = census(`${GOOD.slice(0, at)}\n${GOOD.slice(at + 1)}\n${GOOD}\n`);
        const whole = /src=.* src=.*dst=/.test(GOOD.slice(0, at)) ? 2 : 1;
        expect([counted.flows, lines.bad().count]).toEqual([whole, 3 - whole]);
      }
    },
  );

  test('a line that is cut anywhere, in a word too, takes nothing of the next one', () => {
    const line = GOOD.replace('mark=0', 'mark=0 delta-time=5 zone=3');
    for (let at = 1; at < line.length; at += 1) {
      const { counted, lines } = census(`${line.slice(0, at)}\n${GOOD}\n`);
      expect([at, counted.flows + lines.bad().count]).toEqual([at, 2]);
      expect(rows(counted, 'source')['10.0.0.6'] ?? 0).toBe(counted.flows);
      const last = census(line.slice(0, at));
      expect(last.counted.flows + last.lines.bad().count).toBe(1);
    }
  });

  test('only the first five are told', () => {
    const { lines } = census('x\n'.repeat(1000));
    expect(lines.bad().count).toBe(1000);
    expect(lines.bad().first.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5]);
  });

  test.each([
    'conntrack v1.4.7 (conntrack-tools): 2 flow entries have been shown.',
    '<?xml version="1.0" encoding="utf-8"?>',
    '<conntrack>',
    'nfct_labelmap_new: No such file or directory',
    '</conntrack>',
    '',
    '  \r',
  ])('%j stands beside the flows', (line) => {
    const { counted, lines } = census(`${line}\n${GOOD}\n${line}`);
    expect([counted.flows, lines.bad().count]).toEqual([1, 0]);
  });

  test('states that no kernel has are told apart up to a hundred', () => {
    const states = Array.from({ length: 150 }, (_, n) => `S${n}`);
    const { counted } = census(
      states
        .map((state) => `tcp      6 1 ${state}${GOOD.slice(14)}\n`)
        .join('')
        .repeat(2),
    );
    const found = rows(counted, 'state');
    expect(Object.keys(found)).toHaveLength(101);
    expect([found['tcp S0'], found['tcp S99'], found['tcp OTHER']]).toEqual([2, 2, 100]);
  });

  test('numbers that no kernel has are left out, and cost nothing else', () => {
    const wild = GOOD.replace('dport=53', 'dport=70000').replace('mark=0', 'mark=0 zone=9999999999 delta-time=x');
    const { counted } = census(`${wild}\n`.repeat(3));
    expect(['port', 'zone', 'age'].map((by) => rows(counted, by as 'port'))).toEqual([{}, { 0: 3 }, {}]);
    expect(counted.flows).toBe(3);
  });

  test('classes stay exact however many there are', () => {
    const lines = Array.from({ length: 200_000 }, (_, n) => {
      const flags = `${n & 1 ? '[UNREPLIED] ' : ''}src=${n & 2 ? '1.1.1.1' : '10.0.0.2'} dst=${n & 4 ? '1.1.1.1' : '10.0.0.1'} `;
      return `x ${n % 256} 1 S${n % 101} src=10.0.0.1 dst=10.0.0.2 ${flags}${n & 8 ? '[ASSURED] ' : ''}mark=0`;
    });
    const { counted } = census(lines.join('\n'));
    expect(totalOf(counted)).toEqual({ flows: 200_000, unreplied: 100_000, assured: 100_000, offloaded: 0 });
  });

  test('an address is one however it is spelled, a number beyond ten digits is none', () => {
    const text = `${GOOD.replaceAll('10.0.0.6', '010.0.0.06')}\n${GOOD.replace(' 27 ', ' 99999999999 ')}\n`;
    expect(rows(census(text).counted, 'source')).toEqual({ '10.0.0.6': 2 });
  });
});

describe('spoilt listings', () => {
  const spoilt = fc
    .tuple(
      fc.array(fc.tuple(flow, fc.constantFrom(...FORMS)), { minLength: 1, maxLength: 8 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 12 }),
    )
    .map(([all, changes]) => {
      const bytes = new TextEncoder().encode(all.map(([one, form]) => `${print(one, form)}\n`).join(''));
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      return bytes;
    });

  test('never fail, and every line is a flow, bad, or beside', () => {
    fc.assert(
      fc.property(fc.oneof(spoilt, fc.uint8Array({ maxLength: 400 })), cuts, (bytes, places) => {
        const { counted, lines } = census(bytes, places);
        const text = new TextDecoder('latin1').decode(bytes);
        const filled = text.split('\n').filter((line) => line.trim() !== '').length;
        expect(counted.flows + lines.bad().count).toBeLessThanOrEqual(text.split('\n').length);
        if (!/[<(]/.test(text)) expect(counted.flows + lines.bad().count).toBeGreaterThanOrEqual(filled);
        for (const by of ['source', 'destination'] as const) {
          for (const key of Object.keys(rows(counted, by))) expect(key).toMatch(/^[0-9a-f.:]+$/i);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('cut anywhere or not at all, they are counted the same', () => {
    fc.assert(
      fc.property(spoilt, cuts, (bytes, places) => {
        const [one, other] = [census(bytes), census(bytes, places)];
        expect(totalOf(other.counted)).toEqual(totalOf(one.counted));
        expect(other.lines.bad()).toEqual(one.lines.bad());
        expect(rows(other.counted, 'source')).toEqual(rows(one.counted, 'source'));
      }),
    );
  });
});
