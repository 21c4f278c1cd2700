/**
 * Dies at every moment of what ends a change: a rollback by hand, the confirmation, and the way back of a change that a
 * signal has stopped.
 */
import { describe, expect, test, vi } from 'vitest';
import { confirm } from '../../src/apply/confirm.ts';
import { rollback } from '../../src/apply/rollback.ts';
import { type Disk, watched } from '../support/crashes.ts';
import { afterSteps, applied, BOOT, check, PERSON, SERVICE, TIMER } from '../support/matrix.ts';
import { CONFIRM, LIVE, RELOAD } from '../support/matrix-cases.ts';

const disk = vi.hoisted((): Disk => ({ at: () => {} }));
vi.mock('node:fs', async (original) => {
  const { toldOf } = await import('../support/told-fs.ts');
  return toldOf(await original<typeof import('node:fs')>(), disk);
});

describe.each([...LIVE, ...RELOAD])('$name', (each) => {
  test('a death in the rollback by hand', async () => {
    const done = await applied(each, disk);
    const back = await watched(done, disk, (deps) => rollback(undefined, deps));
    expect(back.result.exit).toBe('ok');
    const { first, wrong } = await check(each, { ...back, world: done.world }, [PERSON, BOOT], disk);
    expect(first).toBeGreaterThan(20);
    expect(wrong).toEqual([]);
  });
});

/** Every fourth step: which step the signal comes after makes no other way back, only a longer one. */
const stops = [LIVE[0], RELOAD[0], RELOAD[1]].flatMap((each) =>
  [1, 5, 9, 13, 17].flatMap((step) =>
    each === undefined || (step > 5 && !RELOAD.includes(each)) ? [] : [{ each, step }],
  ),
);

test.each(stops)('$each.name: a death in the way back, after a signal after step $step', async ({ each, step }) => {
  const stopped = await applied(each, disk, step);
  expect(stopped.result.exit).toBe('rolledBack');
  const deaths = afterSteps(stopped);
  expect(deaths.length).toBeGreaterThan(5);
  // Only a reload is a service of its own, with a timer.
  const hows = RELOAD.includes(each) ? [PERSON, SERVICE, BOOT, TIMER] : [PERSON, BOOT];
  const { wrong } = await check(each, { ...stopped, crashes: deaths }, hows, disk);
  expect(wrong).toEqual([]);
});

test.each([...CONFIRM, ...RELOAD.filter(({ confirmWithin }) => confirmWithin !== undefined)])(
  '$name: a death in the confirmation: it stays or goes back, whole',
  async (each) => {
    const done = await applied(each, disk);
    const kept = await watched(done, disk, confirm);
    expect(kept.result.exit).toBe('ok');
    const { wrong } = await check(each, kept, [PERSON, BOOT, TIMER], disk);
    expect(wrong).toEqual([]);
  },
);
