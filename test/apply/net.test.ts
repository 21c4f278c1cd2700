/** The net below a change on a host in memory: what is there when, what goes without it, and who takes what back. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { apply } from '../../src/apply/apply.ts';
import { confirm } from '../../src/apply/confirm.ts';
import { history } from '../../src/apply/history.ts';
import { MOTD } from '../../src/apply/net.ts';
import type { ApplyDeps } from '../../src/apply/outcome.ts';
import { recoverAtBoot, recoverKilled, revertUnconfirmed } from '../../src/apply/recover.ts';
import { rollback } from '../../src/apply/rollback.ts';
import { HostError } from '../../src/errors.ts';
import type { Host } from '../../src/host/host.ts';
import type { HostCommand, Targets } from '../../src/model.ts';
import { OWN } from '../../src/own.ts';
import { fill } from '../../src/template.ts';
import { depsFor, FOREIGN, growActions, look, MAX, planOf } from '../support/changes.ts';
import { dyingHost, type Memory, memoryHost } from '../support/memory-host.ts';
import { stateDir } from '../support/state-dir.ts';

const TARGETS: Targets = { max: 131072, buckets: 131072, values: {} };
const UNIT = '/etc/systemd/system/ctfix-recover.service';
const LINK = '/etc/systemd/system/sysinit.target.wants/ctfix-recover.service';

async function setUp(more: Partial<ApplyDeps> = {}, files: Record<string, string | undefined> = {}) {
  const memory = memoryHost({ [OWN.modprobe]: FOREIGN, ...files });
  withSystemd(memory);
  const plan = planOf(memory, TARGETS, growActions(memory, TARGETS));
  const dir = stateDir();
  const survey = async () => ({ facts: await look(memory.host), plan });
  const deps = (host: Host = memory.host) => depsFor(host, dir, plan, { survey, ...more });
  return { memory, plan, dir, deps, facts: await look(memory.host), before: memory.snapshot() };
}

/** Where `systemctl --version` says 252; changes the host in place, so that every wrapper sees it. */
function withSystemd({ host }: Memory): void {
  const run = host.run;
  host.run = async (argv, options) =>
    argv[0] === 'systemctl' ? { code: 0, stdout: 'systemd 252 (x)\n', stderr: '' } : run(argv, options);
}

const timers = (memory: Memory) =>
  memory.performed.filter((one) => 'timer' in one || ('unit' in one && /timer$/.test(one.name)));
const walls = (memory: Memory) => memory.performed.flatMap((one) => ('wall' in one ? [one.wall] : []));

/** Dies at the first call whose words match. */
function dieAt(memory: Memory, words: RegExp): Host {
  const { host } = memory;
  const die = () => new Promise<never>(() => {});
  return {
    ...host,
    replaceFile: (path, file) => (words.test(`file ${path}`) ? die() : host.replaceFile(path, file)),
    writeValue: (path, value) => (words.test(`value ${path}`) ? die() : host.writeValue(path, value)),
    perform: (command) => (words.test(`do ${JSON.stringify(command)}`) ? die() : host.perform(command)),
  };
}

/** Begins a change in a process that dies at that call. */
async function killed(
  memory: Memory,
  deps: (host?: Host) => ApplyDeps,
  plan: Parameters<typeof apply>[0],
  words: RegExp,
) {
  const facts = await look(memory.host);
  await Promise.race([
    apply(plan, facts, deps(dieAt(memory, words))),
    new Promise((resolve) => setTimeout(resolve, 300)),
  ]);
  memory.restart();
}

describe('the unit at boot', () => {
  test('is there, enabled, before the first effect, and gone when the change is complete', async () => {
    const { memory, plan, facts, deps } = await setUp();
    const seen: unknown[] = [];
    const host: Host = {
      ...memory.host,
      replaceFile: async (path, file) => {
        if (path === OWN.modprobe) seen.push(memory.files.get(UNIT)?.text, memory.files.get(LINK)?.link);
        await memory.host.replaceFile(path, file);
      },
    };
    expect((await apply(plan, facts, deps(host))).exit).toBe('ok');
    expect(seen).toEqual([
      'RequiresMountsFor=/usr/local/sbin/ctfix\nExecStart=/usr/local/sbin/ctfix recover --boot\n',
      UNIT,
    ]);
    expect([...memory.files.keys(), ...memory.dirs].filter((path) => /ctfix-recover|sysinit/.test(path))).toEqual([]);
  });

  test('the file that is shipped takes both names and is ordered before everything that filters', () => {
    const text = readFileSync(join(import.meta.dirname, '../../templates/ctfix-recover.service'), 'utf8');
    const unit = fill(text, { program: '/p', command: '/p recover --boot' });
    expect(unit).toContain('DefaultDependencies=no\n');
    expect(unit).toContain('RequiresMountsFor=/var/lib /etc /p\n');
    for (const one of ['ufw', 'iptables', 'ip6tables', 'netfilter-persistent', 'nftables', 'firewalld']) {
      expect(unit).toMatch(new RegExp(`^Before=.*\\b${one}\\.service`, 'm'));
    }
    for (const one of [
      'sysinit.target',
      'network-pre.target',
      'systemd-sysctl.service',
      'systemd-modules-load.service',
    ]) {
      expect(unit).toMatch(new RegExp(`^Before=.*\\b${one}`, 'm'));
    }
  });

  test.each<[string, Record<string, string | undefined>, string]>([
    ['no systemd', { '/run/systemd/system/.here': undefined }, 'not started by systemd'],
    ['no executable', { '/usr/local/sbin/ctfix': undefined }, 'is not there'],
  ])('%s: the change is made all the same, and says what it goes without', async (_, files, why) => {
    const { memory, plan, facts, deps } = await setUp({}, files);
    const outcome = await apply(plan, facts, deps());
    expect(outcome.exit).toBe('ok');
    expect(outcome.lines.find(({ kind }) => kind === 'note')?.text).toContain(why);
    expect(memory.files.has(UNIT)).toBe(false);
  });

  test('cannot be written: the same', async () => {
    const { memory, plan, facts, deps } = await setUp();
    const replaceLink = async (path: string) => {
      throw new HostError(path, 'EROFS', `${path} is read-only`);
    };
    const outcome = await apply(plan, facts, deps({ ...memory.host, replaceLink }));
    expect(outcome).toMatchObject({
      exit: 'ok',
      lines: [{ kind: 'note' }, {}, {}, {}, {}, {}, {}, {}, {}, ...outcome.lines.slice(9)],
    });
  });
});

describe('recovery at boot', () => {
  test.each([/file .*sysctl/, /value .*max/, /do .*udev/])(
    'killed at %s, then a power cut: all is back',
    async (words) => {
      const { memory, plan, before, deps, dir } = await setUp();
      await killed(memory, deps, plan, words);
      expect(memory.files.get(LINK)?.link).toBe(UNIT);
      memory.boot({ max: 65536, buckets: 65536 });
      const all = await recoverAtBoot(deps());
      expect(all).toMatchObject([{ outcome: { exit: 'ok' } }]);
      const text = memory.files.get(MOTD)?.text;
      expect(text).toContain('was taken back: the machine was booted');
      memory.files.delete(MOTD);
      expect(memory.snapshot()).toEqual(before);
      expect((await history(undefined, { host: memory.host, stateDir: dir })).changes[0]?.outcome).toBe('undone');
      expect(await recoverAtBoot(deps())).toEqual([]);
    },
  );

  test('a change of this boot is somebody at work: left alone', async () => {
    const { memory, plan, deps } = await setUp();
    await killed(memory, deps, plan, /value .*max/);
    const half = memory.snapshot();
    expect(await recoverAtBoot(deps())).toEqual([]);
    expect(memory.snapshot()).toEqual(half);
  });

  test('a complete change is left alone; a unit that a crash left goes', async () => {
    const { memory, plan, facts, deps } = await setUp();
    await killed(memory, deps, plan, /file .*ctfix-recover.service"?$/);
    await rollback(undefined, deps());
    expect((await apply(plan, facts, deps())).exit).toBe('ok');
    const whole = memory.snapshot();
    await memory.host.replaceFile(UNIT, { text: '', mode: 0o644 });
    await memory.host.replaceLink(LINK, UNIT);
    memory.boot({});
    expect(await recoverAtBoot(deps())).toEqual([]);
    expect(memory.snapshot()).toEqual(whole);
  });

  test('a file that somebody changed since stays, everything else goes back, and the unit waits for a person', async () => {
    const { memory, plan, deps } = await setUp();
    await killed(memory, deps, plan, /value .*max/);
    memory.files.set(OWN.sysctl, { text: 'mine\n', mode: 0o644 });
    memory.boot({ max: 65536, buckets: 65536 });
    expect(await recoverAtBoot(deps())).toMatchObject([{ outcome: { exit: 'stuck' } }]);
    expect(memory.files.get(OWN.modprobe)?.text).toBe(FOREIGN);
    expect(memory.files.get(OWN.sysctl)?.text).toBe('mine\n');
    expect(memory.files.has(LINK)).toBe(true);
    expect(memory.files.get(MOTD)?.text).toContain('a person is needed');
  });
});

describe('after the process was killed', () => {
  test('its recovery takes back what was begun, and nothing else', async () => {
    const { memory, plan, before, deps, facts } = await setUp({ id: '20261124-054512-aaaa' });
    await killed(memory, deps, plan, /value .*max/);
    expect(await recoverKilled('20261124-054512-bbbb', deps())).toEqual([]);
    expect(await recoverKilled('20261124-054512-aaaa', deps())).toMatchObject([{ outcome: { exit: 'ok' } }]);
    memory.files.delete(MOTD);
    expect(memory.snapshot()).toEqual(before);
    const again = { ...deps(), id: '20261124-054513-aaaa' };
    expect((await apply(plan, facts, again)).exit).toBe('ok');
    const whole = memory.snapshot();
    expect(await recoverKilled('20261124-054513-aaaa', deps())).toEqual([]);
    expect(memory.snapshot()).toEqual(whole);
  });

  test('what the next login was told is gone with the next change', async () => {
    const { memory, plan, deps, facts } = await setUp();
    await killed(memory, deps, plan, /value .*max/);
    memory.boot({ max: 65536, buckets: 65536 });
    await recoverAtBoot(deps());
    expect(memory.files.has(MOTD)).toBe(true);
    expect((await apply(plan, facts, deps())).exit).toBe('ok');
    expect(memory.files.has(MOTD)).toBe(false);
  });

  test('an id that is not newer than the last change is stale', async () => {
    const { plan, facts, deps } = await setUp({ id: '20261124-054512-aaaa' });
    await apply(plan, facts, deps());
    expect((await apply(plan, facts, { ...deps(), id: '20261124-054511-aaaa' })).exit).toBe('stale');
  });
});

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
    expect(await apply(plan, facts, deps())).toMatchObject({ exit: 'refused', lines: [{ kind: 'refused' }] });
    expect(memory.snapshot()).toEqual(before);
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
