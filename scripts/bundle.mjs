// How the sources become JavaScript: the one place that both the npm form and the single executable are bundled by.
import { readFileSync } from 'node:fs';
import { build } from 'esbuild';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/**
 * Bundles src/cli.ts.
 * @param {import('esbuild').BuildOptions} more where to, split or not, for which Node
 */
export function bundle(more) {
  return build({
    entryPoints: { ctfix: 'src/cli.ts' },
    absWorkingDir: new URL('..', import.meta.url).pathname,
    bundle: true,
    format: 'esm',
    platform: 'node',
    outExtension: { '.js': '.mjs' },
    loader: { '.conf': 'text', '.rules': 'text', '.service': 'text' },
    define: { CTFIX_VERSION: JSON.stringify(version) },
    minifySyntax: true,
    legalComments: 'none',
    logLevel: 'warning',
    ...more,
  });
}

/** commander is CommonJS: in an ESM bundle its `require` of Node's own modules has to be made. */
export const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire('file:///');";
