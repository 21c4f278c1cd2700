// Who wins, by the real programs of three Debian releases and by ctfix, on thousands of generated trees of drop-ins:
//   node bench/oracle.mjs [--trees 2000] [--seed N] [--suites bookworm,bullseye,trixie]
// A smaller number is part of npm test. Needs root and mmdebstrap; a difference is shrunk to the smallest tree.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    trees: { type: 'string', default: '2000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    suites: { type: 'string', default: 'bookworm,bullseye,trixie' },
  },
});
const root = join(import.meta.dirname, '..');
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
const env = {
  ...process.env,
  CI: 'true',
  CTFIX_ORACLE_TREES: values.trees,
  CTFIX_ORACLE_SEED: values.seed,
  CTFIX_ORACLE_SUITES: values.suites,
};
const run = spawnSync(process.execPath, [vitest, 'run', '--project', 'oracle'], {
  cwd: root,
  env,
  stdio: 'inherit',
});
process.exitCode = run.status ?? 1;
