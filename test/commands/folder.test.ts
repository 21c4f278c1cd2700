import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { writeFolder } from '../../src/commands/folder.ts';

const top = mkdtempSync(join(tmpdir(), 'ctfix-folder-'));
afterAll(() => rmSync(top, { recursive: true, force: true }));
const files = { 'host.json': '{}\n', 'root/proc/meminfo': 'MemTotal: 1 kB\n' };

test('a new directory, for nobody else to read', () => {
  const dir = join(top, 'new');
  writeFolder(dir, files);
  expect(readFileSync(join(dir, 'root/proc/meminfo'), 'utf8')).toBe('MemTotal: 1 kB\n');
  expect(statSync(dir).mode & 0o777).toBe(0o700);
  expect(statSync(join(dir, 'host.json')).mode & 0o777).toBe(0o600);
});

test('an empty directory of ours will do', () => {
  const dir = join(top, 'empty');
  mkdirSync(dir);
  writeFolder(dir, files);
  expect(readFileSync(join(dir, 'host.json'), 'utf8')).toBe('{}\n');
});

test.each([
  ['a directory with something in it', (path: string) => mkdirSync(join(path, 'x'), { recursive: true })],
  ['a file', (path: string) => writeFileSync(path, 'mine')],
  ['a link, dangling or not', (path: string) => symlinkSync('/nonexistent', path)],
])('%s is left alone', (name, make) => {
  const path = join(top, name);
  make(path);
  expect(() => writeFolder(path, files)).toThrow(/is there already/);
});

test('what cannot be written is a sentence', () => {
  expect(() => writeFolder(join(top, 'no/such/parent'), files)).toThrow(/^the recording could not be written: ENOENT/);
});

test('nothing is written outside', () => {
  expect(() => writeFolder(join(top, 'outside'), { '../evil': '' })).toThrow(/outside the recording/);
});
