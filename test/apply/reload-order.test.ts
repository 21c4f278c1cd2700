/** How apply and rollback go about a reload that fails in the middle; the steps themselves are tested elsewhere. */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { apply } from '../../src/apply/apply.ts';
import { rollback } from '../../src/apply/rollback.ts';
import { StepFailed } from '../../src/errors.ts';
import type { Action, JournalLine, ReloadStep } from '../../src/model.ts';
import { OWN } from '../../src/own.ts';
import { depsFor, growActions, look, MAX, planOf } from '../support/changes.ts';
import { type Memory, memoryHost } from '../support/memory-host.ts';
import { withSystemd } from '../support/net.ts';
import { stateDir } from '../support/state-dir.ts';

const fake = vi.hoisted(() => ({
  perform: vi.fn(),
  recover: vi.fn(),
}));
vi.mock('../../src/apply/reload.ts', () => ({ performReloadStep: fake.perform, recoverReload: fake.recover }));

const TARGETS = { max: 131072, buckets: 131072, values: {} };
const STEPS: ReloadStep[] = [
  { step: 'record', what: 'the rules' },
  { step: 'unload', module: 'nf_conntrack' },
  { step: 'load', module: 'nf_conntrack' },
  { step: 'prove-rules' },
];

let memory: Memory;
let before: unknown;
let ended: Awaited<ReturnType<typeof run>>;

beforeEach(() => {
  memory = memoryHost({ '/usr/sbin/rmmod': '' });
  withSystemd(memory);
  before = memory.snapshot();
  fake.perform.mockReset().mockImplementation(async (_, { step }: ReloadStep) => {
    if (step === 'record') return { saw: 'recorded', record: { record: 'rules', full: {}, inode: 1 } };
    if (step === 'unload') Object.assign(memory.kernel, { max: 0, buckets: 512 });
    if (step === 'load') Object.assign(memory.kernel, { max: 131072, buckets: 131072 });
    return { saw: step };
  });
  fake.recover.mockReset().mockImplementation(async () => ({ ok: true, saw: ['the firewall is up'] }));
});

async function run() {
  const files = growActions(memory, TARGETS).filter((action) => action.do === 'write-file');
  const actions: Action[] = [...files, ...STEPS.map((step): Action => ({ do: 'reload', step, why: '' }))];
  const plan = planOf(memory, TARGETS, actions, 'reload');
  const deps = depsFor(memory.host, stateDir(), plan);
  return { deps, outcome: await apply(plan, await look(memory.host), deps) };
}

function failAt(step: ReloadStep['step']): void {
  const real = fake.perform.getMockImplementation();
  fake.perform.mockImplementation(async (run, asked: ReloadStep) => {
    if (asked.step === step) throw new StepFailed('xt_conntrack holds it');
    return real?.(run, asked);
  });
}

describe('a reload', () => {
  test('gives every later step the record that an earlier one made', async () => {
    ended = await run();
    expect(ended.outcome.exit).toBe('ok');
    const records = fake.perform.mock.calls.map(([given]) => given.record);
    expect(records).toEqual([undefined, ...Array(3).fill({ record: 'rules', full: {}, inode: 1 })]);
    expect(fake.perform.mock.calls[0]?.[0].live).toMatchObject({ '/proc/sys/net/netfilter/nf_conntrack_max': '65536' });
  });

  test('that fails: files first, then the module and the firewall, then live values', async () => {
    failAt('load');
    const seen: unknown[] = [];
    fake.recover.mockImplementation(async (_, lines: readonly JournalLine[]) => {
      seen.push(memory.files.has(OWN.modprobe), memory.kernel.buckets, lines.at(-1)?.line);
      Object.assign(memory.kernel, { max: 4096, buckets: 1024 });
      return { ok: true, saw: ['the firewall is up'] };
    });
    ended = await run();
    expect(ended.outcome.exit).toBe('rolledBack');
    expect(ended.outcome.lines[0]?.text).toBe('xt_conntrack holds it');
    expect(seen).toEqual([false, 512, 'undo']);
    expect(memory.snapshot()).toEqual(before);
  });

  test.each([
    ['says so', async () => ({ ok: false, saw: [], todo: 'restart ufw by hand' })],
    ['throws', async () => Promise.reject(new Error('no systemd'))],
  ])('whose way back %s is stuck, with what to do; a later rollback tries again', async (_, answer) => {
    failAt('unload');
    fake.recover.mockImplementation(answer);
    ended = await run();
    expect(ended.outcome.exit).toBe('stuck');
    expect(ended.outcome.lines.filter((line) => line.kind === 'todo')).toHaveLength(1);
    expect((await rollback(undefined, ended.deps)).exit).toBe('stuck');
    fake.recover.mockImplementation(async () => ({ ok: true, saw: [] }));
    expect((await rollback(undefined, ended.deps)).exit).toBe('ok');
    expect(memory.snapshot()).toEqual(before);
  });

  test('that stopped in the middle goes back beside a file that somebody edited since: that file alone is left', async () => {
    failAt('unload');
    fake.recover.mockImplementation(async () => ({ ok: false, saw: [], todo: 'the firewall is down' }));
    ended = await run();
    memory.files.set(OWN.modprobe, { text: 'of Puppet\n', mode: 0o644 });
    fake.recover.mockReset().mockImplementation(async () => ({ ok: true, saw: ['the firewall is up'] }));
    const { exit, lines } = await rollback(undefined, ended.deps);
    expect(exit).toBe('stuck');
    expect(fake.recover).toHaveBeenCalledTimes(1);
    expect(lines).toContainEqual(expect.objectContaining({ kind: 'undone', text: 'the firewall is up' }));
    expect(lines).toContainEqual(expect.objectContaining({ kind: 'conflict', item: OWN.modprobe }));
    expect(lines.find(({ kind }) => kind === 'todo')?.text).toMatch(/nf_conntrack\.conf.*ctfix rollback 2026/);
    expect(memory.files.get(OWN.modprobe)?.text).toBe('of Puppet\n');
    memory.files.delete(OWN.modprobe);
    expect((await rollback(undefined, ended.deps)).exit).toBe('ok');
    expect(fake.recover).toHaveBeenCalledTimes(1);
    expect(memory.snapshot()).toEqual(before);
  });

  test('that is back is not brought back a second time, and values are somebody else’s again then', async () => {
    failAt('unload');
    fake.recover.mockImplementation(async () => ({ ok: false, saw: [], todo: 'the firewall is down' }));
    ended = await run();
    memory.files.set(OWN.modprobe, { text: 'of Puppet\n', mode: 0o644 });
    fake.recover.mockReset().mockImplementation(async () => ({ ok: true, saw: [] }));
    await rollback(undefined, ended.deps);
    memory.kernel.max = 500000;
    const again = await rollback(undefined, ended.deps);
    expect(again.exit).toBe('refused');
    expect(again.lines.map(({ item }) => item)).toEqual([OWN.modprobe, MAX]);
    expect(fake.recover).toHaveBeenCalledTimes(1);
    expect(memory.kernel.max).toBe(500000);
  });

  test('that was finished is taken back live: nothing is unloaded a second time', async () => {
    ended = await run();
    fake.perform.mockClear();
    expect((await rollback(undefined, ended.deps)).exit).toBe('ok');
    expect(fake.perform).not.toHaveBeenCalled();
    expect(fake.recover).not.toHaveBeenCalled();
    expect(memory.snapshot()).toEqual(before);
  });
});
