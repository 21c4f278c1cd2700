/** confirm, and what systemd calls: which work is done for which words, and how that ends. The work itself is a stand-in. */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { CtfixError, EXIT } from '../../src/errors.ts';
import { memoryHost } from '../support/memory-host.ts';
import { stateDir } from '../support/state-dir.ts';
import { fakeDeps } from './support.ts';

const work = vi.hoisted(() => ({ recoverAtBoot: vi.fn(), recoverKilled: vi.fn(), revertUnconfirmed: vi.fn() }));
const confirm = vi.hoisted(() => vi.fn());
vi.mock('../../src/apply/recover.ts', () => work);
vi.mock('../../src/apply/confirm.ts', () => ({ confirm }));

async function run(words: readonly string[], more: Parameters<typeof fakeDeps>[0] = {}) {
  const host = async () => memoryHost().host;
  const { deps, said } = fakeDeps({ look: host, change: host, stateDir: stateDir(), ...more });
  const result: unknown = await runProgram(words, deps).catch((error: unknown) => error);
  return { result, said };
}

beforeEach(() => {
  for (const one of [...Object.values(work), confirm]) one.mockReset();
});

const back = { id: 'x', outcome: { exit: 'ok', id: 'x', lines: [{ kind: 'undone', text: 'a is as it was' }] } };
const stuck = { id: 'y', outcome: { exit: 'stuck', id: 'y', lines: [{ kind: 'failed', text: 'b is not' }] } };

describe('recover', () => {
  test('--boot tells what it did, and lets the boot go on whatever that was', async () => {
    work.recoverAtBoot.mockResolvedValue([back, stuck]);
    const { result, said } = await run(['recover', '--boot']);
    expect(result).toBe(EXIT.ok);
    expect(said.err).toMatch(/a is as it was[\s\S]*b is not/);
    expect(said.out).toBe('');
  });

  test.each([new CtfixError('refused', 'no'), new Error('a bug')])(
    '--boot: %s is told, and the boot goes on',
    async (error) => {
      work.recoverAtBoot.mockRejectedValue(error);
      const { result, said } = await run(['recover', '--boot']);
      expect(result).toBe(EXIT.ok);
      expect(said.err).toContain(error.message);
    },
  );

  test.each([
    ['killed', ['recover', 'x'], work.recoverKilled],
    ['unconfirmed', ['recover', '--unconfirmed', 'x'], work.revertUnconfirmed],
  ])('%s: the named change, and the code of the worst', async (_, words, does) => {
    does.mockResolvedValue([]);
    expect((await run(words)).result).toBe(EXIT.ok);
    expect(does.mock.lastCall?.[0]).toBe('x');
    does.mockResolvedValue([back, stuck]);
    expect((await run(words)).result).toBe(EXIT.stuck);
  });

  test('is for root', async () => {
    expect((await run(['recover', 'x'], { isRoot: false })).result).toMatchObject({ exit: 'notRoot' });
    expect((await run(['perform', 'x'], { isRoot: false })).result).toMatchObject({ exit: 'notRoot' });
  });
});

describe('confirm', () => {
  test('says that the change stays', async () => {
    confirm.mockResolvedValue({ exit: 'ok', id: 'x', lines: [] });
    const { result, said } = await run(['confirm']);
    expect(result).toBe(EXIT.ok);
    expect(said.out).toMatch(/^confirmed: the change stays/);
    expect(JSON.parse((await run(['confirm', '-o', 'json'])).said.out)).toMatchObject({
      schema: 'ctfix.outcome/v1',
      exit: 'ok',
    });
  });

  test('needs root', async () => {
    expect((await run(['confirm'], { isRoot: false })).result).toMatchObject({ exit: 'notRoot' });
    expect(confirm).not.toHaveBeenCalled();
  });
});
