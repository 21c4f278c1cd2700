import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { CtfixError, EXIT } from '../../src/errors.ts';
import type { ReadHost } from '../../src/host/host.ts';
import { recordedHost } from '../../src/host/recorded.ts';
import { changed, folder } from '../support/recorded.ts';
import { tree } from '../support/tree.ts';
import { fakeDeps } from './support.ts';

const host = (name = 'debian12-idle-2g') => recordedHost(folder(name));

/** Runs `ctfix status`; an error is its sentence. */
async function status(words: readonly string[], look: ReadHost = host()) {
  const { deps, said } = fakeDeps({ look: async () => look });
  try {
    return { code: await runProgram(['status', ...words], deps), said };
  } catch (error) {
    if (!(error instanceof CtfixError)) throw error;
    return { code: EXIT[error.exit], said, why: error.message };
  }
}

describe('--textfile', () => {
  test('writes the metrics whole, for everybody to read, and nothing to stdout', async () => {
    const path = join(tree(), 'ctfix.prom');
    const old = process.umask(0o077);
    const { code, said } = await status(['--textfile', path]).finally(() => process.umask(old));
    expect({ code, out: said.out, err: said.err }).toEqual({ code: 0, out: '', err: '' });
    const { said: shown } = await status(['-o', 'prometheus']);
    expect(readFileSync(path, 'utf8')).toBe(shown.out);
    expect(lstatSync(path).mode & 0o7777).toBe(0o644);
    expect(readdirSync(join(path, '..'))).toEqual(['ctfix.prom']);
  });

  test.each([
    ['what ctfix has written', '# HELP ctfix_info The host.\n'],
    ['an empty file', ''],
  ])('replaces %s', async (_, text) => {
    const path = join(tree({ 'a.prom': text }), 'a.prom');
    expect((await status(['--textfile', path, '-o', 'prometheus'])).code).toBe(0);
    expect(readFileSync(path, 'utf8')).toContain('\nctfix_buckets 65536\n');
  });

  test('replaces a link and leaves alone what it leads to', async () => {
    const dir = tree({ 'other.prom': 'other 1\n' });
    symlinkSync('other.prom', join(dir, 'a.prom'));
    expect((await status(['--textfile', join(dir, 'a.prom')])).code).toBe(0);
    expect(lstatSync(join(dir, 'a.prom')).isFile()).toBe(true);
    expect(readFileSync(join(dir, 'other.prom'), 'utf8')).toBe('other 1\n');
  });

  test.each<[string, (dir: string) => string, number, RegExp]>([
    [
      'a directory that is missing',
      (dir) => join(dir, 'none/a.prom'),
      EXIT.failed,
      /^--textfile: there is no directory .*\/none$/,
    ],
    [
      'a directory that is a file',
      (dir) => join(dir, 'a.txt/a.prom'),
      EXIT.failed,
      /^--textfile: there is no directory .*\/a\.txt$/,
    ],
    ['the metrics of another', (dir) => join(dir, 'apt.prom'), EXIT.usage, /is not what ctfix writes there$/],
    ['a directory of that name', (dir) => join(dir, 'd.prom'), EXIT.usage, /is not what ctfix writes there$/],
    [
      'a name that is not read',
      (dir) => join(dir, 'a.txt'),
      EXIT.usage,
      /would not be read; the collector reads files named \*\.prom$/,
    ],
    ['no name', () => '', EXIT.usage, /It names no file/],
  ])('%s is an error, and nothing is written', async (_, path, exit, why) => {
    const dir = tree({ 'a.txt': 'a', 'apt.prom': '# HELP apt_x X.\n' });
    mkdirSync(join(dir, 'd.prom'));
    const answer = await status(['--textfile', path(dir)]);
    expect(answer).toMatchObject({ code: exit, why: expect.stringMatching(why) });
    expect(readdirSync(dir)).toEqual(['a.txt', 'apt.prom', 'd.prom']);
    expect(readFileSync(join(dir, 'apt.prom'), 'utf8')).toBe('# HELP apt_x X.\n');
  });

  test('has no JSON', async () => {
    const answer = await status(['--textfile', '/nowhere/a.prom', '-o', 'json']);
    expect(answer).toMatchObject({ code: EXIT.usage, why: '--textfile writes metrics; -o json does not go with it' });
  });
});

test.each([
  ['debian12-idle-user', 'journalctl'],
  ['aks-node', 'conntrack'],
])('metrics ask no log and no counters of a child, as a status does: %s', async (name, program) => {
  const asked: string[] = [];
  const inner = host(name);
  const told: ReadHost = {
    ...inner,
    run: (argv, options) => {
      asked.push(argv[0]);
      return inner.run(argv, options);
    },
  };
  await status(['-o', 'prometheus'], told);
  expect(asked).not.toContain(program);
  await status([], told);
  expect(asked).toContain(program);
});

test('a damaged record of changes is no error here', async () => {
  const look = changed('debian12-idle-2g', { files: { '/var/lib/ctfix/state.json': '{' } });
  const { code, said } = await status(['-o', 'json'], look);
  expect(code).toBe(0);
  expect(JSON.parse(said.out).change).toEqual({ unknown: '/var/lib/ctfix/state.json is not what ctfix writes' });
});

test('below --root what is live is unknown, never 0', async () => {
  const { recordedFrom, readRecording } = await import('../../src/host/recorded.ts');
  const look: ReadHost = { ...recordedFrom(readRecording(folder('el7-ish'))), kind: 'sysroot' };
  const { code, said } = await status(['-o', 'json'], look);
  expect(code).toBe(0);
  const { table, drops } = JSON.parse(said.out);
  const unknown = { unknown: 'live kernel values not inspected (--root)' };
  expect({ ...table, drops }).toMatchObject({
    count: unknown,
    max: unknown,
    buckets: unknown,
    fill: unknown,
    chain: unknown,
    drops: unknown,
  });
});
