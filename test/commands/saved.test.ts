/** Saved plans through the command line, on a host in memory and with real files; the executor is a stand-in. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import type { ApplyDeps } from '../../src/apply/outcome.ts';
import { runProgram } from '../../src/commands/program.ts';
import { CtfixError, EXIT } from '../../src/errors.ts';
import type { Facts, Plan, SavedPlan } from '../../src/model.ts';
import { templates } from '../support/facts.ts';
import { memoryHost } from '../support/memory-host.ts';
import { tree } from '../support/tree.ts';
import { fakeDeps } from './support.ts';

const apply = vi.hoisted(() => vi.fn());
vi.mock('../../src/apply/apply.ts', () => ({ apply }));

beforeEach(() => {
  apply.mockReset();
  apply.mockResolvedValue({ exit: 'ok', id: 'x1', lines: [] });
});

/** A host with a full table, and command lines on it; `p` is the path of the plan. */
function stage(more: Parameters<typeof fakeDeps>[0] = {}, answers: readonly string[] = []) {
  const memory = memoryHost({ '/usr/lib/systemd/systemd-sysctl': '' }, { count: 65_000 });
  const p = join(tree(), 'change.json');
  const ctfix = async (...words: string[]) => {
    const host = async () => memory.host;
    const { deps, said } = fakeDeps({ look: host, change: host, templates, ...more }, answers);
    const result = await runProgram(words, deps).catch((error: unknown) => {
      if (error instanceof CtfixError) return error;
      throw error;
    });
    return { result, ...said };
  };
  return { memory, p, ctfix, read: (): SavedPlan => JSON.parse(readFileSync(p, 'utf8')) };
}

test.each(['text', 'json', 'markdown'])('--save with -o %s: the file, and the answer as always', async (output) => {
  const { p, ctfix, read } = stage();
  const plain = await ctfix('plan', '-o', output);
  const saved = await ctfix('plan', '-o', output, '--save', p, '--detailed-exitcode');
  expect(saved).toMatchObject({ result: EXIT.pending, out: plain.out });
  expect(saved.err).toBe(`The plan is in ${p}, for sudo ctfix apply ${p}\n`);
  expect(read().actions.length).toBeGreaterThan(3);
  if (output === 'json') expect(saved.out).toBe(readFileSync(p, 'utf8'));
  expect((await ctfix('plan', '--save', p)).result).toBe(EXIT.ok);
});

test('--save leaves alone what is no plan, and says nothing on stdout then', async () => {
  const { p, ctfix } = stage();
  writeFileSync(p, 'precious');
  const { result, out } = await ctfix('plan', '--save', p);
  expect(result).toMatchObject({ exit: 'usage', message: expect.stringContaining('is there already and is no plan') });
  expect(out).toBe('');
  expect(readFileSync(p, 'utf8')).toBe('precious');
});

test('the saved plan is applied exactly, though the count fell', async () => {
  const { memory, p, ctfix, read } = stage();
  await ctfix('plan', '--save', p);
  memory.kernel.count = 10;
  const shown = await ctfix('plan', '--show', p, '--detailed-exitcode');
  expect(shown.result).toBe(EXIT.pending);
  expect(shown.out).toMatch(/^saved: this plan was saved at 2026-11-24 05:33:10Z; the host is as it was planned for$/m);
  expect(shown.out).toMatch(/flows \(not compared\) +65000 +10$/m);
  const { result, out } = await ctfix('apply', p, '--yes');
  expect(result).toBe(EXIT.ok);
  expect(out).toContain('ctfix rollback x1');
  const [plan, facts, deps] = apply.mock.lastCall as [Plan, Facts, ApplyDeps];
  expect(plan.actions).toEqual(read().actions);
  expect(facts.table.count).toBe(10);
  expect((await deps.survey()).plan.actions).toEqual(plan.actions);
  memory.kernel.max = 100_000;
  expect((await deps.survey()).moved).toMatchObject([{ what: 'max', planned: '65536', now: '100000' }]);
});

test('stale: 4, nothing begun, old and new in a table, in every form', async () => {
  const { memory, p, ctfix } = stage();
  await ctfix('plan', '--save', p);
  memory.kernel.max = 100_000;
  memory.files.set('/etc/machine-id', { text: `${'f'.repeat(32)}\n`, mode: 0o644 });
  const stale = await ctfix('apply', p, '--yes');
  expect(stale.result).toBe(EXIT.stale);
  expect(stale.out).toMatch(/^stale: .*nothing was touched$/m);
  expect(stale.out).toMatch(/^ +planned +now$/m);
  expect(stale.out).toMatch(/^ +max +65536 +100000$/m);
  const data = JSON.parse((await ctfix('apply', p, '--yes', '-o', 'json')).out);
  expect(data).toMatchObject({ exit: 'stale', changed: false, plan: { schema: 'ctfix.plan/v1' } });
  expect(data.lines).toContainEqual(
    expect.objectContaining({ item: 'max', values: { before: '65536', now: '100000' } }),
  );
  expect((await ctfix('apply', p, '--dry-run')).result).toBe(EXIT.stale);
  expect(apply).not.toHaveBeenCalled();

  const text = await ctfix('plan', '--show', p);
  expect(text).toMatchObject({ result: EXIT.ok, err: '' });
  expect(text.out).toMatch(/^made on another host: /);
  const markdown = (await ctfix('plan', '--show', p, '-o', 'markdown')).out;
  expect(markdown).toMatch(/^\*\*made on another host\*\*: /m);
  expect(markdown).toMatch(/^\| max \| 65536 \| 100000 \|$/m);
  const json = await ctfix('plan', '--show', p, '-o', 'json');
  expect(json.out).toBe(readFileSync(p, 'utf8'));
  expect(json.err).toMatch(/^made on another host: /);
});

test('refused beats pending: what stands against the plan now ends with 3', async () => {
  const { memory, p, ctfix } = stage();
  await ctfix('plan', '--save', p);
  memory.kernel.count = 200_000;
  const { result, out } = await ctfix('apply', p, '--yes');
  expect(result).toBe(EXIT.refused);
  expect(out).toContain('below the 200000 flows');
  expect(apply).not.toHaveBeenCalled();
});

test('a plan that was refused when it was saved keeps its exit code', async () => {
  const { memory, p, ctfix } = stage();
  memory.files.set('/etc/sysctl.d/99-x.conf', { text: 'net.netfilter.nf_conntrack_max = 1000\n', mode: 0o644 });
  expect((await ctfix('plan', '--save', p)).result).toBe(EXIT.refused);
  expect((await ctfix('plan', '--show', p, '--detailed-exitcode')).result).toBe(EXIT.refused);
  expect((await ctfix('apply', p, '--yes')).result).toBe(EXIT.refused);
});

test('on a terminal it is shown and asked for, without another strategy to choose', async () => {
  const { p, ctfix } = stage({ interactive: () => true }, ['apply']);
  await ctfix('plan', '--save', p);
  const { result, err, asked } = await ctfix('apply', p);
  expect(result).toBe(EXIT.ok);
  expect(err).toContain('saved: this plan was saved at');
  expect(asked[0]?.choices.map(({ value }) => value)).toEqual(['apply', 'diff', 'cancel']);
  expect(apply).toHaveBeenCalledOnce();
});

test('without root: a dry run shows it, anything else ends with 77', async () => {
  const { p, ctfix } = stage({ isRoot: false });
  await ctfix('plan', '--save', p);
  expect((await ctfix('apply', p, '--dry-run')).result).toBe(EXIT.ok);
  expect((await ctfix('apply', p, '--yes')).result).toMatchObject({ exit: 'notRoot' });
  expect(apply).not.toHaveBeenCalled();
});

test.each([
  [['--max', '5']],
  [['--precaution']],
  [['--strategy', 'live']],
  [['--timeout', 'udp=30']],
  [['--take-over']],
])('%j beside a plan is wrong usage', async (words) => {
  const { p, ctfix } = stage();
  await ctfix('plan', '--save', p);
  expect((await ctfix('apply', p, '--yes', ...words)).result).toMatchObject({ exit: 'usage' });
  expect((await ctfix('plan', '--show', p, ...words)).result).toMatchObject({ exit: 'usage' });
});

test.each<[string, (p: string) => void, string, RegExp]>([
  ['writable by everybody', (p) => chmodSync(p, 0o666), 'refused', /is not applied: .*everybody can write to it/],
  ['not JSON', (p) => writeFileSync(p, '{\n  "schema"'), 'usage', /change\.json:2:11: /],
  ['not UTF-8', (p) => writeFileSync(p, Buffer.from([0x7b, 0xff, 0x7d])), 'usage', /not UTF-8/],
  ['too large', (p) => writeFileSync(p, ' '.repeat(1024 * 1024 + 1)), 'usage', /larger than 1 MiB/],
])('a file that is %s', async (_, spoil, exit, message) => {
  const { p, ctfix } = stage();
  await ctfix('plan', '--save', p);
  spoil(p);
  expect((await ctfix('apply', p, '--yes')).result).toMatchObject({ exit, message: expect.stringMatching(message) });
  expect(apply).not.toHaveBeenCalled();
});

test.each(['/nonexistent/p', '/proc', '/dev/null'])('%s is no plan', async (path) => {
  const { ctfix } = stage();
  for (const words of [
    ['apply', path],
    ['plan', '--show', path],
  ]) {
    expect((await ctfix(...words)).result).toMatchObject({ exit: 'usage', message: expect.stringContaining(path) });
  }
});
