import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { diagnose } from '../src/doctor/diagnose.ts';
import { isKnown, known } from '../src/model.ts';
import { size } from '../src/sizing.ts';
import { type Beside, statusOf } from '../src/status.ts';
import { factsOf, type Said } from './support/facts.ts';
import { anyHost } from './support/hosts-any.ts';

const beside: Beside = { version: '0.1.0', now: new Date('2026-11-24T06:00:00Z'), changes: [], findings: [] };
const status = (said: Said = {}) => statusOf(factsOf(said), beside);
const unknown = { unknown: 'no permission' };
const schema = JSON.parse(readFileSync(new URL('../docs/status-v1.schema.json', import.meta.url), 'utf8'));
const valid = new Ajv2020({ strict: true, allErrors: true }).compile(schema);

describe('the table', () => {
  test.each<[string, Said, object]>([
    ['as it is', { table: { count: 16384 } }, { count: 16384, max: 65536, fill: 0.25, chain: 0.5, chainWhenFull: 2 }],
    ['few buckets', { table: { count: 65536, buckets: 8192 } }, { chain: 16, chainWhenFull: 16 }],
    ['count unknown', { table: { count: unknown } }, { fill: unknown, chain: unknown, chainWhenFull: 2 }],
    ['max unknown', { table: { max: unknown } }, { fill: unknown, chainWhenFull: unknown }],
    ['buckets unknown', { table: { buckets: unknown } }, { chain: unknown, chainWhenFull: unknown }],
    ['a hash without buckets', { table: { buckets: 0 } }, { chain: 0 }],
  ])('%s', (_, said, expected) => expect(status(said).table).toMatchObject(expected));

  test('without a limit nothing is full', () => {
    const { table, memory } = status({ table: { max: 0, count: 1000 } });
    expect(Object.keys(table ?? {})).toEqual(['count', 'max', 'buckets', 'chain', 'shortChains']);
    expect(memory).toEqual({ now: 8 * 65536 + 256 * 1000, perFlow: 256, perFlowHow: expect.any(String) });
  });

  test('without the module there is none, and that is not an empty one', () => {
    const absent = status({ module: { state: 'absent' } });
    expect([absent.table, absent.drops, absent.memory]).toEqual([undefined, undefined, undefined]);
  });
});

describe('drops', () => {
  test.each<[string, Said, unknown]>([
    ['unknown', { table: { counters: unknown, countersLater: unknown } }, unknown],
    [
      'one look',
      {},
      [
        ['drop', 0, undefined],
        ['early_drop', 0, undefined],
        ['insert_failed', 0, undefined],
        ['chaintoolong', 0, undefined],
      ],
    ],
    ['two looks', { table: { counters: { drop: 1 }, countersLater: { drop: 4 } } }, [['drop', 4, 3]]],
    [
      'reset by a load between them',
      { table: { counters: { drop: 9 }, countersLater: { drop: 4 } } },
      [['drop', 4, undefined]],
    ],
    ['the second look failed', { table: { counters: { drop: 9 }, countersLater: unknown } }, [['drop', 9, undefined]]],
  ])('%s', (_, said, expected) => {
    const facts = factsOf(said);
    const once =
      said.table === undefined ? { ...facts, table: { ...facts.table, countersLater: facts.table.counters } } : facts;
    const { drops } = statusOf(once, beside);
    expect(
      drops !== undefined && isKnown(drops) ? drops.map(({ name, total, rise }) => [name, total, rise]) : drops,
    ).toEqual(expected);
  });
});

/** A file that nothing applies, and one behind it. */
function asks(first: number, second = 0, name = 'max'): Said & { readonly files: Readonly<Record<string, string>> } {
  const line = (value: number) => `net.netfilter.nf_conntrack_${name}=${value}\n`;
  const more = second === 0 ? {} : { '/etc/sysctl.d/b.conf': line(second) };
  return { files: { '/etc/sysctl.d/a.conf': line(first), ...more } };
}

describe('drift', () => {
  test.each<[string, Said, object]>([
    ['none', {}, { nowAndBoot: 0, lost: 0 }],
    ['by hand', { table: { max: 99999 } }, { nowAndBoot: 1 }],
    ['lost', asks(500_000), { nowAndBoot: 0, lost: 1 }],
    ['lost, and nothing is missing: there is more', asks(10_000), { nowAndBoot: 0, lost: 0 }],
    ['the same, and the module is not there', { ...asks(10_000), module: { state: 'absent' } }, { lost: 0 }],
    ['will be lost, and the module is not there', { ...asks(500_000), module: { state: 'absent' } }, { lost: 1 }],
    [
      'will be lost, and there is enough now',
      { ...asks(500_000), table: { max: 500_000 } },
      { nowAndBoot: 1, lost: 1 },
    ],
    ['one of two in files is lost, the other overrides it', asks(500_000, 600_000), { lost: 1 }],
    [
      'lost, and ufw sets it later in any case',
      {
        files: { ...asks(500_000).files, '/etc/ufw/sysctl.conf': 'net/netfilter/nf_conntrack_max=70000\n' },
        firewalls: [{ name: 'ufw', state: 'active', takesAlong: [] }],
      },
      { lost: 0 },
    ],
    ['a key that this kernel does not have', asks(7, 0, 'tcp_timeout_no_such'), { lost: 0 }],
    ['a timeout', asks(7, 0, 'tcp_timeout_established'), { lost: 1 }],
    ['decided outside', { ...asks(500_000), table: { namespace: 'child' } }, { lost: 0 }],
  ])('%s', (_, said, expected) => expect(status(said).drift).toMatchObject(expected));

  test.each<[string, Said]>([
    ['a child namespace', { table: { namespace: 'child' } }],
    ['no module', { module: { state: 'absent' } }],
    ['a tree', { kind: 'sysroot' }],
    ['no memory known', { machine: { memTotalKiB: 0 }, table: { max: 5, buckets: 512 } }],
  ])('%s: now and the next boot cannot be compared', (_, said) => {
    expect(status(said).drift).not.toHaveProperty('nowAndBoot');
  });
});

test('law: a line counts as lost only where the doctor warns', () => {
  let [warned, well] = [0, 0];
  fc.assert(
    fc.property(
      anyHost,
      fc.constantFrom('initial' as const, 'initial' as const, 'child' as const),
      (any, namespace) => {
        const facts = { ...any, table: { ...any.table, namespace } };
        const { verdict } = diagnose(facts);
        const { lost } = statusOf(facts, beside).drift;
        if (verdict === 'well') expect(lost).toBe(0);
        well += Number(verdict === 'well');
        warned += Number(lost > 0);
      },
    ),
    { numRuns: 500 },
  );
  expect([warned > 20, well > 20]).toEqual([true, true]);
});

test('laws: fill and chains follow from what is live, memory grows with the flows, JSON keeps everything', () => {
  fc.assert(
    fc.property(anyHost, (facts) => {
      const sizing = size(facts, {});
      const one = statusOf(facts, { ...beside, sizing });
      expect(JSON.parse(JSON.stringify(one))).toEqual(one);
      valid(one);
      expect(valid.errors).toBeNull();
      expect(one.plan?.verdict).toBe(sizing.verdict);
      const { table, memory } = one;
      expect(table === undefined).toBe(facts.module.state === 'absent');
      if (table === undefined || memory === undefined) return;
      const [count, max, buckets] = [known(table.count), known(table.max), known(table.buckets)];
      if (count === undefined || max === undefined || buckets === undefined) throw new Error('anyHost knows these');
      expect(table.chain).toBe((2 * count) / buckets);
      expect(table.fill).toBe(max === 0 ? undefined : count / max);
      if (max === 0) return;
      const more = memory.perFlow * (max - count);
      expect((known(memory.now) ?? 0) + more).toBe(known(memory.whenFull ?? 0));
    }),
  );
});
