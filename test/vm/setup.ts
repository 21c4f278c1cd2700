// Before the first scenario: the binary under test, the image, and one snapshot for each kernel.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { KERNELS } from './image.ts';
import { BINARY, snapshot } from './snapshot.ts';

/** Vitest's globalSetup; what takes long is said on stderr. */
export default async function setup(): Promise<void> {
  const begin = Date.now();
  const say = (line: string) => process.stderr.write(`vm: ${line} (${Math.round((Date.now() - begin) / 1000)} s)\n`);
  if (!existsSync(BINARY) && !process.env.CTFIX_VM_BARE) makeBinary(say);
  for (const kernel of KERNELS) await snapshot({ kernel }, say);
  say('ready');
}

function makeBinary(say: (line: string) => void): void {
  say('npm run binary …');
  const root = join(import.meta.dirname, '../..');
  const made = spawnSync('npm', ['run', '--silent', 'binary'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (made.status !== 0 || !existsSync(BINARY))
    throw new Error('npm run binary failed: nothing to test in the machine');
}
