/** Reads what the running kernel says about the module, the table and its log, over a host. */
import type { Facts, LogFacts, Maybe, ModuleFacts, Problem, TableFacts, Unknown } from '../model.ts';
import { isKnown, known } from '../model.ts';
import { COUNTERS, parseCounters, parseSlabinfo, parseStats, STATS } from './counters.ts';
import { JOURNAL, JOURNAL_ANY, JOURNAL_GREP, judgeJournal, KMSG, parseJournal, parseKmsg } from './log.ts';
import type { Look } from './look.ts';
import { holderTree, isDriverFile, isNetfilterName, type ListedModule, moduleState, parseModules } from './module.ts';
import { mountOf, parseMounts } from './mounts.ts';
import { NETFILTER, namespaceOf, needsSecondLook, needsWiderLook, PREFIX, sizeOf } from './table.ts';

const SYS = '/sys/module';
const MODPROBE = ['/usr/sbin/modprobe', '/sbin/modprobe', '/usr/bin/modprobe', '/bin/modprobe'];
/** A pause that is long enough for drops that go on to be seen: 500 ms. */
export const PAUSE_MS = 500;

/** The directory of modules for a kernel; undefined when there is none. */
async function modulesDir(look: Look, kernel: string): Promise<string | undefined> {
  for (const dir of [`/lib/modules/${kernel}`, `/usr/lib/modules/${kernel}`]) {
    if (kernel !== '' && (await look.stat(`${dir}/modules.dep`)) !== undefined) return dir;
  }
  return undefined;
}

/**
 * The module and its holders; nothing here loads anything.
 * @param kernel uname -r
 */
export async function gatherModule(look: Look, kernel: string): Promise<ModuleFacts> {
  const dir = await modulesDir(look, kernel);
  const programs = await Promise.all(MODPROBE.map((path) => look.stat(path)));
  const modprobe = programs.some((program) => program !== undefined);
  if (look.host.kind === 'sysroot') {
    const builtin = dir === undefined ? undefined : await look.peek(`${dir}/modules.builtin`);
    const state = /(^|\/)nf_conntrack\.ko$/m.test(builtin ?? '') ? 'builtin' : 'absent';
    return { state, loadable: modprobe && dir !== undefined && state === 'absent', tree: {}, inode: notInspected };
  }
  const [text, sys, initstate, max, disabled] = await Promise.all([
    look.peek('/proc/modules'),
    look.stat(`${SYS}/nf_conntrack`),
    look.peek(`${SYS}/nf_conntrack/initstate`),
    look.stat(`${NETFILTER}/nf_conntrack_max`),
    look.peek('/proc/sys/kernel/modules_disabled'),
  ]);
  const modules = text === undefined ? await modulesFromSys(look, initstate) : parseModules(text);
  const listed = text === undefined ? undefined : (modules.get('nf_conntrack')?.state ?? 'none');
  const state = moduleState({
    listed,
    sys: sys !== undefined,
    initstate: initstate?.trim(),
    sysctl: max !== undefined,
  });
  const loadable =
    modprobe && dir !== undefined && text !== undefined && disabled?.trim() !== '1' && state !== 'builtin';
  const plain = holderTree(modules, new Set());
  const drivers = await driversAmong(look, Object.keys(plain), dir);
  return {
    state,
    loadable,
    tree: holderTree(modules, drivers),
    inode: sys?.inode ?? { unknown: `${SYS}/nf_conntrack does not exist` },
  };
}

/** The same as /proc/modules, from /sys/module, for the part that leads to nf_conntrack. */
async function modulesFromSys(look: Look, initstate: string | undefined): Promise<ReadonlyMap<string, ListedModule>> {
  const modules = new Map<string, ListedModule>();
  const queue = initstate === undefined ? [] : ['nf_conntrack'];
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (modules.has(name)) continue;
    const refs = await look.value(`${SYS}/${name}/refcnt`);
    const users = await look.dir(`${SYS}/${name}/holders`);
    modules.set(name, { refcnt: typeof refs === 'string' ? Number(refs) : refs, users, state: 'Live' });
    queue.push(...users);
  }
  return modules;
}

/** Which of these modules are drivers: they have registered one, or their file lies below kernel/drivers. */
async function driversAmong(
  look: Look,
  names: readonly string[],
  dir: string | undefined,
): Promise<ReadonlySet<string>> {
  const drivers = new Set<string>();
  for (const name of names.filter((each) => !isNetfilterName(each))) {
    const registered = (await look.stat(`${SYS}/${name}/drivers`)) !== undefined;
    const dep = registered || dir === undefined ? undefined : await look.peek(`${dir}/modules.dep`);
    if (registered || (dep !== undefined && isDriverFile(dep, name))) drivers.add(name);
  }
  return drivers;
}

/** Why live values are unknown below another root. */
export const notInspected: Unknown = { unknown: 'live kernel values not inspected (--root)' };

/** A table nothing is known about. */
export const unseenTable: TableFacts = {
  max: notInspected,
  buckets: notInspected,
  count: notInspected,
  namespace: notInspected,
  writable: notInspected,
  counters: notInspected,
  countersLater: notInspected,
  slabObject: notInspected,
  values: {},
};

/** The table's values, without the second look at the counters (see secondLook). */
export async function gatherTable(look: Look, state: ModuleFacts['state']): Promise<TableFacts> {
  const [names, maxStat, alias, hashsize] = await Promise.all([
    look.dir(NETFILTER),
    look.stat(`${NETFILTER}/nf_conntrack_max`),
    look.stat('/proc/sys/net/nf_conntrack_max'),
    look.peek(`${SYS}/nf_conntrack/parameters/hashsize`),
  ]);
  const keys = names.filter((name) => name.startsWith(PREFIX));
  const read = await Promise.all(
    keys.map(async (key) => [key.slice(PREFIX.length), await look.value(`${NETFILTER}/${key}`)] as const),
  );
  const all: Readonly<Record<string, Maybe<string>>> = Object.fromEntries(read);
  const size = (key: string): Maybe<number> => {
    const value = all[key] ?? {
      unknown: state === 'absent' ? 'nf_conntrack is not loaded' : `${NETFILTER}/${PREFIX}${key} does not exist`,
    };
    if (typeof value !== 'string') return value;
    return sizeOf(value) ?? { unknown: `${NETFILTER}/${PREFIX}${key} is not a number` };
  };
  const buckets = size('buckets');
  const counters = await gatherCounters(look, state);
  return {
    max: size('max'),
    buckets: known(buckets) ?? sizeOf(hashsize?.trim() ?? '') ?? buckets,
    count: size('count'),
    namespace: namespaceOf(maxStat?.mode, alias !== undefined),
    writable: await gatherWritable(look),
    counters,
    countersLater: counters,
    slabObject: await gatherSlab(look),
    values: Object.fromEntries(read.flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : []))),
  };
}

async function gatherWritable(look: Look): Promise<Maybe<boolean>> {
  const text = await look.value('/proc/mounts');
  if (typeof text !== 'string') return text;
  const mounts = parseMounts(text);
  return ![NETFILTER, SYS].some((path) => mountOf(mounts, path)?.readOnly ?? false);
}

/** One look at the counters, past the cache of reads. */
async function gatherCounters(look: Look, state: ModuleFacts['state']): Promise<TableFacts['counters']> {
  const text = await look.fresh(COUNTERS);
  if (typeof text !== 'string') {
    const absent =
      state === 'absent' ? 'nf_conntrack is not loaded' : `this kernel has no ${COUNTERS} (CONFIG_NF_CONNTRACK_PROCFS)`;
    return text ?? { unknown: absent };
  }
  return parseCounters(text) ?? { unknown: `${COUNTERS} is not in a form that is known` };
}

async function gatherSlab(look: Look): Promise<Maybe<number>> {
  const info = await look.value('/proc/slabinfo');
  const listed = typeof info === 'string' ? parseSlabinfo(`${info}\n`) : undefined;
  if (listed !== undefined) return listed;
  const size = await look.value('/sys/kernel/slab/nf_conntrack/slab_size');
  const bytes = typeof size === 'string' ? sizeOf(size) : undefined;
  if (bytes !== undefined) return bytes;
  return typeof info === 'string' ? { unknown: '/proc/slabinfo has no nf_conntrack line' } : info;
}

/**
 * The table again, with the counters as they are half a second later where that tells something.
 * @param deps `sleep` waits for milliseconds; `diagnosis`: flows that were refused for other reasons tell something, too;
 *   `stats` or `diagnosis`: a child may be asked where /proc has no counters
 */
export async function secondLook(
  look: Look,
  facts: Pick<Facts, 'table' | 'log' | 'module'>,
  { sleep, diagnosis, stats }: { sleep(ms: number): Promise<void>; diagnosis?: boolean; stats?: boolean },
): Promise<TableFacts> {
  const needs = diagnosis === true ? needsWiderLook : needsSecondLook;
  const asks = diagnosis === true || stats === true;
  if (asks && !isKnown(facts.table.counters)) return statsLook(look, facts, { sleep, needs });
  if (!needs(facts.table, facts.log)) return facts.table;
  await sleep(PAUSE_MS);
  return { ...facts.table, countersLater: await gatherCounters(look, facts.module.state) };
}

/** Counters by netlink, two looks; the table as it is where that may not be asked. */
async function statsLook(
  look: Look,
  { table, module, log }: Pick<Facts, 'table' | 'module' | 'log'>,
  { sleep, needs }: { sleep(ms: number): Promise<void>; needs: typeof needsSecondLook },
): Promise<TableFacts> {
  if (!look.host.root || !('nf_conntrack_netlink' in module.tree)) return table;
  const ask = async () => parseStats((await look.host.run(STATS, { timeoutMs: 5_000 })).stdout);
  const counters = await ask();
  if (counters === undefined) return table;
  const seen = { ...table, counters };
  if (!needs(seen, log)) return { ...seen, countersLater: counters };
  await sleep(PAUSE_MS);
  return { ...seen, countersLater: (await ask()) ?? counters };
}

/** Lines about a full table: the kernel's buffer, and the journal where that is closed to us or has rotated. */
export async function gatherLog(look: Look): Promise<Maybe<LogFacts>> {
  const text = await look.value(KMSG);
  const kmsg = typeof text === 'string' ? parseKmsg(text) : undefined;
  if (kmsg !== undefined && !kmsg.rotated) return kmsg.log;
  const journal = await gatherJournal(look);
  if (typeof journal === 'object' && 'unknown' in journal) {
    if (kmsg !== undefined && kmsg.log.total > 0) return kmsg.log;
    const first = typeof text === 'string' ? 'the kernel log of this boot has lost its beginning' : text.unknown;
    return { unknown: `${first}; ${journal.unknown}` };
  }
  return kmsg !== undefined && kmsg.log.total > journal.total ? kmsg.log : journal;
}

async function gatherJournal(look: Look): Promise<Maybe<LogFacts>> {
  for (const argv of [JOURNAL_GREP, JOURNAL]) {
    const { code, stdout, stderr } = await look.host.run(argv, { timeoutMs: 20_000 });
    const answer = judgeJournal(code, stdout, stderr);
    const empty = answer === 'lines' && stdout.trim() === '';
    if (answer === 'denied' || (empty && !(await showsKernel(look)))) {
      return { unknown: 'the journal shows kernel messages only to root and the groups adm and systemd-journal' };
    }
    if (answer === 'lines') return parseJournal(stdout);
    if (answer === 'failed')
      return { unknown: code === 127 ? 'there is no journal' : `journalctl ended with code ${code}` };
  }
  return { unknown: 'journalctl does not understand its options' };
}

/**
 * An ordinary user who has logged in has a journal of his own: then journalctl finds nothing and does not say that the
 * kernel's messages are hidden. Every boot has some, so none at all means that. Measured with systemd 252.
 */
async function showsKernel(look: Look): Promise<boolean> {
  if (look.host.root) return true;
  const { code, stdout } = await look.host.run(JOURNAL_ANY, { timeoutMs: 20_000 });
  return code === 0 && stdout.trim() !== '';
}

/** Order for problems: by file, then by line. */
export function sortProblems(problems: readonly Problem[]): readonly Problem[] {
  return [...problems].sort((a, b) => (a.file === b.file ? (a.line ?? 0) - (b.line ?? 0) : a.file < b.file ? -1 : 1));
}
