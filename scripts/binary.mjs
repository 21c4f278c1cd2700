// Makes build/ctfix: one executable, the bundle inside the Node that packaging/runtime pins.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { bundle } from './bundle.mjs';

const root = new URL('..', import.meta.url).pathname;
const runtime = `${root}packaging/runtime`;
const node = `${runtime}/node_modules/node-linux-${process.arch}/bin/node`;

if (!existsSync(node)) {
  execFileSync('npm', ['ci', '--ignore-scripts', '--prefix', runtime], { stdio: ['ignore', 'ignore', 'inherit'] });
}
if (!existsSync(node)) {
  process.stderr.write(`binary: packaging/runtime pins no Node for ${process.arch}\n`);
  process.exit(1);
}
mkdirSync(`${root}build`, { recursive: true });
await bundle({ outdir: `${root}build/sea`, target: 'node26', minifyWhitespace: true });
const recipe = {
  main: `${root}build/sea/ctfix.cjs`,
  output: `${root}build/ctfix.new`,
  disableExperimentalSEAWarning: true,
  useCodeCache: true,
  // Whoever may run ctfix as root must not be able to change what it runs: not by NODE_OPTIONS, and not by OPENSSL_CONF
  // or NODE_ICU_DATA, which Node reads before the first line of ctfix and which these options beat.
  execArgvExtension: 'none',
  execArgv: ['--openssl-config=/dev/null', '--icu-data-dir=/dev/null'],
};
writeFileSync(`${root}build/sea/recipe.json`, JSON.stringify(recipe));
execFileSync(node, ['--build-sea', `${root}build/sea/recipe.json`], { stdio: ['ignore', 'ignore', 'inherit'] });
renameSync(`${root}build/ctfix.new`, `${root}build/ctfix`);
