import fc from 'fast-check';
import { expect, test } from 'vitest';
import { statusText } from '../../src/render/status.ts';
import { size } from '../../src/sizing.ts';
import { type Beside, statusOf } from '../../src/status.ts';
import { APPLIED } from '../support/change-record.ts';
import { factsOf } from '../support/facts.ts';
import { anyHost } from '../support/hosts-any.ts';
import { COLOURED, hostile, leftControls, PLAIN, spoil } from './support.ts';

const beside: Beside = { version: '0.1.0', now: new Date('2026-11-24T06:00:00Z'), changes: [], findings: [] };
const status = (said: Parameters<typeof factsOf>[0], more: Partial<Beside> = {}) =>
  statusOf(factsOf(said), { ...beside, ...more });
const head = (said: Parameters<typeof factsOf>[0]) => statusText(status(said), PLAIN).split('\n')[0];
const change = { ...APPLIED, targets: { max: 65536, buckets: 65536, values: { udp_timeout: '30' } } } as const;

test.each([
  [{ table: { count: 32768 } }, '50 % full: 32,768 of 65,536 flows'],
  [{ table: { count: 5, max: 0 } }, '5 flows, no limit (nf_conntrack_max is 0)'],
  [{ table: { count: { unknown: 'no\x1b permission' } } }, 'flows unknown: no\\e permission'],
  [{ table: { count: 1, max: { unknown: 'no permission' } } }, '1 flow, max unknown'],
  [{ module: { state: 'absent' as const } }, 'no table: nf_conntrack is not loaded'],
  [{ kind: 'sysroot' as const, table: { count: { unknown: '' } } }, 'table unknown (--root)'],
])('the first line: %j', (said, line) => expect(head(said)).toBe(line));

test.each<[string, Partial<Beside>, string]>([
  ['none', {}, 'none made by ctfix'],
  ['unknown', { changes: { unknown: 'damaged' } }, 'unknown: damaged'],
  ['in force', { changes: [change] }, 'ID, 2026-11-24 05:00:00Z, live: in force'],
  [
    'stuck',
    { changes: [{ ...change, outcome: 'stuck' }] },
    'ID, 2026-11-24 05:00:00Z, live: could not be taken back whole: sudo ctfix rollback',
  ],
  [
    'the last one counts',
    { changes: [change, { ...change, id: 'NEXT', at: 'noon', outcome: 'undone' }] },
    'NEXT, noon, live: taken back',
  ],
])('the change: %s', (_, more, line) => {
  expect(statusText(status({}, more), PLAIN)).toContain(`\n  change    ${line}\n`);
});

test.each<[string, number | undefined, string]>([
  ['in time', 5250, 'ID goes back in 4 min 10 s; it stays with: sudo ctfix confirm'],
  ['over', 4000, 'the time for ID is over; if this stays: sudo ctfix rollback ID'],
])('what waits to be confirmed, %s', (_, until, line) => {
  const waiting = { ...change, pendingConfirm: { until: until ?? 0, bootId: change.bootId } };
  expect(statusText(status({}, { changes: [waiting] }), PLAIN)).toContain(`  confirm   ${line}\n`);
});

test('what waits goes back once another boot has begun, and nobody knows when without a clock', () => {
  const waiting = (bootId: string) => [{ ...change, pendingConfirm: { until: 9999, bootId } }];
  expect(status({}, { changes: waiting('other') }).pending).toEqual({ id: 'ID', secondsLeft: 0 });
  const clockless = status({ machine: { uptime: { unknown: 'no /proc' } } }, { changes: waiting(change.bootId) });
  expect(clockless.pending).toEqual({ id: 'ID', secondsLeft: { unknown: 'no /proc' } });
  expect(statusText(clockless, PLAIN)).toContain('ID goes back at a time unknown;');
});

test('the target and what does not hold of it', () => {
  const text = (...when: ('now' | 'next-boot')[]) =>
    statusText(
      status({ lastChange: change }, { changes: [change], findings: when.map((one) => ({ when: one })) }),
      PLAIN,
    );
  const target = 'max 65,536, buckets 65,536, udp_timeout 30';
  expect(text()).toContain(`  target    ${target}: holds now and after the next boot\n`);
  expect(text('now', 'next-boot', 'next-boot')).toContain('1 value not so now, 2 values not so');
});

test('drops that go on are told', () => {
  const table = { counters: { drop: 5 }, countersLater: { drop: 12 } };
  expect(statusText(status({ table }), PLAIN)).toMatch(
    /\n {2}drop {2}12 {2}packets dropped: table full, two made the same flow, .*\(7 while we\n *looked\)\n/,
  );
});

test('a short chain limit is told where the kernel has it', () => {
  const machine = { kernel: '5.15.0-100-generic', version: '' };
  expect(statusText(status({ machine }), PLAIN)).toContain('more than 8 to 31');
  expect(statusText(status({}), PLAIN)).not.toContain('more than 8 to 31');
});

test('colours change nothing but colours', () => {
  fc.assert(
    fc.property(anyHost, (facts) => {
      const one = statusOf(facts, { ...beside, sizing: size(facts, {}) });
      expect(statusText(one, COLOURED).replace(/\x1b\[\d+m/g, '')).toBe(statusText(one, PLAIN));
    }),
  );
});

test('whatever a host says, no line moves the cursor, and prose ends before column 100', () => {
  fc.assert(
    fc.property(anyHost, fc.infiniteStream(hostile), (facts, texts) => {
      const next = () => texts.next().value ?? '';
      const keys = [
        'os',
        'kernel',
        'container',
        'how',
        'why',
        'file',
        'value',
        'unknown',
        'reason',
        'id',
        'at',
        'name',
        'what',
        'perFlowHow',
      ];
      const spoilt = spoil(statusOf(facts, { ...beside, sizing: size(facts, {}), changes: [change] }), keys, next);
      expect(leftControls(statusText(spoilt, COLOURED))).toEqual([]);
      const honest = statusText(statusOf(facts, beside), PLAIN).split('\n');
      expect(honest.filter((line) => line.length > 100 && / .* .* /.test(line.slice(40)))).toEqual([]);
    }),
  );
});
