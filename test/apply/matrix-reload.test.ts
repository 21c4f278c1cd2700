/** Dies at every moment of every step of a reload, and in what takes that back. */
import { describe, expect, test, vi } from 'vitest';
import type { Disk } from '../support/crashes.ts';
import { applied, BOOT, check, PERSON, SERVICE, stepsMissed, TIMER } from '../support/matrix.ts';
import { RELOAD } from '../support/matrix-cases.ts';

const disk = vi.hoisted((): Disk => ({ at: () => {} }));
vi.mock('node:fs', async (original) => {
  const { toldOf } = await import('../support/told-fs.ts');
  return toldOf(await original<typeof import('node:fs')>(), disk);
});

describe.each(RELOAD)('$name', (each) => {
  test('every death at every step ends in old or new', async () => {
    const ran = await applied(each, disk);
    expect(ran.result.exit).toBe('ok');
    expect(stepsMissed(ran)).toEqual([]);
    const { first, second, wrong } = await check(each, ran, [PERSON, SERVICE, BOOT, TIMER], disk);
    expect(first).toBeGreaterThan(90);
    expect(second).toBeGreaterThan(200);
    expect(wrong).toEqual([]);
  }, 300_000);
});

test('together they take every kind of step that a reload has', async () => {
  const kinds = new Set<string>();
  for (const each of RELOAD) {
    for (const action of (await applied(each, disk)).plan.actions)
      if (action.do === 'reload') kinds.add(action.step.step);
  }
  expect([...kinds].sort()).toEqual([
    'clear-rules',
    'drain-flows',
    'guard-down',
    'guard-up',
    'load',
    'load-rules',
    'prove-down',
    'prove-rules',
    'record',
    'restore-flows',
    'save-flows',
    'start',
    'start-along',
    'stop',
    'unload',
    'write-back',
  ]);
});
