// A million spoilt texts through every parser, and whole hosts through every reading command:
//   node bench/fuzz.mjs [--cases 1000000] [--seed N] [--workers 2] [--one SEED] [--all]
// Fails on a crash other than an error meant for a person, on a case that takes more than a minute, on a control
// character that is not written out, and where less than 90 % of the parsers' branches were reached (--all names them).
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { branchesOf } from './branches.mjs';

/** Milliseconds for one case; the machine may be busy with other things. */
const LIMIT = 60_000;
const WANTED = 0.9;
const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    workers: { type: 'string', default: String(Math.min(8, availableParallelism())) },
    one: { type: 'string' },
    all: { type: 'boolean', default: false },
  },
});
const root = join(import.meta.dirname, '..');
const bundle = join(root, 'build/fuzz/fuzz.mjs');
mkdirSync(join(root, 'build/fuzz'), { recursive: true });
await build({
  entryPoints: [join(root, 'test/fuzz/run.ts')],
  outfile: bundle,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: ['fast-check'],
  logLevel: 'warning',
});

if (values.one !== undefined) {
  const { fuzzOf } = await import(bundle);
  const fuzz = fuzzOf(root);
  console.log(fuzz.caseOf(Number(values.one)));
  console.log((await fuzz.run(Number(values.one))) ?? 'nothing failed');
} else process.exitCode = report(await Promise.all(shares().map(work)));

/** @returns the seeds of each worker, as the first one and how many */
function shares() {
  const [cases, count, seed] = [Number(values.cases), Number(values.workers), Number(values.seed)];
  const each = Math.ceil(cases / count);
  return Array.from({ length: count }, (_, at) => ({
    first: seed + at * each,
    cases: Math.min(each, cases - at * each),
  }));
}

/** Runs one share in a worker, and ends it when a case takes too long. */
function work(share) {
  // [0]: the case that it is at; [1]: in the low 32 bits, the time at which it began
  const clock = new SharedArrayBuffer(16);
  const cells = new BigInt64Array(clock);
  const worker = new Worker(join(import.meta.dirname, 'fuzz-worker.mjs'), {
    workerData: { ...share, root, bundle, clock },
  });
  return new Promise((resolve, reject) => {
    const watch = setInterval(() => {
      const begun = Number(Atomics.load(cells, 1));
      if (begun === 0 || Date.now() - begun < LIMIT) return;
      clearInterval(watch);
      const seed = Number(Atomics.load(cells, 0));
      worker.terminate();
      resolve({
        ...share,
        cases: seed - share.first,
        failures: [{ seed, what: 'hang', why: `more than ${LIMIT} ms` }],
        seconds: 0,
        slowest: [],
        coverage: [],
      });
    }, 100);
    worker.once('message', (answer) => {
      clearInterval(watch);
      resolve({ ...share, ...answer });
    });
    worker.once('error', reject);
  });
}

function report(results) {
  const cases = results.reduce((sum, result) => sum + result.cases, 0);
  const seconds = Math.max(...results.map((result) => result.seconds));
  const failures = results.flatMap((result) => result.failures);
  const [slowest] = results.flatMap((result) => result.slowest).sort((a, b) => b.ms - a.ms);
  const files = branchesOf(
    bundle,
    results.map((result) => result.coverage),
    results.find((result) => result.files)?.files ?? [],
  );
  for (const failure of failures.slice(0, 10)) console.log(failure);
  for (const { name, reached, all, missed } of files) {
    if (values.all) console.log(`${percent(reached / all).padStart(7)}  ${reached}/${all}  ${name}`);
    if (values.all) for (const arm of missed) console.log(`           ${arm}`);
  }
  const [reached, all] = [sum(files, 'reached'), sum(files, 'all')];
  console.log(
    `${cases} cases from seed ${values.seed}, ${results.find((result) => result.parsers)?.parsers} parsers and whole hosts: ${failures.length} failures`,
  );
  console.log(
    `${Math.round(cases / seconds)} cases/s with ${results.length} workers, ${seconds.toFixed(1)} s; slowest ${slowest?.ms} ms (seed ${slowest?.seed})`,
  );
  console.log(`branches of the parsers: ${reached} of ${all}, ${percent(reached / all)}, in ${files.length} files`);
  return failures.length > 0 || reached / all < WANTED ? 1 : 0;
}

function sum(all, key) {
  return all.reduce((total, one) => total + one[key], 0);
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}
