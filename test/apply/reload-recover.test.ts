/**
 * What recovery does where a kernel cannot be brought to it on demand: an unload that never ends, a module that cannot
 * be loaded at all, a unit that never starts again. Everything else is proved on real kernels.
 */
import { describe, expect, test } from 'vitest';
import { performReloadStep, type ReloadRun, recoverReload } from '../../src/apply/reload.ts';
import type { Host, RunResult } from '../../src/host/host.ts';
import type { Action, HostCommand, JournalLine, ReloadStep, RulesRecord } from '../../src/model.ts';
import { planOf } from '../support/changes.ts';
import { memoryHost } from '../support/memory-host.ts';

const RULES = 'table inet t {\n\tchain c {\n\t\tct state new accept\n\t}\n}\n';
const RECORD: RulesRecord = { record: 'rules', full: { nft: RULES, nftState: RULES, managed: [] }, inode: 1 };
const BOOT = 'b0000000-0000-4000-8000-000000000001';
const DONE: RunResult = { code: 0, stdout: '', stderr: '' };

type Scene = {
  /** the line of nf_conntrack in /proc/modules; undefined: not loaded */
  state?: 'Live' | 'Unloading' | undefined;
  /** commands that take effect; everything else does nothing and says so, or not */
  loads?: boolean;
  starts?: boolean;
  unit?: string;
  rules?: string;
  boot?: string;
};

/** A host that is only what recovery looks at; every change is in `did`. */
function hostOf(scene: Scene): { host: Host; did: HostCommand[] } {
  const did: HostCommand[] = [];
  const now = { unit: 'inactive', rules: '', boot: BOOT, ...scene };
  const files = (path: string) => {
    if (path === '/proc/modules') return now.state === undefined ? '' : `nf_conntrack 1 0 - ${now.state} 0x0\n`;
    return path === '/proc/sys/kernel/random/boot_id' ? `${now.boot}\n` : undefined;
  };
  const perform = (command: HostCommand) => {
    did.push(command);
    if ('module' in command && now.loads === true) now.state = 'Live';
    if ('unit' in command && now.starts === true) now.unit = 'active';
    if ('rules' in command) now.rules = RULES;
    return DONE;
  };
  const host: Host = {
    kind: 'live',
    root: true,
    readFile: async (path) => files(path),
    readDir: async () => [],
    readLink: async () => undefined,
    stat: async (path) => {
      const there =
        path === '/sys/module/nf_tables' || (path === '/sys/module/nf_conntrack' && now.state !== undefined);
      return there ? { kind: 'dir', mode: 0o755, uid: 0, gid: 0, inode: 2, links: 1, size: 0 } : undefined;
    },
    run: async ([program]) => {
      const shown = `Id=ufw.service\nActiveState=${now.unit}\nResult=success\nJob=\n`;
      return { ...DONE, stdout: program === 'systemctl' ? shown : program === 'nft' ? now.rules : '' };
    },
    replaceFile: async () => {},
    replaceLink: async () => {},
    writeValue: async () => {},
    perform: async (command) => perform(command),
  };
  return { host, did };
}

const STOP: ReloadStep = { step: 'stop', unit: 'ufw.service', name: 'ufw' };
const LOAD: ReloadStep = { step: 'load', module: 'nf_conntrack' };
const steps: ReloadStep[] = [{ step: 'record', what: '' }, STOP, LOAD];

const targets = { max: 1, buckets: 1, values: {} };
const actions = steps.map((step): Action => ({ do: 'reload', step, why: '' }));

const lines: JournalLine[] = [
  {
    line: 'begin',
    schema: 'ctfix.journal/v1',
    id: '20261124-054512-1a2b',
    at: '2026-11-24T05:45:12Z',
    uptime: 5000,
    who: 'root',
    plan: planOf(memoryHost({}, { bootId: BOOT }), targets, actions, 'reload'),
    live: {},
  },
  ...actions.map((action, seq): JournalLine => ({ line: 'intend', seq, action })),
];

function runOf(host: Host, record: RulesRecord | undefined = RECORD): ReloadRun {
  let clock = 0;
  return {
    host,
    live: {},
    targets,
    sleep: async (ms) => {
      clock += ms;
    },
    now: () => clock,
    progress: () => {},
    ...(record && { record }),
  };
}

describe('recoverReload', () => {
  test('an unload that never ends: nothing is started, because it would lock everybody out; a reboot is asked for', async () => {
    const { host, did } = hostOf({ state: 'Unloading', starts: true });
    const { ok, todo } = await recoverReload(runOf(host), lines);
    expect({ ok, did }).toEqual({ ok: false, did: [] });
    expect(todo).toMatch(/^reboot the machine; ufw\.service stays stopped/);
  });

  test('a module that cannot be loaded, not even without options: no firewall is started over it', async () => {
    const { host, did } = hostOf({ loads: false, starts: true });
    const { ok, todo, saw } = await recoverReload(runOf(host), lines);
    expect(ok).toBe(false);
    expect(did).toEqual([
      { module: 'load', name: 'nf_conntrack' },
      { module: 'load-plain', name: 'nf_conntrack' },
    ]);
    expect(saw.join()).toContain('nf_conntrack could not be loaded');
    expect(todo).toMatch(/modprobe nf_conntrack.*ufw\.service stays stopped/);
  });

  test('a unit that never starts again: its rules come from the record, and the unit is named', async () => {
    const { host, did } = hostOf({ loads: true, starts: false });
    const { ok, todo } = await recoverReload(runOf(host), lines);
    expect(ok).toBe(false);
    expect(did.filter((command) => 'unit' in command && command.unit !== 'restart')).toEqual([]);
    expect(did).toContainEqual({ rules: 'nft', how: 'transaction' });
    expect(todo).toMatch(/ufw\.service does not start.*its rules are back/);
  });

  test('all is well already: nothing is done', async () => {
    const { host, did } = hostOf({ state: 'Live', unit: 'active', rules: RULES });
    expect(await recoverReload(runOf(host), lines)).toMatchObject({ ok: true });
    expect(did).toEqual([]);
  });

  test('the boot in which the change was begun counts, not the one it was planned in', async () => {
    const { host, did } = hostOf({ state: 'Live', boot: BOOT, starts: true });
    const later = lines.map((line) => (line.line === 'begin' ? { ...line, boot: 'another' } : line));
    expect((await recoverReload(runOf(host), later)).saw.join()).toContain('the machine was booted since');
    expect(did).toEqual([]);
  });

  test('another boot, or nothing recorded yet: nothing of it is there any more to bring back', async () => {
    const { host, did } = hostOf({ boot: 'another' });
    expect(await recoverReload(runOf(host), lines)).toMatchObject({ ok: true });
    const { record: _, ...unrecorded } = runOf(host);
    expect(await recoverReload(unrecorded, lines)).toMatchObject({ ok: true });
    expect(did).toEqual([]);
  });
});

describe('performReloadStep', () => {
  test('a load that says it worked and did not', async () => {
    const { host } = hostOf({ loads: false });
    await expect(performReloadStep(runOf(host), LOAD)).rejects.toThrow(/nf_conntrack could not be loaded/);
  });

  test('a stop that says it worked and did not come to its end', async () => {
    const { host } = hostOf({ state: 'Live', unit: 'active' });
    await expect(performReloadStep(runOf(host), STOP)).rejects.toThrow(
      /the stop of ufw\.service did not come to its end \(active/,
    );
  });

  test.each<[string, RunResult]>([
    ['fails', { code: 1, stdout: '', stderr: 'Failed to connect to bus' }],
    ['runs into its limit', { code: 124, stdout: 'Id=ufw.service\nActiveState=inactive\n', stderr: '' }],
    ['says nothing', DONE],
  ])('systemctl show %s: a unit that may run is not taken for one that is down', async (_, shown) => {
    const { host, did } = hostOf({ state: 'Live', unit: 'active' });
    const blind: Host = { ...host, run: async () => shown };
    await expect(performReloadStep(runOf(blind), STOP)).rejects.toThrow(
      /whether ufw\.service is active cannot be told/,
    );
    expect(did).toEqual([]);
  });

  test('an unload that the kernel has begun and does not end says so', async () => {
    const { host } = hostOf({ state: 'Live' });
    const stuck: Host = {
      ...host,
      readFile: async (path) => (path.endsWith('/initstate') ? 'going\n' : host.readFile(path)),
    };
    const step: ReloadStep = { step: 'unload', module: 'nf_conntrack' };
    await expect(performReloadStep(runOf(stuck), step)).rejects.toThrow(
      /nothing can end that but the packet, or a reboot/,
    );
  });

  test.each<ReloadStep>([{ step: 'prove-down' }, { step: 'prove-rules' }, { step: 'load-rules', tool: 'nft' }])(
    '$step without a record acts on nothing',
    async (step) => {
      const { host, did } = hostOf({ state: 'Live' });
      const { record: _, ...unrecorded } = runOf(host);
      await expect(performReloadStep(unrecorded, step)).rejects.toThrow('there is no record of the ruleset');
      expect(did).toEqual([]);
    },
  );
});
