/** Dies or fails at every single call of apply and of rollback, and looks what is left. */

import { appendFileSync, existsSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { apply } from '../../src/apply/apply.ts';
import { history } from '../../src/apply/history.ts';
import { rollback } from '../../src/apply/rollback.ts';
import { HostError } from '../../src/errors.ts';
import type { Host } from '../../src/host/host.ts';
import type { Targets } from '../../src/model.ts';
import { OWN } from '../../src/own.ts';
import { depsFor, FOREIGN, growActions, look, planOf } from '../support/changes.ts';
import { dyingHost, memoryHost } from '../support/memory-host.ts';
import { stateDir } from '../support/state-dir.ts';

/** Which write(2) of a journal fails, counted from the moment this is set; the disk is full from there on. */
const disk = vi.hoisted(() => ({ left: Number.POSITIVE_INFINITY, torn: false }));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const writeSync = (fd: number, bytes: Buffer, offset: number) => {
    if (disk.left-- > 0) return fs.writeSync(fd, bytes, offset);
    if (disk.torn) fs.writeSync(fd, bytes.subarray(0, 7));
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  };
  return { ...fs, writeSync };
});
beforeEach(() => {
  disk.left = Number.POSITIVE_INFINITY;
});

const TARGETS: Targets = { max: 131072, buckets: 131072, values: { tcp_timeout_established: '86400' } };

async function setUp() {
  const memory = memoryHost({ [OWN.modprobe]: FOREIGN });
  memory.dirs.delete('/etc/udev/rules.d');
  const plan = planOf(memory, TARGETS, growActions(memory, TARGETS));
  const dir = stateDir();
  // Looking around is not what dies here: that reads only, and there would be a hundred more calls of it.
  const survey = async () => ({ facts: await look(memory.host), plan });
  const deps = (host: Host) => depsFor(host, dir, plan, { survey });
  return { memory, plan, dir, deps, facts: await look(memory.host), before: memory.snapshot() };
}

/** The unit for the boot comes before the first line of a step, and goes after the last one. */
const isNet = (path: string): boolean => path.includes('/etc/systemd/');
const withoutNet = ({ files, live }: Record<string, unknown>): string =>
  JSON.stringify([Object.entries(files as object).filter(([path]) => !isNet(path)), live]);

/** How many calls a whole run makes. */
async function callsOfApply(): Promise<number> {
  const { memory, plan, facts, deps } = await setUp();
  const counted = dyingHost(memory.host, -1, 'before');
  expect((await apply(plan, facts, deps(counted.host))).exit).toBe('ok');
  return counted.calls();
}

const calls = await callsOfApply();
const moments = Array.from({ length: calls }, (_, at) => at);

test('there is something to interrupt', () => expect(calls).toBeGreaterThan(50));

describe.each(['before', 'after'] as const)('the process dies %s the effect of', (moment) => {
  test.each(moments)('call %i of apply: rollback brings all back, no lock is in the way', async (at) => {
    const { memory, plan, facts, before, deps } = await setUp();
    const dying = dyingHost(memory.host, at, moment);
    await Promise.race([apply(plan, facts, deps(dying.host)), dying.reached]);
    memory.restart();
    const outcome = await rollback(undefined, deps(memory.host));
    expect(outcome.exit).toBe('ok');
    expect(memory.snapshot()).toEqual(before);
    expect(await rollback(undefined, deps(memory.host))).toMatchObject({ exit: 'ok', lines: [{ kind: 'already' }] });
    if (at % 8 === 0) expect((await apply(plan, facts, deps(memory.host))).exit).toBe('ok');
  });

  test.each(moments.filter((at) => at % 3 === 0))(
    'call %i, and the machine boots on what is on the disk',
    async (at) => {
      const { memory, plan, dir, facts, before, deps } = await setUp();
      const dying = dyingHost(memory.host, at, moment);
      await Promise.race([apply(plan, facts, deps(dying.host)), dying.reached]);
      const asked = memory.files.get(OWN.modprobe)?.text.includes('options nf_conntrack hashsize=');
      memory.boot(asked ? { max: 8 * 131072, buckets: 131072, established: 432000 } : { max: 65536, buckets: 65536 });
      const outcome = await rollback(undefined, deps(memory.host));
      const journals = existsSync(join(dir, 'journal')) ? readdirSync(join(dir, 'journal')) : [];
      const complete = journals.some((name) => readFileSync(join(dir, 'journal', name), 'utf8').includes('"applied"'));
      // After the last line the change is complete: values that are not its own are somebody else's then.
      if (complete) expect(['ok', 'refused']).toContain(outcome.exit);
      else expect({ exit: outcome.exit, ...memory.snapshot() }).toEqual({ exit: 'ok', ...before });
    },
  );
});

describe('the process dies in rollback', () => {
  test.each(moments.filter((at) => at < 60))('at call %i: a second one brings all back', async (at) => {
    const { memory, plan, dir, facts, before, deps } = await setUp();
    await apply(plan, facts, deps(memory.host));
    const whole = withoutNet(memory.snapshot());
    const dying = dyingHost(memory.host, at, 'after');
    await Promise.race([rollback(undefined, deps(dying.host)), dying.reached]);
    memory.restart();
    const touched = withoutNet(memory.snapshot()) !== whole;
    const { changes } = await history(undefined, { host: memory.host, stateDir: dir });
    if (touched) expect(changes[0]?.outcome).not.toBe('applied');
    expect((await rollback(undefined, deps(memory.host))).exit).toBe('ok');
    expect(memory.snapshot()).toEqual(before);
  });
});

describe.each(['before', 'after'] as const)('an error %s the effect of', (moment) => {
  test.each(moments)('call %i of apply: all goes back by itself, or nothing had to fail', async (at) => {
    const { memory, plan, facts, before, deps } = await setUp();
    const error = new HostError('/x', 'EIO', 'the device gives an input/output error');
    const dying = dyingHost(memory.host, at, moment, error);
    let exit: string;
    try {
      exit = (await apply(plan, facts, deps(dying.host))).exit;
    } catch (thrown) {
      expect(thrown).toBe(error);
      exit = 'failed';
    }
    expect(['ok', 'failed', 'rolledBack']).toContain(exit);
    if (exit !== 'ok') expect(memory.snapshot()).toEqual(before);
    else expect(memory.kernel.max).toBe(131072);
    expect((await rollback(undefined, deps(memory.host))).exit).toBe('ok');
    expect(memory.snapshot()).toEqual(before);
  });
});

describe.each([false, true])('the disk is full from one line of the journal on (half a line written: %s)', (torn) => {
  const lines = 2 + 2 * 7;
  test.each(Array.from({ length: lines }, (_, at) => at))('line %i', async (at) => {
    const { memory, plan, facts, before, deps } = await setUp();
    disk.left = at;
    disk.torn = torn;
    const outcome = await apply(plan, facts, deps(memory.host));
    expect(['failed', 'rolledBack']).toContain(outcome.exit);
    expect(outcome.lines[0]?.text).toContain('no space');
    expect(memory.snapshot()).toEqual(before);
    disk.left = Number.POSITIVE_INFINITY;
    expect((await rollback(undefined, deps(memory.host))).exit).toBe('ok');
    expect(memory.snapshot()).toEqual(before);
    expect((await apply(plan, facts, deps(memory.host))).exit).toBe('ok');
  });

  test('the whole of it has that many lines', async () => {
    const { memory, plan, facts, deps } = await setUp();
    disk.left = lines;
    expect((await apply(plan, facts, deps(memory.host))).exit).toBe('ok');
  });
});

describe('a power cut tears the journal', () => {
  test.each(moments)('in the middle of the line before call %i, so that the call never came', async (at) => {
    const { memory, plan, dir, facts, before, deps } = await setUp();
    const dying = dyingHost(memory.host, at, 'before');
    const call = await Promise.race([apply(plan, facts, deps(dying.host)), dying.reached]);
    if (!/^(replaceFile|writeValue|perform .*udev)/.test(String(call)) || isNet(String(call))) return;
    memory.restart();
    const [name = ''] = readdirSync(join(dir, 'journal'));
    const path = join(dir, 'journal', name);
    const text = readFileSync(path, 'utf8');
    const last = text.trimEnd().lastIndexOf('\n') + 1;
    expect(JSON.parse(text.slice(last)).line).toBe('intend');
    truncateSync(path, last + Math.floor((text.length - last) / 2));
    expect((await rollback(undefined, deps(memory.host))).exit).toBe('ok');
    expect(memory.snapshot()).toEqual(before);
  });

  test('a line in the middle that is none is not guessed around', async () => {
    const { memory, plan, dir, facts, deps } = await setUp();
    await apply(plan, facts, deps(memory.host));
    const [name = ''] = readdirSync(join(dir, 'journal'));
    appendFileSync(join(dir, 'journal', name), 'what is this\n{"line":"end","outcome":"undone"}\n');
    const before = memory.snapshot();
    await expect(rollback(undefined, deps(memory.host))).rejects.toThrow(/jsonl:\d+ is not a line/);
    expect(memory.snapshot()).toEqual(before);
  });

  test('a temporary file that was left in /etc goes with the rollback', async () => {
    const { memory, plan, facts, before, deps } = await setUp();
    const dying = dyingHost(memory.host, Math.floor(calls * 0.8), 'after');
    await Promise.race([apply(plan, facts, deps(dying.host)), dying.reached]);
    memory.restart();
    memory.files.set('/etc/sysctl.d/.ctfix-0123456789ab.tmp', { text: 'half', mode: 0o600 });
    await rollback(undefined, deps(memory.host));
    expect(memory.snapshot()).toEqual(before);
  });
});
