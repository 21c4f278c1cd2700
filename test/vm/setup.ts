// Before the first scenario: the binary under test, the image, and one snapshot for each kernel.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { KERNELS } from './image.ts';
import { BINARY, snapshot } from './snapshot.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Vitest's globalSetup; what takes long is said on stderr. */
export default async function setup(): Promise<void> {
  const begin = Date.now();
  const say = (line: string) => process.stderr.write(`vm: ${line} (${Math.round((Date.now() - begin) / 1000)} s)\n`);
  if (!isFresh() && !process.env.CTFIX_VM_BARE) makeBinary(say);
  for (const kernel of KERNELS) await snapshot({ kernel }, say);
  say('ready');
}

/** Is there a binary that is younger than everything it is made of? */
function isFresh(): boolean {
  if (!existsSync(BINARY)) return false;
  const made = statSync(BINARY).mtimeMs;
  const sources = ['src', 'templates', 'packaging/runtime/package-lock.json', 'package-lock.json'].flatMap((name) => {
    const path = join(ROOT, name);
    const inside = statSync(path).isDirectory() ? readdirSync(path, { recursive: true, encoding: 'utf8' }) : [];
    return [path, ...inside.map((one) => join(path, one))];
  });
  return sources.every((path) => statSync(path).mtimeMs < made);
}

function makeBinary(say: (line: string) => void): void {
  say('npm run binary …');
  const made = spawnSync('npm', ['run', '--silent', 'binary'], { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (made.status !== 0 || !existsSync(BINARY))
    throw new Error('npm run binary failed: nothing to test in the machine');
}
