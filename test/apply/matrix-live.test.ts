/** Dies at every moment of every step of live and persist, and in what takes that back. */
import { describe, expect, test, vi } from 'vitest';
import type { Disk } from '../support/crashes.ts';
import { applied, BOOT, check, PERSON, stepsMissed, TIMER } from '../support/matrix.ts';
import { CONFIRM, LIVE } from '../support/matrix-cases.ts';

const disk = vi.hoisted((): Disk => ({ at: () => {} }));
vi.mock('node:fs', async (original) => {
  const { toldOf } = await import('../support/told-fs.ts');
  return toldOf(await original<typeof import('node:fs')>(), disk);
});

describe.each([...LIVE, ...CONFIRM])('$name', (each) => {
  test('every death at every step ends in old or new', async () => {
    const ran = await applied(each, disk);
    expect(ran.result.exit).toBe('ok');
    expect(stepsMissed(ran)).toEqual([]);
    const hows = each.confirmWithin === undefined ? [PERSON, BOOT] : [PERSON, BOOT, TIMER];
    const { first, second, wrong } = await check(each, ran, hows, disk);
    expect(first).toBeGreaterThan(30);
    expect(second).toBeGreaterThan(30);
    expect(wrong).toEqual([]);
  }, 300_000);
});
