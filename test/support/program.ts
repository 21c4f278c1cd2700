/** Makes a program of its own from a few lines that import from src: for tests that need real processes. */
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { tree } from './tree.ts';

/**
 * @param source TypeScript whose imports are relative to the repository (`./src/...`)
 * @returns the path of a module that node runs
 */
export function program(source: string): string {
  const outdir = tree();
  buildSync({
    stdin: { contents: source, loader: 'ts', resolveDir: join(import.meta.dirname, '../..') },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    // What is imported lazily stays a file of its own, as in the program that is shipped.
    splitting: true,
    outExtension: { '.js': '.mjs' },
    outdir,
  });
  return join(outdir, 'stdin.mjs');
}
