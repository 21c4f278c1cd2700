// npm test: the unit tests, the oracles in a chroot, then the core scenarios in virtual machines.
// --full adds the rest, and speed. --full and --proof write docs/proof.md from what this run saw.
// The last line on stdout is the sum. What cannot run here is said to be skipped, with the reason, never passed.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');
const EVIDENCE = join(ROOT, 'build/vm-evidence.jsonl');
const CI = Boolean(process.env.CI);
const FULL = process.argv.includes('--full');
const PROOF = FULL || process.argv.includes('--proof');

// Commands that the machines need, and the Debian package of each.
const NEEDED = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
  mmdebstrap: 'mmdebstrap',
  mke2fs: 'e2fsprogs',
  zstd: 'zstd',
  setpriv: 'util-linux',
};

// Two emulated machines with two processors each keep a small host busy; more only slow each other down.
const WORKERS = 2;
const NONE = { passed: 0, failed: 0, skipped: 0 };

main();

async function main() {
  rmSync(EVIDENCE, { force: true });
  // Some unit tests need it, and are skipped without.
  spawnSync(process.execPath, [join(ROOT, 'scripts/promtool.mjs')], { stdio: ['ignore', 2, 2] });
  const reason = await whyNoMachines();
  // The machines run it, and some unit tests, too; what fails here fails them.
  if (!reason) spawnSync('npm', ['run', '--silent', 'binary'], { cwd: ROOT, stdio: ['ignore', 2, 2] });
  const unit = vitest('unit', []);
  const oracle = reason ? skipped(reason, 'oracle', '.test.ts') : vitest('oracle', []);
  const vm = reason ? skipped(reason, 'vm/scenarios', '.vm.ts') : machines();
  // A ratio of times is worth something only while nothing else runs.
  const speed = reason || !FULL ? NONE : vitest('speed', ['--maxWorkers=1']);
  const sum = (key) => unit[key] + oracle[key] + vm[key] + speed[key];
  if (PROOF && vm.failed + speed.failed === 0 && existsSync(EVIDENCE)) writeProof();
  const skips = sum('skipped') ? `, ${sum('skipped')} skipped` : '';
  process.stdout.write(`${sum('passed')} passed, ${sum('failed')} failed${skips}\n`);
  process.exitCode = sum('failed') || (CI && oracle.skipped + vm.skipped > 0) ? 1 : 0;
}

function machines() {
  const slow = FULL ? [] : ['--exclude', 'test/vm/scenarios/full/**'];
  return vitest('vm', [`--maxWorkers=${WORKERS}`, ...slow]);
}

/** Runs one project of vitest; its own report goes to stderr, the counts come from its JSON. */
function vitest(project, args) {
  const dir = mkdtempSync(join(tmpdir(), 'ctfix-test-'));
  const json = join(dir, 'report.json');
  const command = ['run', '--project', project, '--reporter=default', '--reporter=json'];
  const run = spawnSync(process.execPath, [VITEST, ...command, `--outputFile.json=${json}`, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
  });
  try {
    const report = JSON.parse(readFileSync(json, 'utf8'));
    const skipped = report.numPendingTests + report.numTodoTests;
    // A file that does not load, or a setup that fails, is no failed test in the report.
    const failed = Math.max(report.numFailedTests, run.status === 0 ? 0 : 1);
    return { passed: report.numPassedTests, failed, skipped };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Why the scenarios cannot run here; undefined when they can, after installing what is missing. */
async function whyNoMachines() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'the test machines need Linux on x86-64';
  if (process.getuid() !== 0) return 'building the image of the test machine needs root';
  if (!has('apt-get')) return 'the image is built from the package sources of Debian, and this host has no apt';
  const packages = Object.keys(NEEDED)
    .filter((command) => !has(command))
    .map((command) => NEEDED[command]);
  if (!hasLibatomic()) packages.push('libatomic1');
  if (packages.length > 0) {
    const refusal = await install(packages);
    if (refusal) return refusal;
  }
  return hasDebianArchive() ? undefined : "this host's apt knows no archive of Debian";
}

async function install(packages) {
  const command = `apt-get install --no-install-recommends ${packages.join(' ')}`;
  if (!CI) {
    if (!process.stdin.isTTY) return `missing: ${packages.join(' ')}; install with: ${command}`;
    if (!(await yes(`The test machines need: ${packages.join(' ')}. Install now?`))) return `declined: ${command}`;
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) => spawnSync('apt-get', args, { stdio: ['ignore', 2, 2], env }).status === 0;
  const done = apt('-q', 'update') && apt('-q', '-y', 'install', '--no-install-recommends', ...packages);
  return done ? undefined : `could not be installed: ${command}`;
}

async function yes(question) {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${question} [Y/n] `);
  terminal.close();
  return /^(y|yes|)$/i.test(answer.trim());
}

function has(command) {
  return spawnSync('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin command -v ${command}`]).status === 0;
}

/** The Node that the executable is made of is linked against it, and a small system lacks it. */
function hasLibatomic() {
  return spawnSync('/sbin/ldconfig', ['-p']).stdout?.toString().includes('libatomic.so.1') ?? false;
}

/** A fresh machine or container has sources but no lists yet. */
function hasDebianArchive() {
  const known = () => {
    const filter = ['--format', '$(SITE)', 'Origin: Debian', 'Label: Debian', 'Created-By: Packages'];
    return (
      spawnSync('apt-get', ['indextargets', ...filter])
        .stdout.toString()
        .trim() !== ''
    );
  };
  return known() || (spawnSync('apt-get', ['-q', 'update'], { stdio: ['ignore', 2, 2] }).status === 0 && known());
}

/** Every file below test/`dir` that would have run counts as skipped. */
function skipped(reason, dir, ending) {
  process.stderr.write(`\ntest/${dir} skipped: ${reason}\n`);
  const files = readdirSync(join(ROOT, 'test', dir), { recursive: true });
  const wanted = files.filter((file) => file.endsWith(ending) && (FULL || !file.startsWith('full/')));
  return { passed: 0, failed: 0, skipped: wanted.length };
}

/** docs/proof.md: what foreign tools saw in each scenario. */
function writeProof() {
  const records = readFileSync(EVIDENCE, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  records.sort((a, b) =>
    `${a.scenario} ${a.kernel} ${a.firewall}`.localeCompare(`${b.scenario} ${b.kernel} ${b.firewall}`),
  );
  const cell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const row = ({ kernel, firewall, scenario, lines }) =>
    `| ${[scenario, kernel, firewall, lines.map(cell).join('<br>')].join(' | ')} |`;
  const head = [
    '# Proof',
    '',
    `Written by \`npm run test:full\` or \`npm test -- --proof\`; this one is from ${FULL ? 'all' : 'the core'} scenarios, none of which failed.`,
    'Each ran in a virtual machine with a real kernel; the last column is what tools other than ctfix saw there. Rulesets are',
    'compared byte for byte once the chains of each nft table are sorted by name: their order is that of their creation.',
    '',
    '| scenario | kernel | firewall | seen |',
    '|---|---|---|---|',
  ];
  writeFileSync(join(ROOT, 'docs/proof.md'), `${[...head, ...records.map(row)].join('\n')}\n`);
}
