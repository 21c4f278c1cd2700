import { describe, expect, test } from 'vitest';
import { apply } from '../../src/apply/apply.ts';
import { history } from '../../src/apply/history.ts';
import { rollback } from '../../src/apply/rollback.ts';
import { HostError } from '../../src/errors.ts';
import type { Targets } from '../../src/model.ts';
import { OWN } from '../../src/own.ts';
import { depsFor, FOREIGN, growActions, HASH, look, MAX, planOf } from '../support/changes.ts';
import { type Kernel, type Memory, memoryHost } from '../support/memory-host.ts';
import { stateDir } from '../support/state-dir.ts';

const TARGETS: Targets = { max: 131072, buckets: 131072, values: { tcp_timeout_established: '86400' } };

async function applied(files: Record<string, string> = {}, kernel: Partial<Kernel> = {}, targets = TARGETS) {
  const memory = memoryHost(files, kernel);
  const before = memory.snapshot();
  const { deps, id } = await change(memory, stateDir(), targets);
  return { memory, before, deps, id };
}

async function change(memory: Memory, dir: string, targets: Targets) {
  const plan = planOf(memory, targets, growActions(memory, targets));
  const deps = depsFor(memory.host, dir, plan);
  const outcome = await apply(plan, await look(memory.host), deps);
  expect(outcome.exit).toBe('ok');
  return { deps, id: outcome.id };
}

describe('rollback', () => {
  test('brings every byte and value back; the second time there is nothing to do', async () => {
    const { memory, before, deps, id } = await applied({ [OWN.modprobe]: FOREIGN });
    memory.performed.length = 0;
    expect(await rollback(undefined, deps)).toMatchObject({ exit: 'ok', id });
    expect(memory.snapshot()).toEqual(before);
    expect(memory.performed[0]).toEqual({ udev: 'reload' });
    memory.files.set(OWN.modprobe, { text: 'of somebody else', mode: 0o644 });
    const again = memory.snapshot();
    expect(await rollback(undefined, deps)).toMatchObject({ exit: 'ok', lines: [{ kind: 'already' }] });
    expect(await rollback(id, deps)).toMatchObject({ exit: 'ok', lines: [{ kind: 'already' }] });
    expect(memory.snapshot()).toEqual(again);
    const { changes } = await history(undefined, { host: memory.host, stateDir: deps.stateDir });
    expect(changes).toMatchObject([{ id, outcome: 'undone' }]);
  });

  test('removes the directories that were made for a file, and leaves one that others use now', async () => {
    const memory = memoryHost();
    memory.dirs.clear();
    const before = memory.snapshot();
    const { deps } = await change(memory, stateDir(), TARGETS);
    memory.files.set('/etc/sysctl.d/theirs.conf', { text: '', mode: 0o644 });
    const outcome = await rollback(undefined, deps);
    expect(outcome.exit).toBe('ok');
    expect(outcome.lines.find((line) => line.kind === 'note')?.text).toContain('/etc/sysctl.d was made');
    memory.files.delete('/etc/sysctl.d/theirs.conf');
    memory.dirs.delete('/etc/sysctl.d');
    expect(memory.snapshot()).toEqual(before);
  });

  test('a directory that cannot be read keeps no value from going back', async () => {
    const { memory, before, deps } = await applied();
    const readDir = async (path: string) => {
      if (path === '/etc/sysctl.d') throw new HostError(path, 'EIO', `${path} cannot be read`);
      return memory.host.readDir(path);
    };
    const { exit, lines } = await rollback(undefined, { ...deps, host: { ...memory.host, readDir } });
    expect(exit).toBe('ok');
    expect(lines).toContainEqual(expect.objectContaining({ kind: 'note', item: '/etc/sysctl.d' }));
    expect(memory.snapshot()).toEqual(before);
  });

  test('writes the values in the safe order: max before buckets when it shrinks', async () => {
    const { memory, deps } = await applied();
    const written: string[] = [];
    const writeValue = async (path: string, value: string) => {
      written.push(path);
      await memory.host.writeValue(path, value);
    };
    await rollback(undefined, { ...deps, host: { ...memory.host, writeValue } });
    expect(written.slice(0, 2)).toEqual([MAX, HASH]);
  });

  test('buckets before max when it grows back', async () => {
    const targets = { max: 65536, buckets: 65536, values: {} };
    const { memory, deps, before } = await applied({}, { max: 262144, buckets: 262144 }, targets);
    const written: string[] = [];
    const writeValue = async (path: string, value: string) => {
      written.push(path);
      await memory.host.writeValue(path, value);
    };
    await rollback(undefined, { ...deps, host: { ...memory.host, writeValue } });
    expect(written).toEqual([HASH, MAX]);
    expect(memory.snapshot()).toEqual(before);
  });

  test('a file that comes back with another owner is not called taken back', async () => {
    const { memory, deps } = await applied({ [OWN.modprobe]: FOREIGN });
    const stat: typeof memory.host.stat = async (path) => {
      const found = await memory.host.stat(path);
      return found && path === OWN.modprobe ? { ...found, uid: 5 } : found;
    };
    // Its text is back after the first time; that is no reason to call it taken back the second time.
    for (const _ of [1, 2]) {
      const outcome = await rollback(undefined, { ...deps, host: { ...memory.host, stat } });
      expect(outcome.exit).toBe('stuck');
      expect(outcome.lines.find(({ kind }) => kind === 'failed')?.text).toContain('it had owner 0:0');
    }
    expect((await rollback(undefined, deps)).exit).toBe('ok');
  });

  test('extended attributes are part of what must come back', async () => {
    const memory = memoryHost({ [OWN.modprobe]: FOREIGN });
    let label = 'user.a=0x61';
    const run: typeof memory.host.run = async (argv) =>
      argv[0] === 'getfattr' ? { code: 0, stdout: `# file: x\n${label}\n\n`, stderr: '' } : memory.host.run(argv);
    const host = { ...memory.host, run };
    const plan = planOf(memory, TARGETS, growActions(memory, TARGETS));
    const deps = depsFor(host, stateDir(), plan);
    expect((await apply(plan, await look(host), deps)).exit).toBe('ok');
    label = 'user.a=0x62';
    expect((await rollback(undefined, deps)).lines.find(({ kind }) => kind === 'failed')?.text).toContain(
      'user.a=0x61',
    );
  });

  test('without getfattr the answers say that extended attributes were not looked at', async () => {
    const memory = memoryHost({ [OWN.modprobe]: FOREIGN });
    let there = false;
    const run: typeof memory.host.run = async (argv) =>
      argv[0] === 'getfattr' && !there ? { code: 127, stdout: '', stderr: 'not found' } : memory.host.run(argv);
    const host = { ...memory.host, run };
    const plan = planOf(memory, TARGETS, growActions(memory, TARGETS));
    const deps = depsFor(host, stateDir(), plan);
    const notes = (await apply(plan, await look(host), deps)).lines.filter(({ kind }) => kind === 'note');
    // The other files are new: they have nothing that could be lost.
    expect(notes.filter(({ text }) => /getfattr/.test(text)).map(({ item }) => item)).toEqual([OWN.modprobe]);
    there = true;
    const { exit, lines } = await rollback(undefined, deps);
    expect(exit).toBe('ok');
    expect(lines.filter(({ text }) => /getfattr/.test(text)).map(({ item }) => item)).toEqual([OWN.modprobe]);
  });

  test('somebody edited a file: conflict, refused, all three texts shown, nothing touched', async () => {
    const { memory, deps, id } = await applied();
    memory.files.set(OWN.sysctl, { text: 'mine\n', mode: 0o644 });
    memory.kernel.max = 200000;
    const before = memory.snapshot();
    const outcome = await rollback(id, deps);
    expect(outcome).toMatchObject({
      exit: 'refused',
      lines: [
        { kind: 'conflict', item: OWN.sysctl, values: { before: undefined, now: 'mine\n' } },
        { kind: 'conflict', item: MAX, values: { before: '65536', after: '131072', now: '200000' } },
      ],
    });
    expect(memory.snapshot()).toEqual(before);
  });

  test('a file that is no text any more is a conflict, too', async () => {
    const { memory, deps } = await applied();
    const readFile = async (path: string) => {
      if (path === OWN.sysctl) throw new HostError(path, 'NOT_TEXT', `${path} is not text: it has NUL bytes`);
      return memory.host.readFile(path);
    };
    const outcome = await rollback(undefined, { ...deps, host: { ...memory.host, readFile } });
    expect(outcome).toMatchObject({ exit: 'refused', lines: [{ kind: 'conflict', item: OWN.sysctl }] });
  });

  test('somebody took a part back by hand: that part is already as it was', async () => {
    const { memory, before, deps } = await applied();
    memory.files.delete(OWN.sysctl);
    memory.kernel.max = 65536;
    expect((await rollback(undefined, deps)).exit).toBe('ok');
    expect(memory.snapshot()).toEqual(before);
  });

  test('max stays above the count, the buckets with it; later the rest goes back', async () => {
    const { memory, before, deps } = await applied();
    memory.kernel.count = 100000;
    const outcome = await rollback(undefined, deps);
    expect(outcome.exit).toBe('ok');
    expect(outcome.lines.filter((line) => line.kind === 'kept').map((line) => line.item)).toEqual([MAX, HASH]);
    expect(memory.kernel).toMatchObject({ max: 131072, buckets: 131072, established: 432000 });
    memory.kernel.count = 10;
    expect((await rollback(undefined, deps)).exit).toBe('ok');
    expect(memory.snapshot()).toEqual(before);
    expect((await rollback(undefined, deps)).id).toBeUndefined();
  });

  test('without an id it never reaches past the last change', async () => {
    const { memory, before, deps, id } = await applied();
    const middle = memory.snapshot();
    const second = await change(memory, deps.stateDir, { max: 262144, buckets: 262144, values: {} });
    expect(second.id && id && second.id > id).toBe(true);
    expect((await rollback(undefined, deps)).id).toBe(second.id);
    expect(memory.snapshot()).toEqual(middle);
    const again = await rollback(undefined, deps);
    expect(again.lines[0]?.text).toContain(`ctfix rollback ${id}`);
    expect(memory.snapshot()).toEqual(middle);
    expect((await rollback(id, deps)).exit).toBe('ok');
    expect(memory.snapshot()).toEqual(before);
  });

  test('after a reboot into the new values they go back, too', async () => {
    const { memory, before, deps } = await applied();
    memory.boot({});
    expect((await rollback(undefined, deps)).exit).toBe('ok');
    expect(memory.snapshot()).toEqual(before);
  });

  test('the module is gone: files go back, there is no value to put back', async () => {
    const { memory, deps } = await applied();
    const readFile = async (path: string) => (/netfilter|hashsize/.test(path) ? undefined : memory.host.readFile(path));
    const outcome = await rollback(undefined, { ...deps, host: { ...memory.host, readFile } });
    expect(outcome.exit).toBe('ok');
    expect(memory.files.has(OWN.sysctl)).toBe(false);
  });

  test('buckets are not resized on a kernel where that is not safe', async () => {
    const { memory, deps } = await applied();
    memory.files.set('/proc/sys/kernel/osrelease', { text: '4.4.0-210-generic\n', mode: 0o644 });
    const outcome = await rollback(undefined, deps);
    expect(outcome.lines.filter((line) => line.kind === 'kept').map((line) => line.item)).toEqual([HASH]);
    expect(memory.kernel).toMatchObject({ max: 65536, buckets: 131072 });
  });

  test('unknown ids and a host without changes', async () => {
    const { deps } = await applied();
    await expect(rollback('20200101-000000-ffff', deps)).rejects.toThrow('there is no change 20200101-000000-ffff');
    await expect(rollback('../../etc/passwd', deps)).rejects.toThrow('there is no change');
    const memory = memoryHost();
    const fresh = depsFor(memory.host, stateDir(), planOf(memory, TARGETS, []));
    expect(await rollback(undefined, fresh)).toMatchObject({ exit: 'ok', lines: [{ kind: 'already' }] });
  });
});
