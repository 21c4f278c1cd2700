// One share of bench/fuzz.mjs: runs its cases, tells which it is at, and answers with what failed and what was reached.
import { Session } from 'node:inspector/promises';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';

const { first, cases, root, bundle, clock } = workerData;
const cells = new BigInt64Array(clock);
const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });

const url = pathToFileURL(bundle).href;
const fuzz = (await import(url)).fuzzOf(root);
const failures = [];
let slowest = { ms: 0, seed: first };
const begin = performance.now();
for (let seed = first; seed < first + cases && failures.length < 20; seed += 1) {
  const started = performance.now();
  Atomics.store(cells, 0, BigInt(seed));
  Atomics.store(cells, 1, BigInt(Date.now()));
  const failure = await fuzz.run(seed);
  if (failure !== undefined) failures.push(failure);
  const ms = Math.round(performance.now() - started);
  if (ms > slowest.ms) slowest = { ms, seed };
}
Atomics.store(cells, 1, 0n);
const seconds = (performance.now() - begin) / 1000;
const { result } = await session.post('Profiler.takePreciseCoverage');
const coverage = result.find((script) => script.url === url)?.functions ?? [];
parentPort.postMessage({ failures, seconds, slowest: [slowest], parsers: fuzz.parsers, files: fuzz.files, coverage });
