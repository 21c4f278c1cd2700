/** A terminal that is stopped (Ctrl-S), as a pty of script(1): what ctfix tells there never holds up its work. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const bundle = new URL('../../dist/ctfix.cjs', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'ctfix-stopped-'));
const facts = join(folder, 'facts');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const WAIT = { timeout: 30_000, interval: 50 };

test('ctfix does its work while the terminal takes nothing, and tells all of it afterwards', async () => {
  writeFileSync(facts, '');
  const program = `echo ready; read -r line; ${process.execPath} ${bundle} facts -v >${facts}; echo code=$?`;
  const terminal = spawn('script', ['-qec', program, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => terminal.on('close', resolve));
  let shown = '';
  terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
  await expect.poll(() => shown, WAIT).toContain('ready');
  // What is typed is looked at in its order: the terminal is stopped before the line is there.
  terminal.stdin.write('\x13\n');
  await expect.poll(() => readFileSync(facts, 'utf8'), WAIT).toMatch(/"ctfix\.facts.*\}\n$/s);
  expect(shown).not.toMatch(/reads|code/);
  terminal.stdin.write('\x11');
  await ended;
  expect(shown).toMatch(/proc.*code=0/s);
});
