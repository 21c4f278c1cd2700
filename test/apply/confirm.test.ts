/** Confirm-or-revert on a host in memory: when a change goes back by itself, and when it stays. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { apply } from '../../src/apply/apply.ts';
import { confirm } from '../../src/apply/confirm.ts';
import { history } from '../../src/apply/history.ts';
import { MOTD } from '../../src/apply/net.ts';
import { recoverAtBoot, revertUnconfirmed } from '../../src/apply/recover.ts';
import { rollback } from '../../src/apply/rollback.ts';
import type { Host } from '../../src/host/host.ts';
import type { HostCommand } from '../../src/model.ts';
import { OWN } from '../../src/own.ts';
import { MAX } from '../support/changes.ts';
import { dyingHost } from '../support/memory-host.ts';
import { killed, LINK, setUp, timers, walls } from '../support/net.ts';

describe('a change that is to be confirmed', () => {
  const within = { confirmWithin: 600, id: '20261124-054512-aaaa' };

  test('has its timer before the first effect, and the whole time after the last', async () => {
    const { memory, plan, facts, deps, dir } = await setUp(within);
    let first: readonly HostCommand[] = [];
    const host: Host = {
      ...memory.host,
      replaceFile: async (path, file) => {
        if (path === OWN.modprobe) first = [...timers(memory)];
        await memory.host.replaceFile(path, file);
      },
    };
    expect((await apply(plan, facts, deps(host))).exit).toBe('ok');
    const run = ['/usr/local/sbin/ctfix', 'recover', '--unconfirmed', within.id];
    expect(first).toEqual([{ timer: `ctfix-revert-${within.id}`, seconds: 600, run }]);
    expect(timers(memory).slice(1)).toEqual([{ unit: 'restart', name: `ctfix-revert-${within.id}.timer` }]);
    expect(walls(memory)[0]).toContain('sudo ctfix confirm');
    expect(memory.files.has(LINK)).toBe(true);
    const { pending } = await history(undefined, { host: memory.host, stateDir: dir });
    expect(pending).toEqual({ id: within.id, secondsLeft: 600 });
  });

  test('confirmed: it stays, timer and unit go, and the time has no meaning any more', async () => {
    const { memory, plan, facts, deps, dir } = await setUp(within);
    await apply(plan, facts, deps());
    expect(await confirm(deps())).toMatchObject({ exit: 'ok', id: within.id });
    expect(timers(memory).at(-1)).toEqual({ unit: 'stop', name: `ctfix-revert-${within.id}.timer` });
    expect(memory.files.has(LINK)).toBe(false);
    expect(await revertUnconfirmed(within.id, deps())).toEqual([]);
    memory.boot({});
    expect(await recoverAtBoot(deps())).toEqual([]);
    expect(memory.kernel.max).toBe(131072);
    expect((await history(undefined, { host: memory.host, stateDir: dir })).pending).toBeUndefined();
    expect(await confirm(deps())).toMatchObject({ exit: 'ok', lines: [{ kind: 'already' }] });
  });

  test('not confirmed: it goes back when the time is over, not before', async () => {
    const { memory, plan, facts, deps, before } = await setUp(within);
    await apply(plan, facts, deps());
    const slept: number[] = [];
    const sleep = async (ms: number) => {
      expect(memory.kernel.max).toBe(131072);
      slept.push(ms);
      const uptime = 1000.5 + slept.reduce((sum, one) => sum + one, 0) / 1000;
      memory.files.set('/proc/uptime', { text: `${uptime} 0\n`, mode: 0o444 });
    };
    expect(await revertUnconfirmed(within.id, { ...deps(), sleep })).toMatchObject([{ outcome: { exit: 'ok' } }]);
    expect(slept.reduce((sum, one) => sum + one, 0)).toBe(600_000);
    expect(walls(memory).at(-1)).toContain('nobody confirmed it in time');
    memory.files.delete(MOTD);
    expect(memory.snapshot()).toEqual(before);
    await expect(confirm(deps())).rejects.toMatchObject({ exit: 'failed' });
  });

  test('the clock is stepped: the time counts from the boot', async () => {
    const { memory, plan, facts, deps } = await setUp(within);
    await apply(plan, facts, deps());
    memory.files.set('/proc/uptime', { text: '1601.00 0\n', mode: 0o444 });
    const now = () => new Date('2020-01-01T00:00:00Z');
    expect(await revertUnconfirmed(within.id, { ...deps(), now })).toHaveLength(1);
  });

  test('the process is killed in the middle: the timer takes back what there is', async () => {
    const { memory, plan, deps, before } = await setUp(within);
    await killed(memory, deps, plan, /value .*max/);
    expect(await revertUnconfirmed(within.id, deps())).toMatchObject([{ outcome: { exit: 'ok' } }]);
    memory.files.delete(MOTD);
    expect(memory.snapshot()).toEqual(before);
  });

  test('the time is over while the change is still being made: the timer waits for its end', async () => {
    const { memory, plan, facts, deps } = await setUp(within);
    let reverting: Promise<unknown> = Promise.resolve();
    const host: Host = {
      ...memory.host,
      writeValue: async (path, value) => {
        if (path === MAX) {
          let looks = 0;
          const sleep = () => new Promise<void>((resolve) => setTimeout(resolve, looks++ > 50 ? 0 : 5));
          reverting = revertUnconfirmed(within.id, {
            ...deps(),
            sleep: async (ms) => (ms > 1000 ? Promise.reject(new Error('waits')) : sleep()),
          });
          reverting.catch(() => {});
          await new Promise((resolve) => setTimeout(resolve, 30));
        }
        await memory.host.writeValue(path, value);
      },
    };
    expect((await apply(plan, facts, deps(host))).exit).toBe('ok');
    await expect(reverting).rejects.toThrow('waits');
    expect(memory.kernel.max).toBe(131072);
  });

  test('rebooted: it goes back at boot', async () => {
    const { memory, plan, facts, deps, before } = await setUp(within);
    await apply(plan, facts, deps());
    memory.boot({ max: 8 * 131072 });
    expect(await recoverAtBoot(deps())).toMatchObject([{ outcome: { exit: 'ok' } }]);
    memory.files.delete(MOTD);
    expect(memory.snapshot()).toEqual(before);
  });

  test('one at a time: another change is refused, rollback ends the waiting', async () => {
    const { memory, plan, facts, deps, before } = await setUp(within);
    await apply(plan, facts, deps());
    const second = await apply(plan, facts, { ...deps(), id: '20261124-060000-aaaa' });
    expect(second).toMatchObject({ exit: 'refused', lines: [{ item: within.id }] });
    expect((await rollback(undefined, deps())).exit).toBe('ok');
    expect(timers(memory).at(-1)).toEqual({ unit: 'stop', name: `ctfix-revert-${within.id}.timer` });
    expect(memory.snapshot()).toEqual(before);
  });

  test.each<[string, Record<string, string | undefined>]>([
    ['no systemd', { '/run/systemd/system/.here': undefined }],
    ['no executable of root', { '/usr/local/sbin/ctfix': undefined }],
  ])('%s: refused with the reason, nothing touched', async (_, files) => {
    const { memory, plan, facts, deps, before } = await setUp(within, files);
    expect(await apply(plan, facts, deps())).toMatchObject({
      exit: 'refused',
      lines: [{ kind: 'refused', text: expect.stringContaining('install ctfix as /usr/sbin/ctfix,') }],
    });
    expect(memory.snapshot()).toEqual(before);
  });

  test.each([
    ['is gone: another is started', 4, 2],
    ['has fired and waits: none is needed', 0, 1],
  ])('the time ran out while the change was made, the timer %s', async (_, active, started) => {
    const { memory, plan, facts, deps } = await setUp(within);
    const perform = async (command: HostCommand) => {
      const ended = await memory.host.perform(command);
      return 'unit' in command && /timer$/.test(command.name) ? { code: 5, stdout: '', stderr: 'not found' } : ended;
    };
    const run: Host['run'] = async (argv, options) =>
      argv[1] === 'is-active' ? { code: active, stdout: '', stderr: '' } : memory.host.run(argv, options);
    expect((await apply(plan, facts, deps({ ...memory.host, perform, run }))).exit).toBe('ok');
    expect(memory.performed.filter((one) => 'timer' in one)).toHaveLength(started);
  });

  test('a record that is damaged once the change is complete does not take it back', async () => {
    const { memory, plan, facts, deps, dir } = await setUp(within);
    const perform = async (command: HostCommand) => {
      if ('wall' in command) writeFileSync(join(dir, 'journal/20261124-050000-bbbb.jsonl'), '!\n{}\n', { mode: 0o600 });
      return memory.host.perform(command);
    };
    const { exit, lines } = await apply(plan, facts, deps({ ...memory.host, perform }));
    expect(exit).toBe('ok');
    expect(lines.map(({ text }) => text).join('\n')).toMatch(/the unit for the recovery at boot stays: .*bbbb/);
    expect(memory.kernel.max).toBe(131072);
  });

  test('a timer that cannot be started: nothing is changed', async () => {
    const { memory, plan, facts, deps, before } = await setUp(within);
    const perform = async (command: HostCommand) =>
      'timer' in command ? { code: 1, stdout: '', stderr: 'no bus' } : memory.host.perform(command);
    const outcome = await apply(plan, facts, deps({ ...memory.host, perform }));
    expect(outcome).toMatchObject({ exit: 'failed', lines: [{ text: expect.stringContaining('no bus') }] });
    expect(memory.snapshot()).toEqual(before);
  });

  test.each(['before', 'after'] as const)(
    'dies %s any call of confirm: it stays, or it is as if it never came',
    async (moment) => {
      const calls = 40;
      for (let at = 0; at < calls; at += 3) {
        const { memory, plan, facts, deps } = await setUp(within);
        await apply(plan, facts, deps());
        const dying = dyingHost(memory.host, at, moment);
        await Promise.race([confirm(deps(dying.host)), dying.reached]);
        memory.restart();
        memory.files.set('/proc/uptime', { text: '1000.5 0\n', mode: 0o444 });
        const again = await confirm(deps());
        expect(again.exit).toBe('ok');
        expect(memory.kernel.max).toBe(131072);
        expect(memory.files.has(LINK)).toBe(false);
      }
    },
  );
});
