/** Arbitrary hosts as a doctor sees them. */
import fc from 'fast-check';
import { type DiagnosisFacts, type Facts, known } from '../../src/model.ts';
import { hostile } from '../render/support.ts';
import { APPLIED } from './change-record.ts';
import { anyHost } from './hosts-any.ts';
import { active } from './said.ts';

const unknown = fc.constantFrom({ unknown: 'no permission' }, { unknown: 'it does not exist' });
const maybe = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: value }, { weight: 1, arbitrary: unknown });
const count = fc.oneof(fc.nat(5), fc.nat(2 ** 31));
const counters = fc.dictionary(
  fc.constantFrom('entries', 'drop', 'early_drop', 'insert_failed', 'chainlength', 'chaintoolong'),
  count,
);

/** Anything that a look might bring. */
const looked: fc.Arbitrary<DiagnosisFacts> = fc.record({
  strayKeys: fc.array(fc.record({ file: hostile, line: fc.nat(99), key: hostile, value: hostile, meant: hostile }), {
    maxLength: 2,
  }),
  unloads: fc.array(fc.record({ file: hostile, line: fc.nat(99), reapplies: fc.array(hostile) }), { maxLength: 2 }),
  sample: maybe(
    fc.record({
      flows: fc.nat(900),
      whole: fc.boolean(),
      kinds: fc.dictionary(fc.constantFrom('tcp TIME_WAIT', 'udp', 'tcp ESTABLISHED'), fc.nat(900)),
      unreplied: fc.nat(900),
      dns: fc.nat(900),
      silent: fc.nat(900),
    }),
  ),
  namespaces: maybe(
    fc.array(
      fc.record({
        inode: fc.nat(),
        name: hostile,
        processes: fc.array(hostile, { maxLength: 2 }),
        counters: maybe(counters),
        countersLater: maybe(counters),
      }),
      { maxLength: 3 },
    ),
  ),
  cloud: fc.record({
    vendor: fc.constantFrom('aws' as const, 'azure' as const, 'gcp' as const),
    interfaces: fc.array(
      fc.record({
        name: hostile,
        driver: hostile,
        exceeded: maybe(count),
        exceededLater: maybe(count),
        available: count,
      }),
      { maxLength: 2 },
    ),
  }),
  datapaths: fc.array(fc.record({ name: fc.constantFrom('cilium' as const, 'calico-ebpf' as const), trace: hostile }), {
    maxLength: 2,
  }),
  initramfs: fc.record({
    file: hostile,
    line: fc.nat(99),
    image: hostile,
    newer: maybe(fc.array(hostile, { maxLength: 2 })),
  }),
});

/** A host of which some is unknown. */
export const anyPatient: fc.Arbitrary<Facts> = fc
  .tuple(anyHost, looked, maybe(counters), maybe(counters), fc.subarray(['max', 'buckets', 'count'] as const), unknown)
  .chain(([facts, diagnosis, first, later, hidden, why]) =>
    fc
      .record({
        log: fc.constantFrom<Facts['log']>(facts.log, why),
        namespace: fc.constantFrom('initial' as const, 'initial' as const, 'child' as const, why),
        root: fc.boolean(),
        owners: fc.constantFrom<Facts['firewalls']>([], active('iptables')),
        container: fc.constantFrom(undefined, undefined, undefined, 'docker'),
        state: fc.constantFrom(facts.module.state, facts.module.state, 'unloading' as const),
        uptime: fc.constantFrom<Facts['machine']['uptime']>(facts.machine.uptime, why, 0),
      })
      .map(({ log, namespace, root, owners, container, state, uptime }) => ({
        ...facts,
        firewalls: [...facts.firewalls, ...owners],
        log,
        root,
        diagnosis,
        machine: { ...facts.machine, uptime, ...(container !== undefined && { container }) },
        module: { ...facts.module, state },
        table: {
          ...facts.table,
          ...Object.fromEntries(hidden.map((name) => [name, why])),
          counters: first,
          countersLater: later,
          namespace,
        },
      })),
  );

const target = fc.constantFrom(1024, 65_536, 100_000, 131_072, 262_144);

/** A host and what a change of an earlier boot promised there, kept or not. */
export const anyPromised: fc.Arbitrary<Facts & Required<Pick<Facts, 'lastChange'>>> = fc
  .tuple(anyHost, fc.boolean(), target, target, fc.constantFrom('300', '432000'))
  .map(([facts, asItIs, max, buckets, established]) => {
    const live = asItIs ? { max: known(facts.table.max) ?? max, buckets: known(facts.table.buckets) ?? buckets } : {};
    const targets = { max, buckets, ...live, values: { tcp_timeout_established: established } };
    return { ...facts, lastChange: { ...APPLIED, bootId: 'earlier', targets } };
  });
