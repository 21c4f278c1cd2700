import { expect, test } from 'vitest';
import { beginWithoutNodeVariables } from '../../src/host/node-variables.ts';

/** What is run in the place of a process with this environment. */
function begun(env: Record<string, string>) {
  const runs: unknown[] = [];
  beginWithoutNodeVariables({
    env,
    execPath: '/usr/local/sbin/ctfix',
    argv0: 'ctfix',
    argv: ['/usr/local/sbin/ctfix', 'ctfix', 'plan', '--max', '9 9'],
    execve: (...words) => runs.push(words),
  });
  return runs;
}

test.each([[{}], [{ LANG: 'C', TERM: 'xterm', MY_NODE_OPTIONS: '1', NODEJS: '1' }]])('%j: goes on as it is', (env) =>
  expect(begun(env)).toEqual([]),
);

test.each(['NODE_V8_COVERAGE', 'NODE_REDIRECT_WARNINGS', 'NODE_OPTIONS', 'NODE_'])(
  '%s: the same words again, without it and with all else',
  (name) =>
    expect(begun({ LANG: 'C', [name]: '/x', TERM: 'xterm' })).toEqual([
      ['/usr/local/sbin/ctfix', ['ctfix', 'plan', '--max', '9 9'], { LANG: 'C', TERM: 'xterm' }],
    ]),
);
