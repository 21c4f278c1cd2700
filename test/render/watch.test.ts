/** A watched table: as a screen, as a line, as an object. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { watchScreen } from '../../src/render/watch.ts';
import { watchEnd, watchJson, watchLine } from '../../src/render/watch-log.ts';
import { nextLook, type Sample, type Watched, watched } from '../../src/watch.ts';
import { COLOURED, hostile, leftControls, PLAIN } from './support.ts';

const schema = JSON.parse(readFileSync(join(import.meta.dirname, '../../docs/watch-v1.schema.json'), 'utf8'));
const valid = new Ajv2020({ strict: true, allErrors: true }).compile(schema);

const START = Date.UTC(2026, 10, 24, 9, 0, 0);
const at = (seconds: number, count: number, more: Partial<Sample> = {}): Sample => ({
  at: seconds * 1000,
  time: new Date(START + seconds * 1000),
  loaded: true,
  count,
  max: 65_536,
  load: 1,
  counters: { new: 0, drop: 0, early_drop: 0, insert_failed: 0, chainlength: 0 },
  ...more,
});
const states = (...samples: readonly [Sample, ...Sample[]]): Watched =>
  samples.slice(1).reduce(nextLook, watched(samples[0], 2));

const filling = states(
  at(0, 40_000, { max: 32_768 }),
  ...Array.from({ length: 20 }, (_, i) => at(2 + 2 * i, 40_000 + 600 * (i + 1))),
  at(42, 52_600, { counters: { new: 0, drop: 240, early_drop: 3, insert_failed: 0, chainlength: 0 } }),
);
const size = { columns: 80, rows: 24 };

test('the screen', () => {
  expect(watchScreen(filling, size, PLAIN, 'q ends').join('\n')).toMatchInlineSnapshot(`
    "ctfix status --watch 2                  2026-11-24 09:00:42Z

    flows         52,600 of 65,536, 80 %
                  #################################################...........
    last 45 s     _.-~==**#
                  from 41,200 to 52,600
    highest       52,600 at 2026-11-24 09:00:42Z
    growth        +300 flows/s, new ones less ended ones
    new flows     not counted: the kernel has not done so since Linux 4.9
    time to full  43 s, at +300 flows/s of late

    drops               now     in all  since 2026-11-24 09:00:00Z
    drop              120/s        240  packets: table full, two at once, no memory
    early_drop        1.5/s          3  flows thrown out of a full table
    insert_failed       0/s          0  packets: two at once, or chain too long
    chaintoolong        0/s          0  packets: hash too short for these flows

    2026-11-24 09:00:02Z  max went from 32,768 to 65,536

    q ends"
  `);
});

test('with the characters of UTF-8', () => {
  const lines = watchScreen(filling, size, { colour: false, unicode: true });
  expect(lines.slice(3, 5)).toMatchInlineSnapshot(`
    [
      "              █████████████████████████████████████████████████░░░░░░░░░░░",
      "last 45 s     ▁▂▃▄▅▅▇▇█",
    ]
  `);
  expect(lines.join('')).not.toContain('q ends');
});

test('colours say what is bad, and change no character', () => {
  const coloured = watchScreen(filling, size, { colour: true, unicode: false }).join('\n');
  expect(coloured.replace(/\x1b\[\d+m/g, '')).toBe(watchScreen(filling, size, PLAIN).join('\n'));
  expect(coloured).toContain('\x1b[33m80 %\x1b[39m');
  expect(coloured).toMatch(/drop +\x1b\[31m +120\/s/);
});

test('a module that is not there, and a table without a limit', () => {
  const none = { unknown: 'nf_conntrack is not loaded' };
  const gone = { ...at(0, 0), loaded: false, count: none, max: none, counters: none };
  expect(watchScreen(states(gone), size, PLAIN)[2]).toContain('nf_conntrack is not loaded');
  expect(watchLine(states(gone))).toBe('2026-11-24T09:00:00.000Z nf_conntrack is not loaded\n');
  const free = watchScreen(states(at(0, 5, { max: 0 })), size, PLAIN).join('\n');
  expect(free).toContain('5, no limit is set');
  expect(free).toContain('no limit\n');
});

test('what could not be read is said', () => {
  const closed = { unknown: '/proc/sys/x cannot be read: \x1b[2J' };
  const text = watchScreen(states(at(0, 0, { count: closed, counters: closed })), size, PLAIN).join('\n');
  expect(text).toContain('unknown (/proc/sys/x cannot be read: \\e[2J)');
  expect(leftControls(text)).toEqual([]);
});

test('a line for a log', () => {
  expect(watchLine(states(at(0, 10)))).toBe('2026-11-24T09:00:00.000Z count=10 max=65536 fill=0.0% highest=10\n');
  expect(watchLine(filling)).toBe(
    '2026-11-24T09:00:42.000Z count=52600 max=65536 fill=80.3% growth=300.0/s drop=120.0/s early_drop=1.5/s ' +
      'insert_failed=0.0/s chaintoolong=0.0/s full=in-43s highest=52600\n',
  );
  const raised = states(at(0, 10), at(2, 12, { max: 131_072, counters: { new: 44, drop: 0 } }));
  expect(watchLine(raised)).toBe(
    '2026-11-24T09:00:02.000Z count=12 max=131072 fill=0.0% growth=1.0/s new=22.0/s drop=0.0/s highest=12 ' +
      '(max went from 65,536 to 131,072)\n',
  );
});

test('an object for a program, in one line', () => {
  const text = watchJson(filling);
  expect(text).toMatch(/^\{[^\n]*\}\n$/);
  expect(JSON.parse(text)).toEqual({
    schema: 'ctfix.watch/v1',
    at: '2026-11-24T09:00:42.000Z',
    loaded: true,
    count: 52_600,
    max: 65_536,
    fill: 52_600 / 65_536,
    growthPerSecond: 300,
    newPerSecond: { unknown: expect.any(String) },
    dropsPerSecond: { drop: 120, early_drop: 1.5, insert_failed: 0, chaintoolong: 0 },
    drops: { drop: 240, early_drop: 3, insert_failed: 0, chaintoolong: 0 },
    outlook: 'filling',
    secondsToFull: 43,
    slope: 300,
    highest: { count: 52_600, at: '2026-11-24T09:00:42.000Z' },
    events: [],
  });
});

test('every object satisfies its schema', () => {
  const gone = { unknown: 'nf_conntrack is not loaded' };
  const absent = { ...at(2, 0), loaded: false, count: gone, max: gone, counters: gone };
  for (const state of [
    filling,
    states(at(0, 5)),
    states(absent),
    states(at(0, 5), absent),
    states(at(0, 9, { max: 0 })),
  ]) {
    valid(JSON.parse(watchJson(state)));
    expect(valid.errors).toBeNull();
  }
});

describe('the last words', () => {
  test('end with what a plan takes', () => {
    expect(watchEnd(filling)).toBe('highest: 52,600 flows at 2026-11-24 09:00:42Z, in 42 s\nctfix plan --peak 52600\n');
  });
  test('not with a peak of 0, which no plan takes', () => {
    expect(watchEnd(states(at(0, 0), at(5, 0)))).toBe('no flow was seen in 5 s\n');
  });
});

test('no line is wider than the screen and there are not too many, whatever its size and whatever is told', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 60 }), hostile, (columns, rows, reason) => {
      const state = states(at(0, 7), at(2, 9, { max: { unknown: reason }, counters: { unknown: reason } }));
      for (const one of [state, filling]) {
        const lines = watchScreen(one, { columns, rows }, COLOURED, 'q ends');
        expect(lines.length).toBeLessThanOrEqual(rows);
        for (const line of lines) {
          const seen = line.replace(/\x1b\[\d+m/g, '');
          expect([...seen].length).toBeLessThanOrEqual(columns);
          expect(leftControls(line)).toEqual([]);
          const colours = line.match(/\x1b\[\d+m/g) ?? [];
          expect(colours.length % 2).toBe(0);
        }
      }
      expect(leftControls(watchLine(state) + watchJson(state))).toEqual([]);
    }),
  );
});
