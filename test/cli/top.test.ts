/** `ctfix top` as a shell sees it, on listings that were saved. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const bundle = join(root, 'dist/ctfix.cjs');
const listings = join(root, 'test/listings');

beforeAll(() => {
  if (existsSync(bundle)) return;
  const built = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(built.stderr);
});

/** Runs a line of shell in which `$ctfix` is the program. */
function shell(line: string) {
  const env = { ...process.env, ctfix: `${process.execPath} ${bundle}`, listings };
  const { status, stdout, stderr } = spawnSync('bash', ['-o', 'pipefail', '-c', line], {
    encoding: 'utf8',
    env,
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

test.each([
  ['a file', '$ctfix top --from $listings/default.txt'],
  ['a file on standard input', '$ctfix top --from - < $listings/default.txt'],
  ['a pipe', 'cat $listings/default.txt | $ctfix top --from -'],
  ['a pipe of single bytes', 'dd bs=1 status=none if=$listings/default.txt | $ctfix top --from -'],
  ['a fifo', '$ctfix top --from <(cat $listings/default.txt)'],
  ['gzip', 'gzip -c $listings/default.txt | $ctfix top --from -'],
])('%s', (_, line) => {
  const { status, stdout, stderr } = shell(line);
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^12 flows from .*: 58 % assured, 25 % unreplied, 8.3 % offloaded\n/);
});

test('JSON is a document of its own', () => {
  const { stdout } = shell('$ctfix top --from $listings/xml.txt -o json');
  expect(JSON.parse(stdout)).toMatchObject({ schema: 'ctfix.top/v1', flows: 12, forms: ['xml'] });
});

test.each([
  ['no listing', '$ctfix top --from $listings/NOTES.md', 64, /is no listing of flows/],
  ['nothing there', '$ctfix top --from /nosuch', 64, /there is no file/],
  [
    'broken gzip',
    'gzip -c $listings/default.txt | head -c 100 | $ctfix top --from -',
    1,
    /could not be read to its end/,
  ],
])('%s', (_, line, code, message) => {
  const { status, stdout, stderr } = shell(line);
  expect([status, stdout]).toEqual([code, '']);
  expect(stderr).toMatch(message);
});

test('a reader that goes away is no error', () => {
  expect(shell('$ctfix top --from $listings/default.txt -o json | head -1; exit $PIPESTATUS')).toEqual({
    status: 0,
    stdout: '{\n',
    stderr: '',
  });
});
