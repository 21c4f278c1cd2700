/** What apply answers, and leaves behind, where the host is no longer as it was planned for. */
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { apply } from '../../src/apply/apply.ts';
import { OWN } from '../../src/own.ts';
import { depsFor, growActions, look, planOf } from '../support/changes.ts';
import { memoryHost } from '../support/memory-host.ts';
import { stateDir } from '../support/state-dir.ts';

const TARGETS = { max: 131072, buckets: 131072, values: {} };

async function setUp() {
  const memory = memoryHost();
  const plan = planOf(memory, TARGETS, growActions(memory, TARGETS));
  return { memory, plan, deps: depsFor(memory.host, stateDir(), plan), facts: await look(memory.host) };
}

test('stale: somebody else wrote the file after it was planned', async () => {
  const { memory, plan, deps, facts } = await setUp();
  memory.files.set(OWN.sysctl, { text: 'net.netfilter.nf_conntrack_max = 9\n', mode: 0o644 });
  const fresh = planOf(memory, TARGETS, growActions(memory, TARGETS));
  const before = memory.snapshot();
  const outcome = await apply(plan, facts, { ...deps, survey: async () => ({ facts, plan: fresh }) });
  const text = 'net.netfilter.nf_conntrack_max = 9\n';
  const values = { before: undefined, now: text };
  expect(outcome).toMatchObject({ exit: 'stale', lines: [{ kind: 'moved', item: 'step 2', values }] });
  expect(memory.snapshot()).toEqual(before);
});

test('stale: a live value is another one, told with old and new', async () => {
  const { memory, plan, deps, facts } = await setUp();
  memory.kernel.max = 70000;
  const fresh = planOf(memory, TARGETS, growActions(memory, TARGETS));
  const outcome = await apply(plan, facts, { ...deps, survey: async () => ({ facts, plan: fresh }) });
  const text = 'net.netfilter.nf_conntrack_max is no longer as it was when this was planned';
  expect(outcome.lines).toMatchObject([{ kind: 'moved', text, values: { before: '65536', now: '70000' } }]);
});

test('stale: what moved under a saved plan is told as apply tells it before the lock', async () => {
  const { plan, deps, facts } = await setUp();
  const moved = [{ what: 'last change', planned: 'none', now: '20261124-054512-1a2b' }];
  const outcome = await apply(plan, facts, { ...deps, survey: async () => ({ facts, plan, moved }) });
  expect(outcome).toMatchObject({ exit: 'stale', lines: [{ kind: 'moved', item: 'last change' }] });
  expect(outcome.lines[0]?.text).toContain('was none when this was planned and is 20261124-054512-1a2b now');
});

test.each(['refused', 'stale'] as const)('%s leaves not even a directory for the records', async (exit) => {
  const { memory, plan, deps, facts } = await setUp();
  const refusals = [{ code: 'x', what: 'no', remedy: 'yes' }];
  const fresh = exit === 'refused' ? { ...plan, refusals } : { ...plan, actions: [] };
  const outcome = await apply(plan, facts, { ...deps, survey: async () => ({ facts, plan: fresh }) });
  expect(outcome.exit).toBe(exit);
  memory.files.set('/proc/mounts', { text: '/dev/vda / ext4 ro 0 0\n', mode: 0o444 });
  expect((await apply(plan, facts, deps)).exit).toBe('refused');
  expect(existsSync(deps.stateDir)).toBe(false);
});

test('stale: the module was loaded anew', async () => {
  const { plan, deps, facts } = await setUp();
  const old = { ...facts, module: { ...facts.module, inode: 1 } };
  expect((await apply(plan, old, deps)).lines).toMatchObject([{ kind: 'moved', item: 'module' }]);
});

test.each([
  ['busybox', { code: 0, stdout: '', stderr: 'BusyBox v1.36.1\nUsage: cp [-arPLHpfinlsTu] SOURCE DEST\n' }],
  ['none', { code: 127, stdout: '', stderr: 'not found' }],
])('a cp that cannot keep attributes (%s) is refused ahead, where a file is there to keep', async (_, help) => {
  const memory = memoryHost({ [OWN.modprobe]: '# mine\n' });
  const plan = planOf(memory, TARGETS, growActions(memory, TARGETS));
  const { run } = memory.host;
  const host = {
    ...memory.host,
    run: async (argv: Parameters<typeof run>[0]) => (argv[0] === 'cp' ? help : run(argv)),
  };
  const before = memory.snapshot();
  const outcome = await apply(plan, await look(host), depsFor(host, stateDir(), plan));
  expect(outcome).toMatchObject({ exit: 'refused', lines: [{ item: OWN.modprobe }] });
  expect(outcome.lines[0]?.text).toContain('cannot keep the attributes');
  expect(memory.snapshot()).toEqual(before);
  memory.files.delete(OWN.modprobe);
  const fresh = planOf(memory, TARGETS, growActions(memory, TARGETS));
  expect((await apply(fresh, await look(host), depsFor(host, stateDir(), fresh))).exit).toBe('ok');
});
