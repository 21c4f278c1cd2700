// How the sources become JavaScript: the one place that both the npm form and the single executable are bundled by.
import { readFileSync } from 'node:fs';
import { build } from 'esbuild';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/**
 * Bundles src/cli.ts.
 * @param {import('esbuild').BuildOptions} more where to, for which Node
 */
export function bundle({ plugins = [], ...more }) {
  return build({
    entryPoints: { ctfix: 'src/cli.ts' },
    absWorkingDir: new URL('..', import.meta.url).pathname,
    bundle: true,
    // Node starts a CommonJS program sooner, and loads its own modules only when they are called for.
    format: 'cjs',
    platform: 'node',
    outExtension: { '.js': '.cjs' },
    loader: { '.conf': 'text', '.rules': 'text', '.service': 'text' },
    define: { CTFIX_VERSION: JSON.stringify(version) },
    minifySyntax: true,
    legalComments: 'none',
    logLevel: 'warning',
    plugins: [noChildren, ...plugins],
    ...more,
  });
}

/**
 * commander can start programs for subcommands, which ctfix has none of: it gets a module without anything in the place
 * of node:child_process, which is half of what it costs to load. execa is left the only one that can.
 */
const noChildren = {
  name: 'no-children',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      /[\\/]node_modules[\\/]commander[\\/]/.test(importer) ? { path: 'none', namespace: 'no-children' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'no-children' }, () => ({ contents: 'module.exports = {};' }));
  },
};
