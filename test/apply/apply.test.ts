import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { apply } from '../../src/apply/apply.ts';
import { history } from '../../src/apply/history.ts';
import { rollback } from '../../src/apply/rollback.ts';
import { verify } from '../../src/apply/verify.ts';
import { HostError } from '../../src/errors.ts';
import type { Targets } from '../../src/model.ts';
import { OWN } from '../../src/own.ts';
import { depsFor, FOREIGN, growActions, HASH, look, MAX, planOf } from '../support/changes.ts';
import { type Kernel, memoryHost } from '../support/memory-host.ts';
import { stateDir } from '../support/state-dir.ts';

const TARGETS: Targets = { max: 131072, buckets: 131072, values: { tcp_timeout_established: '86400' } };

async function setUp(files: Record<string, string | undefined> = {}, kernel: Partial<Kernel> = {}) {
  const memory = memoryHost(files, kernel);
  const plan = planOf(memory, TARGETS, growActions(memory, TARGETS));
  const dir = stateDir();
  return { memory, plan, dir, deps: depsFor(memory.host, dir, plan), facts: await look(memory.host) };
}

describe('apply', () => {
  test('does the plan in its order, reads back, verifies and records', async () => {
    const { memory, plan, deps, facts, dir } = await setUp({ [OWN.modprobe]: FOREIGN });
    const outcome = await apply(plan, facts, deps);
    expect(outcome.lines.filter((line) => line.kind === 'failed')).toEqual([]);
    expect(outcome.exit).toBe('ok');
    expect(outcome.id).toMatch(/^20261124-054512-[0-9a-f]{4}$/);
    expect(memory.kernel).toMatchObject({ max: 131072, buckets: 131072, established: 86400 });
    expect(memory.files.get(OWN.modprobe)?.text).toBe(`${FOREIGN}\noptions nf_conntrack hashsize=131072\n`);
    expect(memory.performed).toEqual([
      { udev: 'reload' },
      {
        log: `change ${outcome.id} (live, max 65536 -> 131072, buckets 65536 -> 131072) by ada (login uid 1000): applied`,
      },
    ]);
    const state = JSON.parse(readFileSync(join(dir, 'state.json'), 'utf8'));
    expect(state).toMatchObject({
      schema: 'ctfix.state/v1',
      changes: [{ id: outcome.id, outcome: 'applied', targets: TARGETS, before: { max: 65536, buckets: 65536 } }],
    });
    expect(statSync(join(dir, 'state.json')).mode & 0o777).toBe(0o644);
    expect(statSync(join(dir, 'journal', `${outcome.id}.jsonl`)).mode & 0o777).toBe(0o600);
  });

  test('writes each line of the journal before the effect it announces', async () => {
    const { memory, plan, deps, facts, dir } = await setUp();
    const seen: string[] = [];
    const journal = () =>
      readFileSync(join(dir, 'journal', `${id()}.jsonl`), 'utf8')
        .trim()
        .split('\n');
    const id = () => JSON.parse(readFileSync(join(dir, 'state.json'), 'utf8')).changes[0].id;
    const host = {
      ...memory.host,
      writeValue: async (path: string, value: string) => {
        seen.push(journal().at(-1) ?? '');
        await memory.host.writeValue(path, value);
      },
    };
    await apply(plan, facts, { ...deps, host });
    expect(seen.map((line) => JSON.parse(line))).toMatchObject([
      { line: 'intend', action: { path: HASH } },
      { line: 'intend', action: { path: MAX } },
      { line: 'intend', action: { name: 'timeout' } },
    ]);
  });

  test('an empty plan leaves no trace, not even a directory', async () => {
    const { memory, deps, facts, dir } = await setUp();
    expect((await apply(planOf(memory, TARGETS, []), facts, deps)).exit).toBe('ok');
    expect(() => statSync(dir)).toThrow();
  });

  test('a plan with refusals is refused', async () => {
    const { plan, deps, facts } = await setUp();
    const refusals = [{ code: 'x', what: 'no', remedy: 'yes' }];
    expect((await apply({ ...plan, refusals }, facts, deps)).exit).toBe('refused');
  });

  test('a count that moved is no reason to refuse: only what is written would differ', async () => {
    const { memory, plan, deps, facts } = await setUp();
    const more = { ...TARGETS, max: 131584, buckets: 131584 };
    const fresh = planOf(memory, more, growActions(memory, more));
    const survey = async () => ({ facts: await look(memory.host), plan: fresh });
    expect((await apply(plan, facts, { ...deps, survey })).exit).toBe('ok');
    expect(memory.kernel.max).toBe(131072);
  });

  test.each([
    ['before the first step', 0, 'failed'],
    ['between two steps', 3, 'rolledBack'],
    ['after the last step', 8, 'rolledBack'],
  ])('a signal %s: all goes back', async (_, after, exit) => {
    const { memory, plan, deps, facts } = await setUp();
    const before = memory.snapshot();
    let looks = 0;
    const outcome = await apply(plan, facts, { ...deps, interrupted: () => looks++ >= after });
    expect(outcome.exit).toBe(exit);
    expect(memory.snapshot()).toEqual(before);
  });

  test('it tells that it begins before it writes anything, and not at all where a signal came before', async () => {
    const { memory, plan, deps, facts, dir } = await setUp();
    const before = memory.snapshot();
    const told: unknown[] = [];
    const begun = () => told.push({ same: memory.snapshot(), journals: readdirSync(join(dir, 'journal')) });
    await apply(plan, facts, { ...deps, begun, interrupted: () => true });
    expect(told).toEqual([]);
    expect((await apply(plan, facts, { ...deps, begun })).exit).toBe('ok');
    expect(told).toEqual([{ same: before, journals: [] }]);
  });

  test('max is never set below the count of that moment', async () => {
    const targets = { max: 32768, buckets: 65536, values: {} };
    const memory = memoryHost({}, { count: 1000 });
    const actions = growActions(memory, targets).filter((action) => !('path' in action) || action.path !== HASH);
    const plan = planOf(memory, targets, actions);
    const facts = await look(memory.host);
    const before = memory.snapshot();
    memory.kernel.count = 40000;
    const outcome = await apply(plan, facts, depsFor(memory.host, stateDir(), plan));
    expect(outcome.exit).toBe('rolledBack');
    expect(outcome.lines[0]?.text).toContain('40000 flows are in the table now');
    expect(memory.snapshot()).toEqual(before);
  });

  test('a value that the kernel silently does not take is found by reading back', async () => {
    const { memory, plan, deps, facts } = await setUp();
    const before = memory.snapshot();
    const writeValue = async (path: string, value: string) => {
      if (path !== MAX) await memory.host.writeValue(path, value);
    };
    const outcome = await apply(plan, facts, { ...deps, host: { ...memory.host, writeValue } });
    expect(outcome.exit).toBe('rolledBack');
    expect(outcome.lines[0]?.text).toBe(`${MAX} was set to 131072, but the kernel says 65536`);
    expect(memory.snapshot()).toEqual(before);
  });

  test('a value that the kernel changes to something else goes back all the same', async () => {
    const { memory, plan, deps, facts } = await setUp();
    const before = memory.snapshot();
    const writeValue = async (path: string, value: string) =>
      memory.host.writeValue(path, path === MAX && value === '131072' ? '99999' : value);
    const outcome = await apply(plan, facts, { ...deps, host: { ...memory.host, writeValue } });
    expect(outcome.exit).toBe('rolledBack');
    expect(memory.snapshot()).toEqual(before);
  });

  test('modprobe that would take another hashsize: all goes back', async () => {
    const { memory, plan, deps, facts } = await setUp({
      '/etc/modprobe.d/zz.conf': 'options nf_conntrack hashsize=512\n',
    });
    const before = memory.snapshot();
    const outcome = await apply(plan, facts, deps);
    expect(outcome.exit).toBe('rolledBack');
    expect(outcome.lines[0]?.text).toContain('says hashsize=512 and not 131072');
    expect(memory.snapshot()).toEqual(before);
  });

  test('a later sysctl file that wins: the proof of the next boot fails, all goes back', async () => {
    const { memory, plan, deps, facts } = await setUp({
      '/etc/sysctl.d/99-z.conf': 'net.netfilter.nf_conntrack_max=7\n',
    });
    const before = memory.snapshot();
    const outcome = await apply(plan, facts, deps);
    expect(outcome.exit).toBe('rolledBack');
    expect(outcome.lines[0]?.text).toContain('/etc/sysctl.d/99-z.conf:1');
    expect(memory.snapshot()).toEqual(before);
  });

  test('cannot go back either: stuck, with what a person has to do', async () => {
    const { memory, plan, deps, facts } = await setUp();
    const writeValue = async (path: string, value: string) => {
      if (path !== HASH) throw new HostError(path, 'EROFS', `${path} is read-only now`);
      if (value !== '131072') throw new HostError(path, 'ENOMEM', `${path}: no memory`);
      await memory.host.writeValue(path, value);
    };
    const outcome = await apply(plan, facts, { ...deps, host: { ...memory.host, writeValue } });
    expect(outcome.exit).toBe('stuck');
    expect(outcome.lines.filter((line) => line.kind === 'todo')).toHaveLength(1);
    expect(memory.files.has(OWN.sysctl)).toBe(false);
    expect((await apply(plan, facts, deps)).lines[0]).toMatchObject({ kind: 'refused', item: outcome.id });
    expect((await rollback(undefined, deps)).exit).toBe('ok');
    expect(memory.kernel.buckets).toBe(65536);
  });
});

describe('preflight refuses, and nothing is touched', () => {
  const refusals: [string, Record<string, string | undefined>, string][] = [
    ['read-only /etc', { '/proc/mounts': 'x / ext4 rw 0 0\nx /etc ext4 ro 0 0\n' }, '/etc is mounted read-only'],
    [
      'read-only /proc/sys',
      { '/proc/mounts': 'x / ext4 rw 0 0\nproc /proc/sys proc ro 0 0\n' },
      '/proc/sys is mounted',
    ],
    ['no udevadm', { '/usr/bin/udevadm': undefined }, 'udevadm is needed for this and is not there'],
  ];
  test.each(refusals)('%s', async (_, files, text) => {
    const { memory, plan, deps, facts, dir } = await setUp(files);
    const before = memory.snapshot();
    const outcome = await apply(plan, facts, deps);
    expect(outcome.exit).toBe('refused');
    expect(outcome.lines[0]?.text).toContain(text);
    expect(memory.snapshot()).toEqual(before);
    expect((await history(undefined, { host: memory.host, stateDir: dir })).changes).toEqual([]);
  });

  test.each([
    ['blocks', '100 4096 0 0'],
    ['inodes', '100000 4096 500 0'],
  ])('a full disk: no %s left', async (_, said) => {
    const { memory, plan, deps, facts } = await setUp();
    const run: typeof memory.host.run = async (argv) =>
      argv[0] === 'stat' ? { code: 0, stdout: `${said}\n`, stderr: '' } : memory.host.run(argv);
    const outcome = await apply(plan, facts, { ...deps, host: { ...memory.host, run } });
    expect(outcome.exit).toBe('refused');
    expect(outcome.lines[0]?.text).toContain('is full');
  });

  test('files alone, and no modprobe that would read them', async () => {
    const { memory, plan, deps, facts } = await setUp({ '/usr/sbin/modprobe': undefined });
    const persist = { ...plan, strategy: { ...plan.strategy, taken: 'persist' as const } };
    const outcome = await apply(persist, facts, { ...deps, survey: async () => ({ facts, plan: persist }) });
    expect(outcome).toMatchObject({ exit: 'refused', lines: [{ item: 'modprobe' }] });
    expect(memory.files.has(OWN.modprobe)).toBe(false);
  });

  test.each([
    [OWN.modprobe, { uid: 1000 }, `${OWN.modprobe} belongs to the user with id 1000`],
    [OWN.modprobe, { links: 2 }, `${OWN.modprobe} has 2 names (hard links)`],
    [OWN.modprobe, { kind: 'other' as const }, `${OWN.modprobe} is not a regular file`],
    [
      '/etc/modprobe.d',
      { uid: 1000 },
      '/etc/modprobe.d is not safe to write through as root: the directory belongs to',
    ],
    ['/etc/modprobe.d', { mode: 0o757 }, 'can be written by everybody'],
    ['/etc/modprobe.d', { mode: 0o775, gid: 50 }, 'can be written by the group with id 50'],
    ['/etc', { uid: 1000 }, '/etc is not safe'],
    [OWN.modprobe, { kind: 'link' as const, uid: 1000 }, 'the link belongs to the user with id 1000'],
  ])('%s: %j', async (odd, made, text) => {
    const { memory, plan, deps, facts } = await setUp({ [OWN.modprobe]: '# x\n' });
    const before = memory.snapshot();
    const stat: typeof memory.host.stat = async (path) => {
      const found = await memory.host.stat(path);
      return found && path === odd ? { ...found, ...made } : found;
    };
    const outcome = await apply(plan, facts, { ...deps, host: { ...memory.host, stat } });
    expect(outcome).toMatchObject({ exit: 'refused' });
    expect(outcome.lines[0]?.text).toContain(text);
    expect(memory.snapshot()).toEqual(before);
  });
});

describe('verify', () => {
  test('nothing is promised before the first change', async () => {
    const { memory } = await setUp();
    expect(await verify(memory.host, { sleep: async () => {} })).toEqual({
      exit: 'ok',
      findings: [],
      unknown: [],
      waits: [],
      notes: [],
    });
  });

  test('holds after a change; tells what moved, now and for the next boot', async () => {
    const { memory, plan, deps, facts, dir } = await setUp();
    await apply(plan, facts, deps);
    const record = readFileSync(join(dir, 'state.json'), 'utf8');
    memory.files.set('/var/lib/ctfix/state.json', { text: record, mode: 0o644 });
    const again = () => verify(memory.host, { sleep: async () => {} });
    expect(await again()).toMatchObject({ exit: 'ok', findings: [] });
    memory.kernel.count = 130000;
    expect((await again()).exit).toBe('ok');
    memory.kernel.max = 65536;
    memory.files.delete(OWN.modprobe);
    expect(await again()).toMatchObject({
      exit: 'pending',
      findings: [
        { item: 'net.netfilter.nf_conntrack_max', when: 'now', wanted: '131072', saw: '65536' },
        { item: 'net.netfilter.nf_conntrack_buckets', when: 'next-boot', wanted: '131072' },
      ],
    });
  });
});
