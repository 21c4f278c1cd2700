import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { fakeDeps } from './support.ts';

async function script(shell: string): Promise<string> {
  const { deps, said } = fakeDeps();
  expect(await runProgram(['completion', shell], deps)).toBe(0);
  return said.out;
}

/** What bash offers after these words; the last one is not finished. */
async function offered(words: readonly string[]): Promise<string[]> {
  const ask = `${await script('bash')}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _ctfix; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-u', '-c', ask], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '');
}

test.each([
  [['ctfix', 'pl'], ['plan']],
  [['ctfix', 'plan', '--str'], ['--strategy']],
  [['ctfix', 'plan', '--strategy', 'p'], ['persist']],
  [['ctfix', 'plan', '-o', 'm'], ['markdown']],
  [['ctfix', 'apply', '-o', 'm'], []],
  [['ctfix', '-v', 'apply', '--dry'], ['--dry-run']],
  [['ctfix', 'plan', '--max', ''], []],
  [['ctfix', 'plan', '--root', '/usr/shar'], ['/usr/share']],
  [
    ['ctfix', 'completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
])('bash offers for %j: %j', async (words, wanted) => {
  const answer = await offered(words);
  expect(answer.filter((one) => !one.startsWith('-') || one === wanted[0])).toEqual(wanted);
});

test.each(['zsh', 'fish'])('%s knows every command and every long option', async (shell) => {
  const text = await script(shell);
  for (const word of ['plan', 'apply', 'verify', 'rollback', 'history', 'facts', 'completion'])
    expect(text).toContain(word);
  for (const option of ['memory-limit', 'take-over', 'dry-run', 'detailed-exitcode', 'record', 'no-color', 'verbose']) {
    expect(text).toContain(option);
  }
  expect(text).toContain('auto live reload unload persist');
});
