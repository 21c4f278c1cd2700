/** Carries the flows over an unload: saved, flushed and counted down before it, loaded again after it. */
import { StepFailed } from '../errors.ts';
import { parseModules } from '../facts/module.ts';
import { chunksOf, FLOWS_DIR, halvesOf, joinFlows, linesIn } from '../flows.ts';
import type { RunResult } from '../host/host.ts';
import { recordOf } from './reload-rules.ts';
import { complaint, lookUntil, type ReloadRun, type StepSeen } from './reload-run.ts';
import { readCount } from './values.ts';

/** Some 360 kB a file; the longest lines give less than the 1 MiB that can be read back. */
const CHUNK_LINES = 2000;
/** Saving takes 7 s for 100,000 flows on an emulated processor. */
const SAVE_LIMIT_MS = 600_000;
const LOAD_LIMIT_MS = 120_000;
/** Each line that cannot be loaded costs some eleven calls for the halves that it lies in; beyond this it takes too long. */
const EXTRA_CALLS = 1000;
/** The kernel frees flushed flows after a grace period, seconds on an emulated machine. */
const DRAIN_LIMIT_MS = 20_000;
const SHORT_SECONDS = 60;
const PART = `${FLOWS_DIR}/part`;
const NETLINK = 'nf_conntrack_netlink';

/** Saves every flow. @throws StepFailed when the table cannot be read; HostError when there is no room for it */
export async function saveFlows(run: ReloadRun): Promise<StepSeen> {
  const record = recordOf(run);
  await forgetFlows(run);
  const netlink = await isLoaded(run, NETLINK);
  const saved = await run.host.perform({ flows: 'save' }, { timeoutMs: SAVE_LIMIT_MS });
  const listed = await run.host.perform({ flows: 'list' }, { timeoutMs: SAVE_LIMIT_MS });
  for (const each of [saved, listed]) {
    if (each.code !== 0) throw new StepFailed(`the flows cannot be saved: ${words(each)}`);
  }
  const { lines, marked, helped } = joinFlows(saved.stdout, listed.stdout);
  const files: string[] = [];
  for (const [at, text] of chunksOf(lines, CHUNK_LINES).entries()) {
    const path = `${FLOWS_DIR}/${String(at + 1).padStart(6, '0')}`;
    await run.host.replaceFile(path, { text, mode: 0o600 });
    files.push(path);
  }
  await rehearse(run, files[0]);
  const short = lines.filter((line) => Number(/ -t (\d+)/.exec(line)?.[1] ?? 0) < SHORT_SECONDS).length;
  const without = helped > 0 ? `; ${helped} of them come back without their helper` : '';
  const saw = `${lines.length} flows are saved, ${marked} with a mark${without}`;
  return { saw, record: { ...record, flows: { files, count: lines.length, short, netlink } } };
}

/**
 * Loads the first file beside the flows that are there, which changes none of them: a conntrack that cannot load what it
 * has saved is found out while nothing has been stopped.
 */
async function rehearse(run: ReloadRun, file: string | undefined): Promise<void> {
  if (file === undefined) return;
  const text = (await run.host.readFile(file)) ?? '';
  const load: Load = { run, calls: EXTRA_CALLS };
  if ((await loadFile(load, file, text)) < linesIn(text)) return;
  throw new StepFailed(`conntrack cannot load the flows that it has saved: ${load.why}`);
}

/** What conntrack printed may be the whole table: only what it complains of is told. */
function words(result: RunResult): string {
  return complaint({ ...result, stdout: '' });
}

async function isLoaded(run: ReloadRun, name: string): Promise<boolean> {
  return parseModules((await run.host.readFile('/proc/modules')) ?? '').has(name);
}

/**
 * Flushes the table and waits until the kernel has let go of every flow. One that stays is held by a packet on its way,
 * and an unload would wait for that packet for ever (nf_conntrack_cleanup_net_list in nf_conntrack_core.c).
 * @throws StepFailed; then nothing has been unloaded
 */
export async function drainFlows(run: ReloadRun): Promise<string> {
  recordOf(run);
  const look = async (): Promise<number | RunResult> => {
    const flushed = await run.host.perform({ flows: 'flush' }, { timeoutMs: LOAD_LIMIT_MS });
    return flushed.code === 0 ? readCount(run.host) : flushed;
  };
  const left = await lookUntil(run, DRAIN_LIMIT_MS, look, (seen) => seen === 0 || typeof seen === 'object');
  if (left === 0) return 'no packet holds a flow';
  if (typeof left === 'number') {
    throw new StepFailed(
      `${left} flows are held by packets that wait somewhere on their way (a stalled qdisc, a queue): an unload would never end, so it is not begun`,
    );
  }
  if (left.code === 127) return 'conntrack is not installed: whether packets hold flows was not looked at';
  throw new StepFailed(`the flows cannot be flushed: ${words(left)}`);
}

/** Loads the saved flows, and tells how many there are; what cannot be loaded is left out and counted. */
export async function restoreFlows(run: ReloadRun): Promise<string> {
  const { flows } = recordOf(run);
  if (flows === undefined) return 'no flow was saved';
  const load: Load = { run, calls: EXTRA_CALLS };
  let [done, lost, told] = [0, 0, 0];
  for (const file of flows.files) {
    const text = (await run.host.readFile(file)) ?? '';
    if (text !== '') lost += await loadFile(load, file, text);
    done += linesIn(text);
    const tenth = Math.floor((10 * done) / flows.count);
    if (flows.files.length > 10 && tenth > told) run.progress(`${done} of ${flows.count} flows are loaded`);
    told = tenth;
  }
  const there = await readCount(run.host);
  await forgetFlows(run);
  if (!flows.netlink) await dropNetlink(run);
  const missing = lost + flows.count - done;
  const why = load.why === undefined ? '' : ` (${load.why})`;
  const gone = missing > 0 ? `; ${missing} could not be loaded${why}` : '';
  const fewer = there + flows.short < done - lost ? `, which is less than it should be` : '';
  return `${done - lost} of ${flows.count} flows are restored${gone}; the kernel counts ${there}${fewer}`;
}

/** `calls`: how many more may be made for halves; `why`: what conntrack said of the first line that it would not load. */
type Load = { readonly run: ReloadRun; calls: number; why?: string };

/**
 * conntrack throws a whole file away for one line that it cannot read: the halves are tried, and theirs.
 * @returns how many lines could not be loaded
 */
async function loadFile(load: Load, file: string, text: string): Promise<number> {
  const { host } = load.run;
  const loaded = await host.perform({ flows: 'load', file }, { timeoutMs: LOAD_LIMIT_MS });
  if (loaded.code === 0) return 0;
  const halves = halvesOf(text);
  if (halves === undefined || load.calls <= 0) {
    load.why ??= words(loaded);
    return linesIn(text);
  }
  load.calls -= 2;
  let lost = 0;
  for (const half of halves) {
    await host.replaceFile(PART, { text: half, mode: 0o600 });
    lost += await loadFile(load, PART, half);
  }
  return lost;
}

/** Takes away what was saved. */
export async function forgetFlows({ host }: ReloadRun): Promise<void> {
  const names = await host.readDir(FLOWS_DIR);
  for (const name of names) await host.replaceFile(`${FLOWS_DIR}/${name}`, undefined);
  if ((await host.stat(FLOWS_DIR)) !== undefined) await host.replaceFile(FLOWS_DIR, undefined);
}

/** Saving has loaded it; one more holder is left to nobody. Where it is in use already it stays. */
export async function dropNetlink(run: ReloadRun): Promise<void> {
  if (await isLoaded(run, NETLINK)) await run.host.perform({ module: 'unload', name: NETLINK });
}
