/** The net below a change on a host in memory: what is there when, what goes without it, and who takes what back. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { apply } from '../../src/apply/apply.ts';
import { history } from '../../src/apply/history.ts';
import { MOTD } from '../../src/apply/net.ts';
import { recoverAtBoot, recoverKilled } from '../../src/apply/recover.ts';
import { rollback } from '../../src/apply/rollback.ts';
import { HostError } from '../../src/errors.ts';
import type { Host } from '../../src/host/host.ts';
import { OWN } from '../../src/own.ts';
import { fill } from '../../src/template.ts';
import { FOREIGN } from '../support/changes.ts';
import { killed, LINK, setUp, UNIT } from '../support/net.ts';

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
      expect.stringMatching(
        /^# For the change 20261124-\S+\nRequiresMountsFor=\/usr\/local\/sbin\/ctfix\nExecStart=\/usr\/local\/sbin\/ctfix recover --boot\n$/,
      ),
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

  test('the power goes before anything is recorded: the unit removes itself, whether or not the records are there', async () => {
    for (const gone of [false, true]) {
      const { memory, plan, before, deps, dir } = await setUp();
      await killed(memory, deps, plan, /file .*sysctl/);
      rmSync(gone ? dir : join(dir, 'journal'), { recursive: true });
      if (!gone) mkdirSync(join(dir, 'journal'), { mode: 0o700 });
      memory.files.set(OWN.modprobe, { text: FOREIGN, mode: 0o644 });
      expect(memory.files.get(LINK)?.link).toBe(UNIT);
      memory.boot({ max: 65536, buckets: 65536 });
      expect(await recoverAtBoot(deps())).toEqual([]);
      expect(memory.snapshot()).toEqual(before);
    }
  });

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
