/** What apply decides before and after the work itself: the survey and the executor are stand-ins here. */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { ApplyDeps, Outcome } from '../../src/apply/outcome.ts';
import { runProgram } from '../../src/commands/program.ts';
import { EXIT, type ExitName } from '../../src/errors.ts';
import type { Facts, Plan, PlanOptions } from '../../src/model.ts';
import { facts, plan, refused } from '../render/samples.ts';
import { fakeDeps } from './support.ts';

const survey = vi.hoisted(() => vi.fn());
const apply = vi.hoisted(() => vi.fn());
vi.mock('../../src/survey.ts', () => ({ survey }));
vi.mock('../../src/apply/apply.ts', () => ({ apply }));

const nothing: Plan = { ...plan, actions: [], sizing: { ...plan.sizing, verdict: 'nothing' } };
const host = async () => ({}) as never;
const done: Outcome = { exit: 'ok', id: 'x1', lines: [] };

/** The survey finds `one`; another strategy can be asked for. */
function finds(one: Plan): void {
  survey.mockImplementation(async (_host, options: PlanOptions) => {
    const taken = options.strategy === undefined || options.strategy === 'auto' ? 'live' : options.strategy;
    return { facts, plan: { ...one, options, strategy: { ...one.strategy, taken } } };
  });
}

async function run(
  words: readonly string[],
  more: Parameters<typeof fakeDeps>[0] = {},
  answers: readonly string[] = [],
) {
  const { deps, said } = fakeDeps({ look: host, change: host, ...more }, answers);
  const result = await runProgram(['apply', ...words], deps).catch(
    (error: { exit?: ExitName; message: string }) => error,
  );
  return { result, said };
}

beforeEach(() => {
  survey.mockReset();
  apply.mockReset();
  apply.mockResolvedValue(done);
  finds(plan);
});

describe('nothing is begun', () => {
  test.each([
    ['when there is nothing to do', nothing, ['--yes'], EXIT.ok],
    ['when there is nothing to do, and nobody is asked or sent for root', nothing, [], EXIT.ok],
    ['when it is refused', refused, ['--yes'], EXIT.refused],
    ['when it would be refused anyway', refused, ['--dry-run'], EXIT.refused],
    ['by a dry run', plan, ['--yes', '--dry-run'], EXIT.ok],
  ])('%s', async (_, found, words, code) => {
    finds(found);
    const { result, said } = await run(words, { isRoot: false, interactive: () => true });
    expect(result).toBe(code);
    expect(apply).not.toHaveBeenCalled();
    expect(said.asked).toEqual([]);
    expect(said.out).toMatch(/^(needed|nothing to do): /);
  });

  test('without root, after saying what for', async () => {
    const { result, said } = await run(['--yes'], { isRoot: false });
    expect(result).toMatchObject({ exit: 'notRoot', hint: expect.stringContaining('sudo ctfix apply') });
    expect(said.err).toMatch(/^needed: /);
    expect(apply).not.toHaveBeenCalled();
  });

  test('without a terminal and without --yes', async () => {
    const { result } = await run([]);
    expect(result).toMatchObject({ exit: 'usage', hint: expect.stringContaining('--yes') });
    expect(apply).not.toHaveBeenCalled();
  });

  test.each([
    ['the fallback', []],
    ['cancel', ['cancel']],
    ['looking at the diff first', ['diff', 'cancel']],
  ])('when the person answers: %s', async (_, answers) => {
    const { result, said } = await run([], { interactive: () => true }, answers);
    expect(result).toBe(EXIT.failed);
    expect(apply).not.toHaveBeenCalled();
    expect(said.err).toMatch(/Nothing was changed\.\n$/);
    expect(said.asked[0]?.fallback).toBe('cancel');
    expect(said.out).toBe('');
    expect(said.err.includes('+net.netfilter.nf_conntrack_max = 131072')).toBe(answers[0] === 'diff');
  });
});

describe('the question', () => {
  test('offers apply, another strategy, the diff, and cancel', async () => {
    const { said } = await run([], { interactive: () => true });
    expect(said.asked[0]?.choices.map(({ value }) => value)).toEqual(['apply', 'strategy', 'diff', 'cancel']);
  });

  test('another strategy makes another plan, and that one is applied', async () => {
    const { result, said } = await run(['--peak', '5'], { interactive: () => true }, ['strategy', 'persist', 'apply']);
    expect(result).toBe(EXIT.ok);
    expect(survey.mock.lastCall?.[1]).toEqual({ peak: 5, strategy: 'persist' });
    expect((apply.mock.lastCall as [Plan, Facts, ApplyDeps])[0].strategy.taken).toBe('persist');
    expect(said.asked[2]?.message).toContain('persist');
  });

  test('a refused strategy cannot be applied', async () => {
    survey.mockImplementation(async (_host, options: PlanOptions) => ({
      facts,
      plan: options.strategy === 'reload' ? refused : plan,
    }));
    const { said } = await run([], { interactive: () => true }, ['strategy', 'reload', 'apply']);
    expect(said.asked[2]?.choices.map(({ value }) => value)).toEqual(['strategy', 'diff', 'cancel']);
    expect(said.err).toContain('to do: remove the line');
    expect(apply).not.toHaveBeenCalled();
  });
});

describe('the work', () => {
  test('gets the plan that was agreed to, and its progress goes to stderr', async () => {
    apply.mockImplementation(async (_plan: Plan, _facts: Facts, deps: ApplyDeps) => {
      deps.progress('buckets are 131072');
      expect((await deps.survey()).plan.options).toEqual({ max: 131_072 });
      expect(deps.interrupted()).toBe(false);
      return done;
    });
    const { result, said } = await run(['--yes', '--max', '131072']);
    expect(result).toBe(EXIT.ok);
    expect(said.err).toBe('* buckets are 131072\n');
    expect(said.out).toContain('ctfix rollback x1');
  });

  test('has begun for the one who catches signals once it says so, not while it looks', async () => {
    let hasBegun = () => true;
    const catchSignals = (_way: string, asked = () => true) => {
      hasBegun = asked;
      return () => false;
    };
    const seen: boolean[] = [];
    apply.mockImplementation(async (_plan: Plan, _facts: Facts, deps: ApplyDeps) => {
      seen.push(hasBegun());
      deps.begun?.();
      seen.push(hasBegun());
      return done;
    });
    await run(['--yes'], { catchSignals });
    expect(seen).toEqual([false, true]);
  });

  test.each(['ok', 'failed', 'refused', 'stale', 'rolledBack', 'stuck'] as const)(
    'ended with %s, so does the command',
    async (exit) => {
      apply.mockResolvedValue({ ...done, exit });
      expect((await run(['--yes'])).result).toBe(EXIT[exit]);
    },
  );

  test.each([
    ['done', done, true],
    ['refused by the executor', { exit: 'refused', lines: [] }, false],
    ['taken back', { ...done, exit: 'rolledBack' }, false],
    ['stuck half-way', { ...done, exit: 'stuck' }, true],
  ])('json, %s: tells whether the host is different now', async (_, outcome, changed) => {
    apply.mockResolvedValue(outcome);
    const { said } = await run(['--yes', '-o', 'json']);
    expect(JSON.parse(said.out)).toMatchObject({
      schema: 'ctfix.outcome/v1',
      changed,
      ...outcome,
      plan: { schema: 'ctfix.plan/v1' },
    });
  });

  test.each([
    ['nothing to do', nothing, 'ok'],
    ['refused', refused, 'refused'],
  ])('json, %s: the same form', async (_, found, exit) => {
    finds(found);
    const { said } = await run(['-o', 'json']);
    expect(JSON.parse(said.out)).toMatchObject({ schema: 'ctfix.outcome/v1', changed: false, exit, lines: [] });
  });
});
