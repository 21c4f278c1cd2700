/** What becomes of guard and flows when a reload goes back from anywhere: in which order, and when the host stays closed. */
import { describe, expect, test } from 'vitest';
import { performReloadStep, type ReloadRun, recoverReload } from '../../src/apply/reload.ts';
import { GUARD, GUARD_GONE, guardText } from '../../src/guard.ts';
import type { Host, RunResult } from '../../src/host/host.ts';
import type { Action, HostCommand, JournalLine, ReloadStep, RulesRecord } from '../../src/model.ts';
import { planOf } from '../support/changes.ts';
import { memoryHost } from '../support/memory-host.ts';

const RULES = 'table inet t {\n\tchain c {\n\t\tct state new accept\n\t}\n}\n';
const FILE = '/run/ctfix-flows/000001';
const RECORD: RulesRecord = {
  record: 'rules',
  full: { nft: RULES, nftState: RULES, managed: [] },
  inode: 1,
  guard: { since: 0, ssh: [] },
  flows: { files: [FILE], count: 1, short: 1, netlink: true },
};
const GUARD_TABLE = guardText([]).replace(GUARD_GONE, '').replaceAll('counter drop', 'counter packets 1 bytes 1 drop');

type Scene = {
  state?: 'Live' | 'Unloading';
  rules?: string;
  unit?: string;
  guard?: string;
  /** a stop or start of the unit flushes every table of nft, and it may stay as it is */
  flushes?: 'works' | 'stays';
  /** nft takes no rules any more, the guard excepted */
  broken?: boolean;
  /** nft does not list the ruleset */
  unreadable?: boolean;
  record?: RulesRecord;
  /** how nft answers instead when it is asked for the guard */
  listing?: RunResult;
};

const NONE: RunResult = { code: 1, stdout: '', stderr: 'Error: No such file or directory\n' };

/** A host that is only what recovery looks at; what was done to it is in `did`, in words. */
function scene({
  state = 'Live',
  rules = '',
  unit = 'inactive',
  guard = GUARD_TABLE,
  flushes,
  broken = false,
  unreadable = false,
  record = RECORD,
  listing,
}: Scene) {
  const now = { rules, unit, guard };
  const did: string[] = [];
  const files = new Map([[FILE, '-A -t 5 -s 10.0.0.1\n']]);
  const done = (stdout = '', code = 0): RunResult => ({ code, stdout, stderr: code === 0 ? '' : 'refused' });
  const perform = (command: HostCommand, input = ''): RunResult => {
    if ('flows' in command) did.push(`flows ${command.flows}`);
    if ('unit' in command) {
      did.push(`${command.unit} ${command.name}`);
      if (flushes !== undefined) now.guard = '';
      if (flushes === 'stays') return done('', 1);
      now.unit = 'active';
      if (!broken) now.rules = RULES;
    }
    if ('rules' in command && input.includes(GUARD)) {
      now.guard = input.replace(GUARD_GONE, '').replaceAll('counter drop', 'counter packets 1 bytes 1 drop');
      did.push(now.guard === '' ? 'guard gone' : 'guard made');
    } else if ('rules' in command) return done('', broken ? 1 : 0);
    return done();
  };
  const host: Host = {
    kind: 'live',
    root: true,
    readFile: async (path) => (path === '/proc/modules' ? `nf_conntrack 1 0 - ${state} 0x0\n` : files.get(path)),
    readDir: async (dir) => (dir === '/run/ctfix-flows' ? [...files.keys()].map((path) => path.slice(17)) : []),
    readLink: async () => undefined,
    stat: async (path) => {
      const there = ['/sys/module/nf_tables', '/sys/module/nf_conntrack'].includes(path);
      return there ? { kind: 'dir', mode: 0o755, uid: 0, gid: 0, inode: 2, links: 1, size: 0 } : undefined;
    },
    run: async ([program, ...words]) => {
      if (program === 'systemctl') return done(`Id=ufw.service\nActiveState=${now.unit}\nResult=success\nJob=\n`);
      if (program !== 'nft' || words[0] === '-c') return done();
      if (words.includes('ctfix_guard')) return listing ?? (now.guard === '' ? NONE : done(now.guard));
      return unreadable ? done('', 1) : done(now.rules + now.guard);
    },
    replaceFile: async (path) => void (files.delete(path) && did.push('flows forgotten')),
    replaceLink: async () => {},
    writeValue: async () => {},
    perform: async (command, options) => perform(command, options?.input),
  };
  let clock = 0;
  const sleep = async (ms: number) => {
    clock += ms;
  };
  const targets = { max: 1, buckets: 1, values: {} };
  const run: ReloadRun = { host, live: {}, targets, sleep, now: () => clock, progress: () => {}, record };
  return { run, did, now };
}

const STEPS: ReloadStep[] = [
  { step: 'record', what: '' },
  { step: 'guard-up' },
  { step: 'save-flows' },
  { step: 'stop', unit: 'ufw.service', name: 'ufw' },
  { step: 'drain-flows' },
  { step: 'restore-flows' },
  { step: 'start', unit: 'ufw.service', name: 'ufw' },
  { step: 'guard-down' },
];

/** A journal up to a step: announced, and every one before it done. */
function linesTo(last: ReloadStep['step']): JournalLine[] {
  const actions = STEPS.map((step): Action => ({ do: 'reload', step, why: '' }));
  const plan = planOf(memoryHost(), { max: 1, buckets: 1, values: {} }, actions, 'reload');
  const count = STEPS.findIndex(({ step }) => step === last) + 1;
  const head = {
    schema: 'ctfix.journal/v1',
    id: '20261124-054512-1a2b',
    at: '',
    uptime: 5,
    who: '',
    live: {},
  } as const;
  const begin: JournalLine = {
    line: 'begin',
    ...head,
    plan: { ...plan, host: { ...plan.host, bootId: { unknown: '' } } },
  };
  const each = actions.slice(0, count).flatMap((action, seq): JournalLine[] => {
    const intend: JournalLine = { line: 'intend', seq, action };
    return seq === count - 1 ? [intend] : [intend, { line: 'done', seq, saw: '' }];
  });
  return [begin, ...each];
}

describe('recoverReload', () => {
  test('flows come back before any rule, the guard goes after the rules', async () => {
    const { run, did } = scene({});
    const { ok, saw } = await recoverReload(run, linesTo('drain-flows'));
    expect(ok).toBe(true);
    expect(did).toEqual(['flows load', 'flows forgotten', 'restart ufw.service', 'guard gone']);
    expect(saw.join()).toMatch(/1 of 1 flows are restored.*the guard is gone/);
  });

  test.each<[ReloadStep['step'], string[]]>([
    ['guard-up', ['flows forgotten', 'guard gone']],
    ['save-flows', ['flows forgotten', 'guard gone']],
    ['restore-flows', ['flows load', 'flows forgotten', 'guard gone']],
    ['start', ['flows forgotten', 'guard gone']],
    ['guard-down', ['flows forgotten', 'guard gone']],
  ])('at %s: flows that nobody took are not loaded again', async (step, wanted) => {
    const { run, did } = scene({ rules: RULES, unit: 'active' });
    expect((await recoverReload(run, linesTo(step))).ok).toBe(true);
    expect(did).toEqual(wanted);
  });

  test('a crash before the record of the guard was written: it goes all the same', async () => {
    const { guard: _, flows: __, ...record } = RECORD;
    const { run, now } = scene({ rules: RULES, unit: 'active', record });
    expect((await recoverReload(run, linesTo('guard-up'))).ok).toBe(true);
    expect(now.guard).toBe('');
  });

  test('an unload that never ends: the host stays closed behind the guard, and that is said', async () => {
    const { run, did, now } = scene({ state: 'Unloading' });
    const { ok, saw, todo } = await recoverReload(run, linesTo('drain-flows'));
    expect({ ok, did }).toEqual({ ok: false, did: ['guard made'] });
    expect(now.guard).toContain('policy drop');
    expect(saw.join()).toMatch(/stays closed behind the guard/);
    expect(todo).toMatch(/^reboot the machine/);
  });

  test('the same without a guard: that it may be open is said', async () => {
    const { guard: _, ...record } = RECORD;
    const { run } = scene({ state: 'Unloading', guard: '', record });
    expect((await recoverReload(run, linesTo('drain-flows'))).saw.join()).toContain('the host may be open');
  });

  test('rules that cannot be brought back: the guard stays', async () => {
    const { run, now } = scene({ broken: true });
    const { ok, todo } = await recoverReload(run, linesTo('start'));
    expect(ok).toBe(false);
    expect(now.guard).toContain('policy drop');
    expect(todo).toMatch(/stays closed behind the guard/);
  });

  test('rules that cannot be read: the guard stays, admins come again, and a person is told how to open it', async () => {
    const { run, did, now } = scene({ unreadable: true });
    const { ok, todo } = await recoverReload(run, linesTo('start'));
    expect({ ok, last: did.at(-1) }).toEqual({ ok: false, last: 'guard made' });
    expect(now.guard).toContain('policy drop');
    expect(todo).toMatch(/stays closed behind the guard.*nft delete table inet ctfix_guard would open it/);
  });

  test('a guard that cannot be looked at is deleted; a person is told the line that makes sure of it', async () => {
    const late: RunResult = { code: 124, stdout: '', stderr: 'nft did not end in 60000 ms' };
    const { run, did, now } = scene({ rules: RULES, unit: 'active', listing: late });
    const { ok, todo } = await recoverReload(run, linesTo('start'));
    expect({ ok, guard: now.guard }).toEqual({ ok: false, guard: '' });
    expect(did).toContain('guard gone');
    expect(todo).toMatch(/cannot be told.*: nft delete table inet ctfix_guard; then run ctfix rollback$/);
  });

  test('when it is done, doing it again deletes a guard that is not there, and nothing else', async () => {
    const { run, did } = scene({ rules: RULES, unit: 'active', guard: '' });
    await recoverReload(run, linesTo('guard-down'));
    did.length = 0;
    expect((await recoverReload(run, linesTo('guard-down'))).ok).toBe(true);
    expect(did).toEqual(['guard gone']);
  });
});

describe('a unit whose stop and start flush what is not their own', () => {
  const MADE = 'guard made';

  test.each<[ReloadStep, string]>([
    [{ step: 'stop', unit: 'ufw.service', name: 'ufw' }, 'active'],
    [{ step: 'start', unit: 'ufw.service', name: 'ufw' }, 'failed'],
    [{ step: 'start-along', unit: 'ufw.service' }, 'failed'],
  ])('$step that fails half-way: the guard is back before anything else is done', async (step, unit) => {
    const { run, did, now } = scene({ unit, flushes: 'stays' });
    await expect(performReloadStep(run, step)).rejects.toThrow(
      /ufw\.service .*; the guard was taken along and is in force again$/,
    );
    expect(did.at(-1)).toBe(MADE);
    expect(now.guard).toContain('policy drop');
  });

  test('a guard that cannot be put back is told beside what failed', async () => {
    const { run } = scene({ unit: 'active', flushes: 'stays' });
    const host = {
      ...run.host,
      run: async (...[argv, options]: Parameters<Host['run']>) =>
        argv.includes('-c') ? { code: 1, stdout: '', stderr: 'no' } : run.host.run(argv, options),
    };
    const stop = performReloadStep({ ...run, host }, { step: 'stop', unit: 'ufw.service', name: 'ufw' });
    await expect(stop).rejects.toThrow(/did not come to its end.*; the guard cannot be made: no$/);
  });

  test('on the way back: in force again before flows and rules, and after every start, until the rules are proved', async () => {
    const { run, did, now } = scene({ guard: '', flushes: 'works' });
    const { ok, saw } = await recoverReload(run, linesTo('drain-flows'));
    expect(ok).toBe(true);
    expect(did).toEqual([MADE, 'flows load', 'flows forgotten', 'restart ufw.service', MADE, 'guard gone']);
    expect(saw.join()).toMatch(/the guard was taken along/);
    expect(now.guard).toBe('');
  });

  test('a start that fails takes it along, too; rules that cannot be brought back leave it in force', async () => {
    const { run, did, now } = scene({ flushes: 'stays', broken: true });
    expect((await recoverReload(run, linesTo('start'))).ok).toBe(false);
    expect(did.filter((what) => /restart/.test(what))).toHaveLength(2);
    expect(did.join()).not.toMatch(/restart ufw.service,(?!guard made)/);
    expect(now.guard).toContain('policy drop');
  });

  test('a change without a guard gets none', async () => {
    const { guard: _, ...record } = RECORD;
    const { run, did } = scene({ guard: '', flushes: 'works', record });
    expect((await recoverReload(run, linesTo('drain-flows'))).ok).toBe(true);
    expect(did).not.toContain(MADE);
  });
});
