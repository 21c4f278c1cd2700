/** The question on a real terminal: a pty made by script(1), the bundled asker inside it. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'ctfix-ask-'));
const program = join(folder, 'ask.mjs');

beforeAll(async () => {
  await build({
    stdin: {
      resolveDir: new URL('../..', import.meta.url).pathname,
      contents: `
        import { askOn } from './src/ask.ts';
        const answer = await askOn(process.stdin, process.stderr)({
          message: 'Make this change?',
          choices: [{ value: 'apply', name: 'apply' }, { value: 'diff', name: 'show \\x1b[2J' }, { value: 'cancel', name: 'cancel' }],
          fallback: 'cancel',
        });
        process.stdout.write('answer=' + answer + ';');`,
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    outfile: program,
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire('file:///');" },
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Types `keys` once the question stands there, and gives all that the terminal showed. */
function typed(keys: string): Promise<{ shown: string; code: number | null }> {
  return new Promise((resolve) => {
    const terminal = spawn('script', ['-qec', `${process.execPath} ${program}`, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let shown = '';
    let sent = false;
    terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
      if (!sent && shown.includes('cancel')) {
        sent = true;
        terminal.stdin.write(keys);
      }
    });
    terminal.on('close', (code) => resolve({ shown, code }));
  });
}

test.each([
  ['Enter takes the fallback', '\r', 'cancel'],
  ['an arrow moves', '\x1b[A\r', 'diff'],
  ['ctrl-C counts as the fallback and leaves no stack', '\x03', 'cancel'],
])('%s', async (_, keys, answer) => {
  const { shown, code } = await typed(keys);
  expect(shown).toContain(`answer=${answer};`);
  expect(shown).toContain('show \\e[2J');
  expect(shown).not.toMatch(/Error|at .*\.mjs/);
  expect(code).toBe(0);
});
