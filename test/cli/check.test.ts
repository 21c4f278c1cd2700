/** The plugin as a monitoring agent runs it: the built program, as an ordinary user, on whatever machine this is. */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { tree } from '../support/tree.ts';

const root = new URL('../..', import.meta.url).pathname;
const bundle = join(root, 'dist/ctfix.cjs');
const NOBODY = 65_534;

beforeAll(() => {
  if (!existsSync(bundle)) spawnSync(process.execPath, [join(root, 'scripts/build.mjs')]);
});

/** Runs `ctfix check` from a directory that everybody can read, as nobody where that can be. */
function check(...words: string[]) {
  const dir = tree();
  chmodSync(dir, 0o755);
  copyFileSync(bundle, join(dir, 'ctfix.cjs'));
  const user = process.geteuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const argv = [join(dir, 'ctfix.cjs'), 'check', ...words];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8', cwd: '/', ...user });
  return { status, stdout, stderr };
}

test('says one line with the code of its first word, and nothing on stderr', () => {
  const { status, stdout, stderr } = check('-w', '75', '-c', '90', '--absent', 'ok');
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^CONNTRACK (OK|WARNING|CRITICAL|UNKNOWN): [^\n]+\n$/);
  expect(['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'][status ?? 9]).toBe(stdout.split(/[ :]/)[1]);
});

test('wrong usage is 3 and told on stdout, where the agent looks', () => {
  expect(check('-w', 'many')).toMatchObject({
    status: 3,
    stderr: '',
    stdout: expect.stringMatching(/^CONNTRACK UNKNOWN: --warning: many is no threshold/),
  });
  expect(check('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('Nagios plugin') });
});
