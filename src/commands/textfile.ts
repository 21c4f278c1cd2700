/** Writes the metrics to the one file that a reading command writes, where it is asked to: for node_exporter's textfile collector. */
import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CtfixError, HostError } from '../errors.ts';
import { placeHarmless } from '../host/document.ts';

/** How every such file begins; only one that does is replaced. */
const BEGINS = '# HELP ctfix_';

/**
 * Atomically, mode 0644 whatever the umask: the collector never reads half a file.
 * @throws CtfixError usage: a name that the collector does not read, or that something else has; failed: the directory
 *   is not there, or it cannot be written
 */
export function writeTextfile(path: string, text: string): void {
  if (!path.endsWith('.prom')) {
    throw new CtfixError('usage', `--textfile: ${path} would not be read; the collector reads files named *.prom`);
  }
  const full = resolve(path);
  const dir = statSync(dirname(full), { throwIfNoEntry: false });
  if (dir === undefined || !dir.isDirectory()) {
    throw new CtfixError('failed', `--textfile: there is no directory ${dirname(full)}`, {
      hint: 'node_exporter names it in --collector.textfile.directory',
    });
  }
  try {
    placeHarmless(full, text, (old) => old === '' || old.startsWith(BEGINS));
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    const exit = error.code === 'TAKEN' ? 'usage' : 'failed';
    throw new CtfixError(exit, `--textfile: ${error.message}`, { cause: error });
  }
}
