/** What systemd starts when nobody is there: beside others that are at work for a moment, and after a soft reboot. */
import { describe, expect, test } from 'vitest';
import { apply } from '../../src/apply/apply.ts';
import { takeLock } from '../../src/apply/lock.ts';
import { MOTD } from '../../src/apply/net.ts';
import { recoverAtBoot, recoverKilled, revertUnconfirmed } from '../../src/apply/recover.ts';
import { HostError } from '../../src/errors.ts';
import type { Host } from '../../src/host/host.ts';
import { killed, setUp, walls } from '../support/net.ts';

const id = '20261124-054512-aaaa';
const NOW = new Date('2026-11-24T05:45:12Z');

const RECOVERIES = [
  ['killed', recoverKilled],
  ['not confirmed', revertUnconfirmed],
] as const;

describe('another ctfix is at work for a moment', () => {
  test.each(RECOVERIES)('%s: the recovery waits for its end', async (_, recover) => {
    const { memory, plan, before, deps } = await setUp({ id });
    await killed(memory, deps, plan, /value .*max/);
    const other = await takeLock(deps().lockPath, memory.host, NOW);
    let looks = 0;
    const sleep = async () => {
      if (++looks === 3) other.release();
    };
    expect(await recover(id, { ...deps(), sleep })).toMatchObject([{ outcome: { exit: 'ok', id } }]);
    expect(looks).toBe(3);
    memory.files.delete(MOTD);
    expect(memory.snapshot()).toEqual(before);
  });

  test.each(RECOVERIES)('%s: it comes between the look and the lock', async (_, recover) => {
    const { memory, plan, before, deps } = await setUp({ id });
    await killed(memory, deps, plan, /value .*max/);
    let other: Awaited<ReturnType<typeof takeLock>> | undefined;
    // Asked who it is for its own lock: from now on somebody else has that.
    const readFile = async (path: string) => {
      if (path === '/proc/self/stat' && other === undefined) {
        other = { release: () => undefined };
        other = await takeLock(deps().lockPath, memory.host, NOW);
      }
      return memory.host.readFile(path);
    };
    const sleep = async () => other?.release();
    const host: Host = { ...memory.host, readFile };
    expect(await recover(id, { ...deps(host), sleep })).toMatchObject([{ outcome: { exit: 'ok', id } }]);
    memory.files.delete(MOTD);
    expect(memory.snapshot()).toEqual(before);
  });

  test('a change that is complete waits for nobody', async () => {
    const { memory, plan, facts, deps } = await setUp({ id });
    await apply(plan, facts, deps());
    const other = await takeLock(deps().lockPath, memory.host, NOW);
    const sleep = () => Promise.reject(new Error('waits'));
    expect(await recoverKilled(id, { ...deps(), sleep })).toEqual([]);
    other.release();
  });

  test('the change is still being made, and ends well: the timer of a reload leaves it', async () => {
    const { memory, plan, facts, deps } = await setUp({ id });
    let end: () => void = () => {};
    const done = new Promise<void>((resolve) => {
      end = resolve;
    });
    let looks = 0;
    const sleep = async () => {
      if (++looks === 1) end();
      await new Promise((resolve) => setTimeout(resolve, 5));
    };
    let recovering: Promise<unknown> = Promise.resolve();
    const host: Host = {
      ...memory.host,
      writeValue: async (path, value) => {
        if (looks === 0) recovering = recoverKilled(id, { ...deps(), sleep });
        await done;
        await memory.host.writeValue(path, value);
      },
    };
    expect((await apply(plan, facts, deps(host))).exit).toBe('ok');
    expect(await recovering).toEqual([]);
    expect(looks).toBeGreaterThan(0);
    expect(memory.kernel.max).toBe(131072);
  });

  test('confirmed by the one that was waited for: it stays', async () => {
    const { memory, plan, facts, deps } = await setUp({ id, confirmWithin: 600 });
    await apply(plan, facts, deps());
    memory.files.set('/proc/uptime', { text: '1599.00 0\n', mode: 0o444 });
    const { confirm } = await import('../../src/apply/confirm.ts');
    const sleep = async () => {
      await confirm(deps());
      memory.files.set('/proc/uptime', { text: '9000.00 0\n', mode: 0o444 });
    };
    expect(await revertUnconfirmed(id, { ...deps(), sleep })).toEqual([]);
    expect(memory.kernel.max).toBe(131072);
  });

  test('a recovery that fails in its first step calls for a person', async () => {
    const { memory, plan, deps } = await setUp({ id });
    await killed(memory, deps, plan, /value .*max/);
    const readFile = async (path: string) => {
      if (path === '/proc/self/stat') throw new HostError(path, 'EIO', `${path} could not be read`);
      return memory.host.readFile(path);
    };
    const all = await recoverKilled(id, deps({ ...memory.host, readFile }));
    expect(all).toMatchObject([{ outcome: { exit: 'stuck', id } }]);
    expect(walls(memory).join()).toContain('a person is needed');
    expect(memory.files.get(MOTD)?.text).toContain('a person is needed');
  });
});

describe('a soft reboot: the same kernel and boot id, and no process or timer of before', () => {
  const gone = (host: Host): Host => ({
    ...host,
    run: async (argv, options) =>
      argv.includes('is-active') ? { code: 3, stdout: '', stderr: '' } : host.run(argv, options),
  });

  test.each(['1001.00', '9000.00'])('uptime %s: what nobody confirmed goes back', async (uptime) => {
    const { memory, plan, facts, before, deps } = await setUp({ id, confirmWithin: 600 });
    await apply(plan, facts, deps());
    memory.restart();
    memory.files.set('/proc/uptime', { text: `${uptime} 0\n`, mode: 0o444 });
    expect(await recoverAtBoot(deps(gone(memory.host)))).toMatchObject([{ outcome: { exit: 'ok', id } }]);
    memory.files.delete(MOTD);
    memory.files.set('/proc/uptime', { text: '1000.50 0\n', mode: 0o444 });
    expect(memory.snapshot()).toEqual(before);
  });

  test('killed in the middle of a change: it goes back', async () => {
    const { memory, plan, before, deps } = await setUp({ id });
    await killed(memory, deps, plan, /value .*max/);
    expect(await recoverAtBoot(deps(gone(memory.host)))).toMatchObject([{ outcome: { exit: 'ok', id } }]);
    memory.files.delete(MOTD);
    expect(memory.snapshot()).toEqual(before);
  });

  test('the unit is only started anew: what waits for its time, or is being made, stays', async () => {
    const { memory, plan, facts, deps } = await setUp({ id, confirmWithin: 600 });
    await apply(plan, facts, deps());
    expect(await recoverAtBoot(deps())).toEqual([]);
    const other = await takeLock(deps().lockPath, memory.host, NOW);
    expect(await recoverAtBoot(deps(gone(memory.host)))).toEqual([]);
    other.release();
    expect(memory.kernel.max).toBe(131072);
  });
});
