// How long `ctfix plan` takes to start and answer, against an empty program on the same runtime.
// node bench/startup.mjs [runs]: interleaved runs (A B A B), so that what else the machine does falls on both; the
// median of the ratios. Children that ctfix starts itself (systemctl, journalctl) are told apart.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const runs = Number(process.argv[2] ?? 30);
const work = mkdtempSync(join(tmpdir(), 'ctfix-bench-'));
const pinned = `${root}packaging/runtime/node_modules/node-linux-${process.arch}/bin/node`;

const pairs = [bundle(), existsSync(`${root}build/ctfix`) && existsSync(pinned) ? binary() : undefined];
console.log(`${runs} runs of each, load ${loadavg()[0].toFixed(1)} on ${cpus().length} processors`);
console.log('| form | empty, ms | ctfix plan, ms | ratio | its children, ms |');
console.log('| --- | ---: | ---: | ---: | ---: |');
for (const pair of pairs) if (pair !== undefined) console.log(row(pair));
rmSync(work, { recursive: true });

/** The npm form on the Node that runs this. */
function bundle() {
  const empty = join(work, 'empty.cjs');
  writeFileSync(empty, '');
  return {
    name: `bundle, node ${process.versions.node}`,
    empty: [process.execPath, empty],
    plan: [process.execPath, `${root}dist/ctfix.cjs`, 'plan'],
  };
}

/** The executable, against one that is made the same way from nothing. */
function binary() {
  const main = join(work, 'main.cjs');
  const output = join(work, 'empty');
  writeFileSync(main, '');
  const recipe = { main, output, disableExperimentalSEAWarning: true, useCodeCache: true };
  writeFileSync(join(work, 'recipe.json'), JSON.stringify({ ...recipe, execArgvExtension: 'none' }));
  const made = spawnSync(pinned, ['--build-sea', join(work, 'recipe.json')], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(made.stderr);
  const { stdout } = spawnSync(pinned, ['--version'], { encoding: 'utf8' });
  return { name: `binary, node ${stdout.trim().slice(1)}`, empty: [output], plan: [`${root}build/ctfix`, 'plan'] };
}

function row({ name, empty, plan }) {
  const a = [];
  const b = [];
  const children = childrenOf(plan);
  for (let run = 0; run < runs; run += 1) {
    a.push(time(empty));
    b.push(time(plan));
  }
  const own = b.map((ms, at) => (ms - children) / a[at]);
  const cells = [median(a).toFixed(1), median(b).toFixed(1), median(own).toFixed(2), children.toFixed(1)];
  return `| ${name} | ${cells.join(' | ')} |`;
}

/** Milliseconds of the programs that a plan starts on this machine, as `--verbose` names them. */
function childrenOf([program, ...words]) {
  const { stderr } = spawnSync(program, [...words, '--verbose'], { encoding: 'utf8' });
  const lines = stderr.split('\n').filter((line) => line.startsWith('run  '));
  const commands = lines.map((line) => line.slice('run  '.length).split(' '));
  return commands.reduce((sum, command) => sum + median(Array.from({ length: 5 }, () => time(command))), 0);
}

function time([program, ...words]) {
  const start = process.hrtime.bigint();
  spawnSync(program, words, { stdio: ['ignore', 'ignore', 'ignore'] });
  return Number(process.hrtime.bigint() - start) / 1e6;
}

function median(values) {
  return [...values].sort((x, y) => x - y)[Math.floor(values.length / 2)];
}
