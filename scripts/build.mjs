// Makes dist/: one file for ctfix itself, and one for each library that only some commands load.
import { chmodSync, rmSync } from 'node:fs';
import { build } from 'esbuild';
import { bundle } from './bundle.mjs';

const root = new URL('..', import.meta.url).pathname;
const dist = new URL('../dist/', import.meta.url);
/** Large, and loaded late: what starts a child, and what asks a question. */
const LATE = ['execa', 'inquirer'];

rmSync(dist, { recursive: true, force: true });
await build({
  entryPoints: LATE,
  absWorkingDir: root,
  outdir: `${dist.pathname}late`,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  legalComments: 'none',
  logLevel: 'warning',
  // Parts of them are CommonJS, and require nothing but Node's own modules.
  banner: { js: 'const require = (name) => process.getBuiltinModule(name);' },
});
await bundle({
  outdir: dist.pathname,
  target: 'node20',
  minifyWhitespace: true,
  plugins: [{ name: 'late', setup: late }],
});
chmodSync(new URL('ctfix.cjs', dist), 0o755);

/** Every module that is loaded on its own costs about as much as reading twenty files: there are no other chunks. */
function late({ onResolve }) {
  const filter = new RegExp(`^(${LATE.join('|')})$`);
  onResolve({ filter }, ({ path }) => ({ path: `./late/${path}.mjs`, external: true }));
}
