// `ctfix top` on a live table beside what conntrack takes to list it: `conntrack -L >/dev/null`, in the same run.
//   sudo node bench/top-live.mjs [rounds] [flows]
// The flows are loaded into a network namespace of its own, which is gone afterwards; as many as nf_conntrack_max lets in,
// for that holds in every namespace. Needs conntrack and ip. Interleaved rounds; the ratio is that of the medians.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { loadable } from './flows.mjs';

const root = new URL('..', import.meta.url).pathname;
const [rounds = 5, wanted = 1_000_000] = process.argv.slice(2).map(Number);
const netns = `ctfix-bench-${process.pid}`;
const inside = (...argv) => ['netns', 'exec', netns, ...argv];
const nothing = openSync('/dev/null', 'w');
/** As in root's shell: with NODE_* in it the executable starts a second time, without them. */
const env = { PATH: process.env.PATH };
const CTFIX = {
  'ctfix top (dist)': [process.execPath, `${root}dist/ctfix.cjs`, 'top'],
  ...(existsSync(`${root}build/ctfix`) && { 'ctfix top (build/ctfix)': [`${root}build/ctfix`, 'top'] }),
};
const PROGRAMS = { 'conntrack -L': ['conntrack', '-L'], ...CTFIX };

ip('netns', 'add', netns);
try {
  const max = Number(readFileSync('/proc/sys/net/netfilter/nf_conntrack_max', 'utf8'));
  await fill(max === 0 ? wanted : Math.min(wanted, Math.floor(max * 0.95)));
  compare();
} finally {
  ip('netns', 'del', netns);
}

function ip(...words) {
  const { status, stderr } = spawnSync('ip', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${stderr}`);
}

async function fill(flows) {
  // Through a pipe, not the socket that Node makes: conntrack loads nothing from one.
  const child = spawn('sh', ['-c', `cat | ip ${inside('conntrack', '-R', '-').join(' ')}`], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  for (const text of loadable(flows)) if (!child.stdin.write(text)) await once(child.stdin, 'drain');
  child.stdin.end();
  await once(child, 'close');
}

function compare() {
  const count = spawnSync('ip', inside('conntrack', '-C'), { encoding: 'utf8' }).stdout.trim();
  console.log(`${count} flows, ${rounds} rounds, load ${loadavg()[0].toFixed(1)} on ${cpus().length} processors\n`);
  const seconds = Object.fromEntries(Object.keys(PROGRAMS).map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, argv] of Object.entries(PROGRAMS)) seconds[name].push(measured(argv));
  }
  const [base] = Object.values(seconds).map(median);
  console.log('| program | seconds, median (all) | against conntrack -L |');
  console.log('| --- | --- | ---: |');
  for (const [name, all] of Object.entries(seconds)) {
    const each = all.map((one) => one.toFixed(2)).join(' ');
    console.log(`| ${name} | ${median(all).toFixed(2)} (${each}) | ${(median(all) / base).toFixed(2)} |`);
  }
}

/** Wall-clock seconds; the output goes to /dev/null. */
function measured(argv) {
  const begin = process.hrtime.bigint();
  const { status } = spawnSync('ip', inside(...argv), { stdio: ['ignore', nothing, nothing], env });
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}`);
  return Number(process.hrtime.bigint() - begin) / 1e9;
}

function median(values) {
  return [...values].sort((x, y) => x - y)[Math.floor(values.length / 2)];
}
