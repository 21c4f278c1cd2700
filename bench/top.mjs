// `ctfix top --from` against what people type: awk | sort | uniq -c | sort -rn, on the same listings in the same run.
// node bench/top.mjs [runs] [flows …]: interleaved runs, medians, and the median of the ratios of each round. What the
// pipeline counts and what ctfix counts must be equal, or the bench fails. With each awk and each locale that are there:
// sort(1) compares bytes in C and as a person reads in a language, and distributions differ in their awk.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeListing } from './flows.mjs';

const root = new URL('..', import.meta.url).pathname;
const [runs = 5, ...sizes] = process.argv.slice(2).map(Number);
const work = mkdtempSync(join(tmpdir(), 'ctfix-bench-'));
const TIME = '/usr/bin/time';

/** What each table of ctfix is with awk; ports with their protocol, translation by the two tuples. */
const first = (name) =>
  `match($0, / ${name}=[^ ]+/) { print substr($0, RSTART + ${name.length + 2}, RLENGTH - ${name.length + 2}) }`;
const TABLES = {
  source: first('src'),
  destination: first('dst'),
  port: `match($0, / dport=[^ ]+/) { print $1, substr($0, RSTART + 7, RLENGTH - 7) }`,
  protocol: '{ print $1 }',
  state: '{ print $4 ~ /^[A-Z]/ ? $1 " " $4 : "none" }',
  nat: `{
    split("", v); n = 0
    for (i = 1; i <= NF; i++) if ($i ~ /^(src|dst|sport|dport)=/) { sub(/^[a-z]+=/, "", $i); v[++n] = $i }
    h = n / 2
    s = v[1] != v[h + 2] || (h > 2 && v[3] != v[h + 4])
    d = v[2] != v[h + 1] || (h > 2 && v[4] != v[h + 3])
    print s && d ? "SNAT and DNAT" : s ? "SNAT" : d ? "DNAT" : "none"
  }`,
};

console.log(
  `${runs} rounds, load ${loadavg()[0].toFixed(1)} on ${cpus().length} processors, Node ${process.version}, awk is ${awks().join(' and ')}\n`,
);
console.log('| listing | what | awk, locale | pipeline, s (CPU) | ctfix, s (CPU) | ratio | of CPU | ctfix peak, MB |');
console.log('| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |');
for (const flows of sizes.length > 0 ? sizes : [10_000, 100_000, 1_000_000]) {
  const path = join(work, 'flows');
  writeListing(path, flows);
  compare(path);
  const name = `${flows} flows, ${(statSync(path).size / 1e6).toFixed(1)} MB`;
  for (const locale of locales()) {
    for (const awk of awks()) {
      console.log(row(name, path, ['source'], { awk, locale }));
      console.log(row(name, path, Object.keys(TABLES), { awk, locale }));
    }
  }
}
writeListing(join(work, 'flows'), 1_000_000, 'scan');
const scan = measured([process.execPath, `${root}dist/ctfix.cjs`, 'top', '--from', join(work, 'flows')], 'C');
console.log(`\nscan, 1000000 different sources: ${scan.wall.toFixed(2)} s, peak ${(scan.peak / 1000).toFixed(0)} MB`);
rmSync(work, { recursive: true });

function row(name, path, tables, { awk, locale }) {
  const rounds = Array.from({ length: runs }, () => {
    const theirs = sum(tables.map((table) => measured(['sh', '-c', pipeline(table, awk), 'sh', path], locale)));
    const by = tables.length === 1 ? ['--by', ...tables] : [];
    const ours = measured([process.execPath, `${root}dist/ctfix.cjs`, 'top', '--from', path, ...by], locale);
    return { theirs, ours };
  });
  const of = (value) => median(rounds.map(value));
  const cells = [
    name,
    tables.length === 1 ? `by ${tables[0]}` : `${tables.length} tables`,
    `${awk}, ${locale}`,
    `${of(({ theirs }) => theirs.wall).toFixed(2)} (${of(({ theirs }) => theirs.cpu).toFixed(2)})`,
    `${of(({ ours }) => ours.wall).toFixed(2)} (${of(({ ours }) => ours.cpu).toFixed(2)})`,
    of(({ theirs, ours }) => theirs.wall / ours.wall).toFixed(1),
    of(({ theirs, ours }) => theirs.cpu / ours.cpu).toFixed(1),
    (of(({ ours }) => ours.peak) / 1000).toFixed(0),
  ];
  return `| ${cells.join(' | ')} |`;
}

function pipeline(table, awk = 'awk') {
  return `${awk} '${TABLES[table]}' "$1" | sort | uniq -c | sort -rn`;
}

/** Those of the common ones that are installed, else whatever is called so. */
function awks() {
  const found = ['mawk', 'gawk'].filter(which);
  return found.length > 0 ? found : ['awk'];
}

/** Seconds, seconds of processor time, and the largest resident set of one process in KB; without NODE_*, as in top-live.mjs. */
function measured(argv, locale) {
  const report = join(work, 'time');
  const { status, stderr } = spawnSync(TIME, ['-o', report, '-f', '%e %U %S %M', ...argv], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH, LC_ALL: locale },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  const [wall, user, system, peak] = readFileSync(report, 'utf8').trim().split(/\s+/).map(Number);
  return { wall, cpu: user + system, peak };
}

function sum(parts) {
  const add = (key) => parts.reduce((all, part) => all + part[key], 0);
  return { wall: add('wall'), cpu: add('cpu'), peak: add('peak') };
}

/** Every row of every table: ctfix's counts are the pipeline's. */
function compare(path) {
  const { stdout } = spawnSync(
    process.execPath,
    [`${root}dist/ctfix.cjs`, 'top', '--from', path, '-n', '99999', '-o', 'json'],
    {
      encoding: 'utf8',
      maxBuffer: 2 ** 30,
    },
  );
  for (const { by, rows, exact } of JSON.parse(stdout).tables) {
    if (!exact) throw new Error(`by ${by} is not exact`);
    const piped = spawnSync('sh', ['-c', pipeline(by), 'sh', path], { encoding: 'utf8', maxBuffer: 2 ** 30 });
    const theirs = piped.stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.trim());
    const ours = rows.map(({ key, flows }) => `${flows} ${key}`);
    if (JSON.stringify(theirs.sort()) !== JSON.stringify(ours.sort())) throw new Error(`by ${by}: the counts differ`);
  }
}

/** Those of three that this machine has. */
function locales() {
  const has = (LC_ALL) => spawnSync('locale', ['charmap'], { encoding: 'utf8', env: { ...process.env, LC_ALL } });
  return ['C', ...['C.UTF-8', 'en_US.UTF-8'].filter((name) => has(name).stdout?.trim() === 'UTF-8')];
}

function which(program) {
  return process.env.PATH.split(':')
    .map((dir) => join(dir, program))
    .find(existsSync);
}

function median(values) {
  return [...values].sort((x, y) => x - y)[Math.floor(values.length / 2)];
}
