import { describe, expect, test } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import type { ReadHost } from '../../src/host/host.ts';
import { recordedHost } from '../../src/host/recorded.ts';
import { changed, folder } from '../support/recorded.ts';
import { fakeDeps } from './support.ts';

async function check(
  words: readonly string[],
  look: ReadHost | (() => never) = recordedHost(folder('debian12-full-4g')),
) {
  const { deps, said } = fakeDeps({ look: async () => (typeof look === 'function' ? look() : look) });
  const code = await runProgram(words, deps);
  return { code, out: said.out, err: said.err };
}

test.each<[string[], number, RegExp]>([
  [['check'], 2, /^CONNTRACK CRITICAL: 100\.0 % full: 65,536 of 65,536 flows \(-c 90\) \| /],
  [['check', '-w', '50', '-c', '100'], 1, /^CONNTRACK WARNING: /],
  [['check', '-w', '100', '-c', '100'], 0, /^CONNTRACK OK: /],
  [['--no-color', 'check', '--warning=100%', '--critical=100%'], 0, /^CONNTRACK OK: /],
])('%j', async (words, code, line) => {
  expect(await check(words)).toEqual({ code, out: expect.stringMatching(line), err: '' });
});

describe('whatever is wrong is UNKNOWN, on stdout, in one line', () => {
  test.each<[string[], RegExp]>([
    [['check', '-w', 'x'], /--warning: x is no threshold; allowed is/],
    [['check', '-w', '90', '-c', '75'], /-w 90 is above -c 75/],
    [['check', '-c'], /argument missing/],
    [['check', '--absent', 'maybe'], /Allowed choices are ok, unknown/],
    [['check', '--nosuch'], /unknown option '--nosuch'/],
    [['--nosuch', 'check'], /unknown option '--nosuch'/],
    [['check', 'extra'], /too many arguments/],
  ])('%j', async (words, why) => {
    const { code, out, err } = await check(words);
    expect({ code, err }).toEqual({ code: 3, err: '' });
    expect(out).toMatch(/^CONNTRACK UNKNOWN: [^|\n]+\n$/);
    expect(out).toMatch(why);
  });

  test('a bug of ours, too', async () => {
    const bug = () => {
      throw new TypeError('a | b\nc');
    };
    expect(await check(['check'], bug)).toEqual({
      code: 3,
      out: 'CONNTRACK UNKNOWN: this is a bug in ctfix: a / b\\nc\n',
      err: '',
    });
  });

  test('other commands keep their own errors', async () => {
    await expect(check(['verify', '--nosuch'])).rejects.toThrow("unknown option '--nosuch'");
  });
});

test('it starts no child, asks nothing of root, and a change that waits adds no line', async () => {
  const state = JSON.stringify({ schema: 'ctfix.state/v1', changes: [{ id: 'x', outcome: 'unfinished' }] });
  const inner = changed('debian12-idle-user', { files: { '/var/lib/ctfix/state.json': state } });
  const asked: string[] = [];
  const told: ReadHost = {
    ...inner,
    run: (argv, options) => {
      asked.push(argv.join(' '));
      return inner.run(argv, options);
    },
  };
  const { code, out, err } = await check(['check'], told);
  expect({ code, err, asked, lines: out.split('\n').length }).toEqual({ code: 0, err: '', asked: [], lines: 2 });
});
