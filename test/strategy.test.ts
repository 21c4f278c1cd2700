import { describe, expect, test } from 'vitest';
import type { PlanOptions } from '../src/model.ts';
import { size } from '../src/sizing.ts';
import { chooseStrategy } from '../src/strategy.ts';
import { factsOf, type Said } from './support/facts.ts';

const choose = (said: Said, options: PlanOptions = {}) => {
  const facts = factsOf(said);
  return chooseStrategy(facts, size(facts, options), options);
};
const full = { table: { count: 65536 } };
const more: PlanOptions = { max: 100000 };

describe('auto', () => {
  test.each<[string, Said, string]>([
    ['loaded', full, 'live'],
    ['built in', { ...full, module: { state: 'builtin' } }, 'live'],
    ['not loaded', { module: { state: 'absent' } }, 'persist'],
    ['a directory tree', { kind: 'sysroot', module: { state: 'absent' } }, 'persist'],
    ['before 4.7', { ...full, machine: { kernel: '4.4.155' } }, 'live'],
  ])('%s', (_, said, expected) => {
    const { taken, refusals } = choose(said, more);
    expect({ taken, refusals }).toEqual({ taken: expected, refusals: [] });
  });

  test.each([
    ['4.4.155', 'the buckets wait'],
    ['4.7.4', 'grows in place'],
    ['3.10.0-1160.el7.x86_64', 'grows in place'],
    ['3.16.0', 'the buckets wait'],
  ])('on %s: %s', (kernel, why) => {
    expect(choose({ ...full, machine: { kernel } }).why).toContain(why);
  });
});

describe('refused', () => {
  test.each<[string, Said, PlanOptions, string[]]>([
    ['in a container', { ...full, machine: { container: 'docker' } }, {}, ['container']],
    ['in a child namespace', { table: { count: 65536, namespace: 'child' } }, {}, ['child-namespace']],
    ['with /proc/sys read-only', { table: { count: 65536, writable: false } }, {}, ['read-only-kernel']],
    ['but not for files alone', { table: { count: 65536, writable: false } }, { strategy: 'persist' }, []],
    ['live without the module', { module: { state: 'absent' } }, { ...more, strategy: 'live' }, ['not-loaded']],
    ['reload without the module', { module: { state: 'absent' } }, { ...more, strategy: 'reload' }, ['not-loaded']],
    ['reload of what is built in', { ...full, module: { state: 'builtin' } }, { strategy: 'reload' }, ['builtin']],
    ['while it is being unloaded', { ...full, module: { state: 'unloading' } }, more, ['unloading']],
    ['live in a directory tree', { kind: 'sysroot' }, { ...more, strategy: 'live' }, ['no-kernel']],
    ['with a value that cannot be read', { table: { buckets: { unknown: 'no /proc' } } }, more, ['unreadable']],
    ['unload, even with nothing to do', {}, { strategy: 'unload' }, ['unload-not-available']],
  ])('%s', (_, said, options, expected) => {
    const { refusals } = choose(said, options);
    expect(refusals.map(({ code }) => code)).toEqual(expected);
    expect(refusals.every(({ what, remedy }) => what.length > 20 && remedy.length > 10)).toBe(true);
  });

  test('nothing is refused where nothing has to change', () => {
    expect(choose({ machine: { container: 'lxc' }, table: { namespace: 'child', writable: false } }).refusals).toEqual(
      [],
    );
  });
});

test('the others are named with their cost and what blocks them, never the one that is taken', () => {
  const { taken, others } = choose({ module: { state: 'absent' } }, more);
  expect([taken, ...others.map(({ strategy }) => strategy)]).toEqual(['persist', 'live', 'reload', 'unload']);
  expect(others.find(({ strategy }) => strategy === 'live')?.blockedBy.join()).toContain('not loaded');
  expect(others.every(({ cost }) => cost !== '')).toBe(true);
});
