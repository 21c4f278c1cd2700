/** rollback, history and verify: which answer ends with which code, and in which form. The work itself is a stand-in. */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { EXIT } from '../../src/errors.ts';
import { fakeDeps } from './support.ts';

const rollback = vi.hoisted(() => vi.fn());
const history = vi.hoisted(() => vi.fn());
const verify = vi.hoisted(() => vi.fn());
vi.mock('../../src/apply/rollback.ts', () => ({ rollback }));
vi.mock('../../src/apply/history.ts', () => ({ history }));
vi.mock('../../src/apply/verify.ts', () => ({ verify }));

const host = async () => ({}) as never;

async function run(words: readonly string[], more: Parameters<typeof fakeDeps>[0] = {}) {
  const { deps, said } = fakeDeps({ look: host, change: host, ...more });
  const result: unknown = await runProgram(words, deps).catch((error: unknown) => error);
  return { result, said };
}

beforeEach(() => {
  for (const one of [rollback, history, verify]) one.mockReset();
});

describe('rollback', () => {
  test.each(['ok', 'failed', 'refused', 'stuck'] as const)('ended with %s, so does the command', async (exit) => {
    rollback.mockResolvedValue({ exit, id: 'x1', lines: [] });
    const { result, said } = await run(['rollback', 'x1']);
    expect(result).toBe(EXIT[exit]);
    expect(rollback.mock.lastCall?.[0]).toBe('x1');
    expect(said.out).toMatch(/^(taken back|failed|refused|stuck): /);
  });

  test('json', async () => {
    rollback.mockResolvedValue({ exit: 'ok', lines: [] });
    const { said } = await run(['rollback', '-o', 'json']);
    expect(rollback.mock.lastCall?.[0]).toBeUndefined();
    expect(JSON.parse(said.out)).toEqual({ schema: 'ctfix.outcome/v1', exit: 'ok', lines: [] });
  });

  test('needs root, and says so before it looks at anything', async () => {
    const { result } = await run(['rollback'], { isRoot: false });
    expect(result).toMatchObject({ exit: 'notRoot' });
    expect(rollback).not.toHaveBeenCalled();
  });
});

describe('history', () => {
  test.each([
    [['history'], undefined],
    [['history', 'x1'], 'x1'],
  ])('%j', async (words, id) => {
    history.mockResolvedValue({ source: 'state', changes: [] });
    const { result, said } = await run(words, { isRoot: false });
    expect(result).toBe(EXIT.ok);
    expect(history.mock.lastCall?.[0]).toBe(id);
    expect(said.out).toBe('ctfix has made no change on this host\n');
  });

  test('json', async () => {
    history.mockResolvedValue({ source: 'state', changes: [] });
    const { said } = await run(['history', '-o', 'json']);
    expect(JSON.parse(said.out)).toEqual({ schema: 'ctfix.history/v1', source: 'state', changes: [] });
  });
});

describe('verify', () => {
  test.each([
    ['ok', EXIT.ok],
    ['pending', EXIT.pending],
    ['failed', EXIT.failed],
  ])('%s ends with %i', async (exit, code) => {
    const report = { exit, findings: [], unknown: [], waits: [], notes: [] };
    verify.mockResolvedValue(report);
    const { result, said } = await run(['verify', '-o', 'json'], { isRoot: false });
    expect(result).toBe(code);
    expect(JSON.parse(said.out)).toEqual({ schema: 'ctfix.verify/v1', ...report });
    expect((await run(['verify'])).said.out).toMatch(/^nothing promised: /);
  });
});
