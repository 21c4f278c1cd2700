import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promiseOf } from '../src/apply/state.ts';
import { type Facts, known, type Plan, type PlanOptions } from '../src/model.ts';
import { isActive } from '../src/nextboot.ts';
import { checkTargets } from '../src/promises.ts';
import { planFor } from '../src/survey.ts';
import { factsOf, GIB, simulate, templates } from './support/facts.ts';
import { anyHost, anyOptions, fewOptions } from './support/hosts-any.ts';

const planOf = (facts: Facts, options: PlanOptions) => planFor(facts, options, { templates, version: '0.1.0' }).plan;
const promised = (facts: Facts, plan: Plan) => promiseOf(plan, known(facts.machine.bootId) ?? '');
const items = (facts: Facts, from: Facts, plan: Plan) =>
  checkTargets(facts, promised(from, plan)).findings.map(({ item, when }) => `${item.slice(27)} ${when}`);

test('a change that does what it says passes its own proof', () => {
  let proved = 0;
  fc.assert(
    fc.property(anyHost, fc.oneof(fewOptions, anyOptions), (facts, options) => {
      const plan = planOf(facts, options);
      // What kube-proxy makes of the buckets after a boot hangs on numbers that only its own configuration has.
      if (plan.refusals.length > 0 || plan.actions.length === 0 || isActive(facts, 'kube-proxy')) return;
      proved += 1;
      expect(items(simulate(facts, plan), facts, plan)).toEqual([]);
    }),
    { numRuns: 600 },
  );
  expect(proved).toBeGreaterThan(100);
});

describe('files alone, beside a loaded module', () => {
  const facts = factsOf({ table: { count: 65536 } });
  const plan = planOf(facts, { strategy: 'persist' });
  const after = simulate(facts, plan);

  test('wait for the next load', () => {
    expect(items(after, facts, plan)).toEqual([]);
    expect(checkTargets(after, promised(facts, plan)).waits.join()).toContain('only files were written');
  });

  test('count from the next boot on', () => {
    const booted = { ...after, machine: { ...after.machine, bootId: 'another' } };
    expect(items(booted, facts, plan)).toEqual(['max now', 'buckets now']);
  });
});

describe('timeouts alone', () => {
  const facts = factsOf({ machine: { memTotalKiB: 8 * GIB } });
  const timeouts = { tcp_timeout_established: 86400 };

  test('promise nothing about a table that the next boot makes larger', () => {
    const plan = planOf(facts, { timeouts });
    expect(plan.sizing.targets).toMatchObject({ max: 65536, buckets: 65536 });
    expect(items(simulate(facts, plan), facts, plan)).toEqual([]);
  });

  test('with a size that was asked for, that is promised to the letter', () => {
    const plan = planOf(facts, { timeouts, max: 65536, hashsize: 65536 });
    const { config } = simulate(facts, plan);
    const lost = { ...simulate(facts, plan), config: { ...config, modprobe: [], systemdSysctl: [] } };
    expect(items(lost, facts, plan)).toContain('max next-boot');
  });
});

describe('what cannot be seen', () => {
  const facts = factsOf({ table: { count: 65536 } });
  const plan = planOf(facts, {});
  const after = simulate(facts, plan);
  const hidden = { unknown: 'permission denied' };
  const blind = { ...after, table: { ...after.table, max: hidden } };

  test('is neither what was promised nor a finding', () => {
    const { findings, unknown, notes } = checkTargets(blind, promised(facts, plan));
    expect(findings).toEqual([]);
    expect(unknown).toEqual(['net.netfilter.nf_conntrack_max now: permission denied']);
    expect(notes.join()).not.toContain('nf_conntrack_max is 131072 now');
  });

  test('may be a file of the configuration', () => {
    const secret = {
      file: '/etc/sysctl.d/99-secret.conf',
      what: 'it cannot be read: no permission',
      unread: true,
    } as const;
    const { findings, unknown } = checkTargets(
      { ...after, problems: [secret, { file: '/etc/sysctl.d/x.conf', what: 'a link to nowhere' }] },
      promised(facts, plan),
    );
    expect(findings).toEqual([]);
    expect(unknown).toEqual([
      'after the next boot: /etc/sysctl.d/99-secret.conf could not be read, and may set another value',
    ]);
  });

  test('is not asked for below --root', () => {
    const { unknown, waits } = checkTargets({ ...blind, kind: 'sysroot' }, promised(facts, plan));
    expect(unknown).toEqual([]);
    expect(waits.join()).toContain('not looked at below --root');
  });
});

test('no file holds the buckets of a module that is built in before 4.8', () => {
  const facts = factsOf({
    machine: { kernel: '4.4.155' },
    module: { state: 'builtin' },
    table: { buckets: 16384, count: 65536 },
  });
  const plan = planOf({ ...facts, table: { ...facts.table, buckets: 16384 } }, { ratio: 4 });
  const after = simulate(facts, plan);
  expect(items(after, facts, plan)).toEqual([]);
});
