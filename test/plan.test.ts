import { describe, expect, test } from 'vitest';
import type { Plan, PlanOptions } from '../src/model.ts';
import { planFor } from '../src/survey.ts';
import { factsOf, fullLog, GIB, type Said, simulate, templates } from './support/facts.ts';
import { steps, textIn } from './support/plans.ts';

const deps = { templates, version: '0.1.0' };
const planOf = (said: Said, options: PlanOptions = {}): Plan => planFor(factsOf(said), options, deps).plan;
const full: Said = { machine: { memTotalKiB: 4 * GIB }, table: { count: 65536 }, log: fullLog(700) };
const OWN = '/etc/modprobe.d/nf_conntrack.conf';
const SYSCTL = '/etc/sysctl.d/90-ctfix-conntrack.conf';
const UDEV = '/etc/udev/rules.d/90-ctfix-conntrack.rules';

describe('order', () => {
  test('growing: files, refresh, buckets, max, timeouts', () => {
    expect(steps(planOf(full, { timeouts: { tcp_established: 86400 } }))).toEqual([
      `write ${OWN}`,
      `write ${SYSCTL}`,
      `write ${UDEV}`,
      'refresh',
      '/proc/sys/net/netfilter/nf_conntrack_buckets 65536 → 131072',
      '/proc/sys/net/netfilter/nf_conntrack_max 65536 → 131072',
      '/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established 432000 → 86400',
    ]);
  });

  test('shrinking: max before buckets', () => {
    expect(steps(planOf({}, { max: 32768, hashsize: 32768, allowShrink: true })).slice(-2)).toEqual([
      '/proc/sys/net/netfilter/nf_conntrack_max 65536 → 32768',
      '/proc/sys/net/netfilter/nf_conntrack_buckets 65536 → 32768',
    ]);
  });

  test('from no limit to one, max comes first', () => {
    const said: Said = { table: { max: 0, buckets: 16384, count: 10 } };
    expect(steps(planOf(said, { max: 100000 })).filter((step) => step.startsWith('/'))[0]).toContain(
      'nf_conntrack_max 0 → 100000',
    );
  });

  test('a reload stands in the place of the live values', () => {
    const found = steps(planOf(full, { strategy: 'reload' }));
    expect(found.slice(0, 5)).toEqual([`write ${OWN}`, `write ${SYSCTL}`, `write ${UDEV}`, 'refresh', 'record']);
    expect(found.join()).not.toContain('/proc/sys');
  });

  test.each([
    ['4.7.4', '/sys/module/nf_conntrack/parameters/hashsize'],
    ['4.8.0', '/proc/sys/net/netfilter/nf_conntrack_buckets'],
    ['3.10.0-1160.el7.x86_64', '/sys/module/nf_conntrack/parameters/hashsize'],
  ])('on %s the buckets are written to %s', (kernel, path) => {
    const plan = planOf({ ...full, machine: { kernel, memTotalKiB: 4 * GIB } });
    expect(steps(plan).join()).toContain(path);
  });

  test('before 4.7 only max is live, the buckets are for the next load, and it stays at that', () => {
    const facts = factsOf({ ...full, machine: { kernel: '4.4.155', memTotalKiB: 4 * GIB } });
    const { plan } = planFor(facts, {}, deps);
    expect(steps(plan).filter((step) => step.startsWith('/'))).toEqual([expect.stringContaining('nf_conntrack_max')]);
    expect(textIn(plan, OWN)).toContain('hashsize=131072');
    expect(plan.notes.join()).toContain('next load of the module');
    expect(planFor(simulate(facts, plan), {}, deps).plan.actions).toEqual([]);
  });
});

describe('nothing to do', () => {
  test('writes nothing at all, and says why for every item', () => {
    const plan = planOf({});
    expect(plan.actions).toEqual([]);
    expect(plan.refusals).toEqual([]);
    expect(plan.unchanged.map(({ item }) => item)).toEqual([
      'net.netfilter.nf_conntrack_buckets',
      'net.netfilter.nf_conntrack_max',
      'files',
    ]);
    expect(plan.unchanged.every(({ why }) => why.length > 10)).toBe(true);
  });

  test('names the line that holds a value', () => {
    const files = {
      '/etc/modules-load.d/a.conf': 'nf_conntrack\n',
      '/etc/sysctl.d/50-a.conf': '# x\nnet.netfilter.nf_conntrack_max = 131072\n',
    };
    const plan = planOf({ table: { max: 131072 }, files });
    expect(plan.actions).toEqual([]);
    expect(plan.unchanged.map(({ why }) => why).join()).toContain('/etc/sysctl.d/50-a.conf:2');
    expect(plan.notes.join()).toContain('a load of the module after the boot would give max 65,536');
  });

  test('a key that wins with the wanted value is not written again: only the hook is missing', () => {
    const files = { '/etc/sysctl.d/50-a.conf': 'net.netfilter.nf_conntrack_max=100000\n' };
    const plan = planOf({ table: { max: 100000 }, files });
    expect(plan.sizing.verdict).toBe('needed');
    expect(steps(plan)).toEqual([`write ${UDEV}`, 'refresh']);
    expect(plan.unchanged.map(({ why }) => why).join()).toContain('/etc/sysctl.d/50-a.conf:1 sets 100000 already');
  });

  test('a container with nothing to do gets an answer, not a refusal', () => {
    const plan = planOf({ machine: { container: 'docker' }, table: { namespace: 'child', writable: false } });
    expect(plan.refusals).toEqual([]);
    expect(plan.notes.join()).toContain('container (docker)');
  });
});

describe('a directory tree whose memory and kernel nobody knows', () => {
  const tree: Said = { kind: 'sysroot', machine: { kernel: '', memTotalKiB: 0 }, module: { state: 'absent' } };
  const files = { '/etc/sysctl.d/50-a.conf': 'net.netfilter.nf_conntrack_max=500000\n' };

  test('has nothing to do by itself', () => {
    const plan = planOf(tree);
    expect([plan.actions, plan.refusals]).toEqual([[], []]);
    expect(plan.sizing.verdict).toBe('nothing');
    expect(plan.notes.join()).toContain('--root');
  });

  test.each<[string, Said, PlanOptions, string]>([
    ['what was asked for', tree, { max: 300000 }, 'hashsize=300032\n'],
    ['a value that nothing applies', { ...tree, files }, {}, 'hashsize=500224\n'],
  ])('gets files for %s', (_, said, options, option) => {
    const plan = planOf(said, options);
    expect(textIn(plan, OWN)).toContain(option);
    expect(plan.actions.every((action) => action.do === 'write-file' || action.do === 'refresh')).toBe(true);
    expect(plan.strategy.taken).toBe('persist');
  });
});

describe('what is said', () => {
  test("a live resize never reaches nf_nat's own table", () => {
    const plain = { refcnt: 0, holders: [], driver: false };
    const plan = planOf({ ...full, module: { tree: { nf_conntrack: plain, nf_nat: plain } } });
    expect(plan.notes.join()).toContain('nf_nat');
    expect(planOf(full).notes.join()).not.toContain('nf_nat');
  });

  test('what is unknown is listed with what it costs', () => {
    const unknown = { unknown: 'no permission' };
    const { unknowns } = planOf({ table: { namespace: unknown, count: unknown }, log: unknown });
    expect(unknowns.map(({ what }) => what.split(':')[0])).toEqual([
      'the kernel log',
      'count',
      'the network namespace',
      'the slab object',
    ]);
  });

  test('what is needed and written already comes with the next load, and is nothing to do', () => {
    const facts = factsOf(full);
    const first = planFor(facts, { strategy: 'persist' }, deps).plan;
    expect(steps(first)).toEqual([`write ${OWN}`, `write ${SYSCTL}`, `write ${UDEV}`, 'refresh']);
    const second = planFor(simulate(facts, first), { strategy: 'persist' }, deps).plan;
    expect(second.actions).toEqual([]);
    expect(second.sizing.verdict).toBe('nothing');
    expect(second.sizing.reasons[0]).toContain('next load');
    expect(planFor(simulate(facts, first), {}, deps).plan.actions).toHaveLength(2);
  });

  test('the head says which host and which ctfix', () => {
    const plan = planOf({});
    expect(plan).toMatchObject({ schema: 'ctfix.plan/v1', ctfix: '0.1.0', host: { kernel: '6.1.0-56-cloud-amd64' } });
  });
});
