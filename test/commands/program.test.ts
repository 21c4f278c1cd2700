import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { program, runProgram } from '../../src/commands/program.ts';
import { CtfixError, EXIT } from '../../src/errors.ts';
import { fakeDeps } from './support.ts';

const tree = program(fakeDeps().deps, () => undefined);
const commands: [string, Command][] = [
  ['ctfix', tree],
  ...tree.commands.map((one): [string, Command] => [one.name(), one]),
];

/** Help as a person gets it, examples included. */
async function help(name: string): Promise<string> {
  const { deps, said } = fakeDeps();
  expect(await runProgram(name === 'ctfix' ? ['--help'] : [name, '--help'], deps)).toBe(0);
  expect(said.err).toBe('');
  return said.out;
}

/** The error that a command line ends with. */
async function wrong(words: readonly string[]): Promise<CtfixError> {
  const { deps, said } = fakeDeps();
  const error: unknown = await runProgram(words, deps).catch((thrown: unknown) => thrown);
  expect(said).toEqual({ out: '', err: '', asked: [] });
  if (!(error instanceof CtfixError)) throw new Error(`no CtfixError for ${words.join(' ')}: ${String(error)}`);
  return error;
}

test('the commands of this version, and no others', () => {
  expect(tree.commands.map((one) => one.name())).toEqual([
    'plan',
    'apply',
    'confirm',
    'verify',
    'rollback',
    'history',
    'status',
    'doctor',
    'top',
    'check',
    'facts',
    'completion',
    'perform',
    'recover',
  ]);
});

describe.each(commands)('%s', (name, command) => {
  test('says what it does, and so does every option and argument', () => {
    expect(command.description()).not.toBe('');
    for (const option of command.options) expect(option.description, option.flags).not.toBe('');
    for (const argument of command.registeredArguments) expect(argument.description, argument.name()).not.toBe('');
  });

  test('help has examples that are command lines of ours', async () => {
    const [, after = ''] = (await help(name)).split('\nExamples:\n');
    const [examples = ''] = after.split('\n\n');
    const lines = examples.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      const [, words = ''] = /\bctfix (.*?) +# ./.exec(line.replace(/[)|>].*#/, ' #')) ?? [];
      const used = tree.commands.find((one) => one.name() === words.split(' ')[0]);
      expect(used, line).toBeDefined();
      if (name !== 'ctfix') expect(used?.name()).toBe(name);
      const known = [...(used?.options ?? []), ...tree.options].flatMap((option) => [option.short, option.long]);
      for (const flag of words.match(/(?<= )-[-a-z]+/g) ?? []) expect(known, line).toContain(flag);
    }
  });

  test('help fits a terminal of 100 columns', async () => {
    for (const line of (await help(name)).split('\n')) expect(line.length, line).toBeLessThanOrEqual(100);
  });
});

test('help lists every exit code, each once', async () => {
  const [, codes = ''] = (await help('ctfix')).split('\nExit codes:\n');
  expect(codes.match(/^ +[0-9]+(?= )/gm)?.map(Number)).toEqual(Object.values(EXIT));
});

describe('used wrongly', () => {
  test.each([
    [[], /a command is missing/, /ctfix plan/],
    [['--verbose'], /a command is missing/, /ctfix plan/],
    [['help', 'nosuch'], /there is no command nosuch/, /ctfix --help/],
    [['paln'], /unknown command 'paln'/, /Did you mean plan\? ctfix --help/],
    [['plan', '--maxx', '5'], /unknown option '--maxx'/, /Did you mean --max\? ctfix plan --help/],
    [['plan', 'saved.json'], /too many arguments/, /ctfix plan --help/],
    [['plan', '--max'], /argument missing/, /ctfix plan --help/],
    [['plan', '-o', 'xml'], /'xml' is invalid\. Allowed choices are text, json, markdown/, /plan --help/],
    [['facts', '-o', 'text'], /Allowed choices are json/, /facts --help/],
    [['plan', '--strategy', 'fast'], /Allowed choices are auto, live, reload, unload, persist/, /plan --help/],
    [['plan', '--root', ''], /names no directory/, /plan --help/],
    [['completion'], /missing required argument 'shell'/, /completion --help/],
    [['completion', 'tcsh'], /Allowed choices are bash, zsh, fish/, /completion --help/],
  ])('%j', async (words, message, hint) => {
    const error = await wrong(words);
    expect(error.exit).toBe('usage');
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/^error:|\n/);
    expect(error.hint).toMatch(hint);
  });

  test.each([
    ['--max', '9007199254740993'],
    ['--max', '0'],
    ['--hashsize', '10x'],
    ['--ratio', '1.5'],
    ['--headroom', '0'],
    ['--peak', ''],
    ['--memory-limit', '512'],
    ['--timeout', 'nosuch=1'],
  ])('the parser of %s is in place: %j', async (flag, value) => {
    for (const name of ['plan', 'apply']) {
      const error = await wrong([name, flag, value]);
      expect(error.exit).toBe('usage');
      expect(error.message.startsWith(flag)).toBe(true);
    }
  });

  test('one timeout with two values', async () => {
    expect((await wrong(['plan', '--timeout', 'udp=1', '--timeout', 'udp=2'])).message).toMatch(
      /contradicts 1 seconds/,
    );
  });

  test.each(['plan', 'apply'])('%s takes no number that is not one', async (name) => {
    const error = await wrong([name, '--max', '1e6']);
    expect(error.exit).toBe('usage');
    expect(error.message).toBe(
      '--max: 1e6 is not a whole number; allowed is a whole number from 1 to 2,147,483,647, in plain digits',
    );
  });

  test('a negative value belongs to its flag', async () => {
    expect((await wrong(['plan', '--max', '-5'])).message).toMatch(/^--max: -5 is not a whole number/);
  });
});

test.each(['-V', '--version'])('%s', async (flag) => {
  const { deps, said } = fakeDeps();
  expect(await runProgram([flag], deps)).toBe(0);
  expect(said.out).toBe('0.1.0\n');
});
