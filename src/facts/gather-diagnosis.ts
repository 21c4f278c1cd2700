/** Reads what only a diagnosis looks at, over a host. */
import type { ReadHost } from '../host/host.ts';
import type { CloudFacts, DiagnosisFacts, Facts, FlowSample, InitramfsFacts, Maybe, NamespaceTable } from '../model.ts';
import { isKnown, known } from '../model.ts';
import { knownNames } from '../origin-defaults.ts';
import {
  type Allowance,
  ASSET_TAG,
  cloudVendor,
  countsForCloud,
  DRACUT,
  datapaths,
  INITRAMFS_MODULES,
  images,
  loadsEarly,
  parseAllowance,
  SYSCONFIG,
  unloadSwitch,
  VENDOR,
} from './beside.ts';
import { COUNTERS, parseCounters } from './counters.ts';
import { resolveLink } from './dropins.ts';
import { FLOWS, parseSample, SAMPLE } from './flow-sample.ts';
import { dropIns } from './gather-config.ts';
import { notInspected, PAUSE_MS } from './gather-live.ts';
import type { Look } from './look.ts';
import { otherNamespaces } from './rules-namespaces.ts';
import { strayKeys } from './stray-keys.ts';
import { parseSysctl, type SysctlFile } from './sysctl-files.ts';
import { NETFILTER, PREFIX } from './table.ts';
import { UFW_DEFAULTS, ufwSysctlFile } from './ufw.ts';

type Seen = Pick<Facts, 'machine' | 'module' | 'table' | 'config'>;
type Sleep = (ms: number) => Promise<void>;

/**
 * Everything but what the other facts have already. Loads no module, needs no root; what root alone can see is unknown.
 *
 * Child processes, each only where it tells something:
 * - `head -c 131072 /proc/net/nf_conntrack`, as root
 * - `ethtool -S`, once or twice for each network interface with a driver that counts what its cloud dropped
 * - `nsenter --net=… cat …/nf_conntrack_count`, as root, for each other network namespace that shows no counters
 * - `stat -c …` where the initramfs loads nf_conntrack by itself
 * - beside these, for the counters (see secondLook): `conntrack -S`, as root, where the kernel has no
 *   /proc/net/stat/nf_conntrack and nf_conntrack_netlink is loaded already
 *
 * @param sleep waits for milliseconds between two looks at counters that are not 0
 */
export async function gatherDiagnosis(look: Look, seen: Seen, sleep: Sleep): Promise<DiagnosisFacts> {
  const live = look.host.kind !== 'sysroot';
  const interfaces = live ? await look.dir('/sys/class/net') : [];
  const [stray, unloads, initramfs, sample, namespaces, cloud] = await Promise.all([
    gatherStray(look, seen),
    gatherUnloads(look),
    gatherInitramfs(look, seen),
    live ? gatherSample(look, seen) : notInspected,
    live ? gatherNamespaces(look.host, seen, sleep) : notInspected,
    live ? gatherCloud(look, interfaces, sleep) : { interfaces: [] },
  ]);
  return {
    strayKeys: stray,
    unloads,
    sample,
    namespaces,
    cloud,
    datapaths: datapaths(interfaces),
    ...(initramfs === undefined ? {} : { initramfs }),
  };
}

async function gatherStray(look: Look, { table }: Seen): Promise<DiagnosisFacts['strayKeys']> {
  const [files, defaults] = await Promise.all([dropIns(look, 'sysctl.d'), look.text(UFW_DEFAULTS)]);
  const ufw = defaults === undefined ? undefined : ufwSysctlFile(defaults);
  const linked = files.some(({ target }) => target === '/etc/sysctl.conf');
  const more = [...(linked ? [] : ['/etc/sysctl.conf']), ...(ufw === undefined ? [] : [ufw])];
  const texts = await Promise.all(more.map(async (path) => ({ path, text: await look.text(path) })));
  // What is told is what is to be edited: an editor that writes a file anew would put one in the place of a link.
  const real = await Promise.all(
    [...files, ...texts].map(async (each) => ({ ...each, path: await behind(look, each.path) })),
  );
  const parsed = real.flatMap(({ path, text }, at): SysctlFile[] =>
    text === undefined || real.findIndex((each) => each.path === path) < at
      ? []
      : [{ file: path, entries: parseSysctl(text) }],
  );
  // Without a module no key is there: then every key that some kernel has may be meant.
  const live = Object.keys(table.values);
  const suspects = strayKeys(parsed, live.length > 0 ? live : knownNames(), knownNames());
  const there = await Promise.all(suspects.map(({ path }) => look.stat(`/proc/sys/${path}`)));
  return suspects.flatMap(({ stray }, at) => (there[at] === undefined ? [stray] : []));
}

/** Where the links lead that begin at a path; the path itself where it is none. The kernel follows 40 (path_resolution(7)). */
async function behind(look: Look, path: string, followed = 0): Promise<string> {
  const target = (await look.stat(path))?.kind === 'link' && followed < 40 ? await look.link(path) : undefined;
  return target === undefined ? path : behind(look, resolveLink(path, target), followed + 1);
}

async function gatherUnloads(look: Look): Promise<DiagnosisFacts['unloads']> {
  const texts = await Promise.all(SYSCONFIG.map(async (file) => ({ file, text: await look.text(file) })));
  return texts.flatMap(({ file, text }) => unloadSwitch(file, text ?? '') ?? []);
}

async function gatherInitramfs(look: Look, { machine, config }: Seen): Promise<InitramfsFacts | undefined> {
  const dirs = await Promise.all(
    DRACUT.map(async (dir) =>
      (await look.dir(dir)).filter((name) => name.endsWith('.conf')).map((name) => `${dir}/${name}`),
    ),
  );
  const files = [INITRAMFS_MODULES, '/etc/dracut.conf', ...dirs.flat()];
  const texts = await Promise.all(files.map(async (file) => loadsEarly(file, (await look.text(file)) ?? '')));
  const [loaded] = texts.flatMap((found) => found ?? []);
  const stats = await Promise.all(images(machine.kernel).map((path) => look.stat(path)));
  const image = images(machine.kernel).find((_, at) => stats[at] !== undefined);
  if (loaded === undefined || image === undefined || machine.kernel === '') return undefined;
  return {
    ...loaded,
    image,
    newer: await newerThan(look, image, [...new Set(config.modprobe.map(({ file }) => file))]),
  };
}

/** `stat -c '%Y %n'`: the second of the last change of each file. stat(1) */
async function newerThan(look: Look, image: string, files: readonly string[]): Promise<Maybe<readonly string[]>> {
  if (look.host.kind === 'sysroot') return notInspected;
  if (files.length === 0) return [];
  const { code, stdout } = await look.host.run(['stat', '-L', '-c', '%Y %n', '--', image, ...files]);
  const times = new Map(
    stdout.split('\n').map((line) => [line.replace(/^\d+ /, ''), Number.parseInt(line, 10)] as const),
  );
  const made = times.get(image);
  if (code !== 0 || made === undefined) return { unknown: `stat ended with code ${code}` };
  return files.filter((file) => (times.get(file) ?? 0) > made);
}

async function gatherSample(look: Look, { table }: Seen): Promise<Maybe<FlowSample>> {
  if (!isKnown(table.count)) return table.count;
  if ((await look.stat(FLOWS)) === undefined)
    return { unknown: `this kernel has no ${FLOWS} (CONFIG_NF_CONNTRACK_PROCFS)` };
  if (!look.host.root) return { unknown: `only root can read ${FLOWS}` };
  const { code, stdout } = await look.host.run(SAMPLE, { timeoutMs: 5_000 });
  if (code !== 0) return { unknown: `${FLOWS} could not be read: head ended with code ${code}` };
  const seconds = Number(table.values.tcp_timeout_established);
  return parseSample(stdout, Number.isInteger(seconds) ? seconds : undefined);
}

/**
 * The tables of other namespaces through /proc/PID/net, which shows the namespace of that process to everybody; only
 * where it has no counters (Ubuntu) a child that reads one number enters. Source: get_proc_task_net in fs/proc/proc_net.c.
 */
async function gatherNamespaces(
  host: ReadHost,
  { module }: Seen,
  sleep: Sleep,
): Promise<Maybe<readonly NamespaceTable[]>> {
  if (module.state === 'absent') return [];
  if (!host.root) return { unknown: 'only root can see in which namespaces the processes of others are' };
  const found = await otherNamespaces(host);
  const first = await oneByOne(found, (each) => countersOf(host, each));
  const drops = first.some((counters) => (known(counters)?.drop ?? 0) + (known(counters)?.early_drop ?? 0) > 0);
  if (drops) await sleep(PAUSE_MS);
  const later = drops ? await oneByOne(found, (each) => countersOf(host, each)) : first;
  return found.map(({ inode, name, processes }, at): NamespaceTable => {
    const gone = { unknown: 'the namespace was gone' };
    const counters = first[at] ?? gone;
    return { inode, ...(name === undefined ? {} : { name }), processes, counters, countersLater: later[at] ?? gone };
  });
}

/** A host may have hundreds of namespaces: not as many children at once. */
async function oneByOne<T, R>(all: readonly T[], ask: (one: T) => Promise<R>): Promise<readonly R[]> {
  const answers: R[] = [];
  for (const one of all) answers.push(await ask(one));
  return answers;
}

async function countersOf(
  host: ReadHost,
  { inode, path }: { readonly inode: number; readonly path: string },
): Promise<NamespaceTable['counters']> {
  const pid = /^\/proc\/(\d+)\//.exec(path)?.[1] ?? (await processIn(host, inode));
  if (pid === undefined) return { unknown: 'no process is in it that it could be seen through' };
  const file = COUNTERS.replace('/proc/net/', `/proc/${pid}/net/`);
  const text = await host.readFile(file).catch(() => undefined);
  const counters = text === undefined ? await countIn(host, path) : parseCounters(text);
  return counters ?? { unknown: `${file} could not be read` };
}

/** The number of flows alone, where the kernel has no counters in /proc: the file shows the namespace of its reader. */
async function countIn(host: ReadHost, path: string): Promise<Readonly<Record<string, number>> | undefined> {
  const words = ['nsenter', `--net=${path}`, '--', 'cat', `${NETFILTER}/${PREFIX}count`] as const;
  const { code, stdout } = await host.run(words, { timeoutMs: 5_000 });
  return code === 0 && /^\d+\n?$/.test(stdout) ? { entries: Number(stdout) } : undefined;
}

/** Some process in a namespace that has a name in /run/netns. */
async function processIn(host: ReadHost, inode: number): Promise<string | undefined> {
  for (const pid of (await host.readDir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const link = await host.readLink(`/proc/${pid}/ns/net`).catch(() => undefined);
    if (link === `net:[${inode}]`) return pid;
  }
  return undefined;
}

async function gatherCloud(look: Look, names: readonly string[], sleep: Sleep): Promise<CloudFacts> {
  const [maker, tag, drivers] = await Promise.all([
    look.peek(VENDOR),
    look.peek(ASSET_TAG),
    Promise.all(names.map((name) => look.glance(`/sys/class/net/${name}/device/driver`))),
  ]);
  const counting = names
    .map((name, at) => ({ name, driver: drivers[at]?.replace(/^.*\//, '') ?? '' }))
    .filter(({ driver }) => countsForCloud(driver));
  const first = await Promise.all(counting.map(({ name }) => allowanceOf(look, name)));
  const drops = first.some((each) => (known(each)?.exceeded ?? 0) > 0);
  if (drops) await sleep(PAUSE_MS);
  const later = drops ? await Promise.all(counting.map(({ name }) => allowanceOf(look, name))) : first;
  const vendor = cloudVendor(maker ?? '', tag ?? '');
  const interfaces = counting.map(({ name, driver }, at) => {
    const available = known(later[at] ?? {})?.available;
    const told = { exceeded: exceededOf(first[at]), exceededLater: exceededOf(later[at]) };
    return { name, driver, ...told, ...(available === undefined ? {} : { available }) };
  });
  return { ...(vendor === undefined ? {} : { vendor }), interfaces };
}

function exceededOf(found: Maybe<Allowance> | undefined): Maybe<number> {
  if (found === undefined || !isKnown(found)) return found ?? { unknown: 'not asked' };
  return found.exceeded ?? { unknown: 'the driver has no counter conntrack_allowance_exceeded: it is too old' };
}

async function allowanceOf(look: Look, name: string): Promise<Maybe<Allowance>> {
  const { code, stdout } = await look.host.run(['ethtool', '-S', name], { timeoutMs: 5_000 });
  if (code === 127) return { unknown: 'ethtool is not installed' };
  return code === 0 ? parseAllowance(stdout) : { unknown: `ethtool -S ended with code ${code}` };
}
