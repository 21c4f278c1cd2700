/** Gathers the facts of a host, once and read-only: the one entry to everything in this directory. */
import type { ReadHost } from '../host/host.ts';
import type { Facts, FirewallOwner, MachineFacts } from '../model.ts';
import { containerKind } from './container.ts';
import {
  follows,
  installedUnits,
  isOwnerProcess,
  KUBERNETES,
  OWNER_PROPERTIES,
  owners,
  parseShow,
  STATE_PROPERTIES,
  showArgv,
  UNIT_DIRS,
  unitState,
} from './firewalls.ts';
import { gatherConfig } from './gather-config.ts';
import { gatherDiagnosis } from './gather-diagnosis.ts';
import {
  gatherLog,
  gatherModule,
  gatherTable,
  notInspected,
  secondLook,
  sortProblems,
  unseenTable,
} from './gather-live.ts';
import { gatherGuard } from './guard.ts';
import { type Look, lookAt } from './look.ts';
import { bitsOf, fixedPageSize, parseCpuList, parseMemTotal, parseOsRelease, parseUptime } from './machine.ts';
import { mountOf, parseMounts } from './mounts.ts';
import { gatherRules } from './rules.ts';
import { gatherState } from './state.ts';
import { UFW_CONF, ufwEnabled } from './ufw.ts';

/**
 * What is. Needs no root, changes nothing, loads no module, and never throws for what a host may look like: what
 * cannot be found out is unknown with the reason, what cannot be read or parsed is a problem.
 *
 * Child processes, each only where no file says the same:
 * - `uname -m` on kernels before 6.1 (no /proc/sys/kernel/arch)
 * - `getconf PAGESIZE` on architectures with several page sizes
 * - `systemctl show`, one call, where systemd runs and a firewall's unit is installed; a second one where others would
 *   follow the stop of an active one
 * - `journalctl -k` where /dev/kmsg is closed to us or has lost its beginning
 * - `conntrack -S`, where `stats` or `diagnosis` asks for it, as root, on kernels without the counters in /proc, and
 *   only where nf_conntrack_netlink is there already, so that it loads nothing
 *
 * @param host the host; below another root (`sysroot`) live values are unknown, memory is 0 and the kernel '' unless
 *   the tree tells them
 * @param deps `sleep` waits for milliseconds between two looks at the counters; `rules` asks, as root, for the rules
 *   that hold the module too, and for what a guard would cut, which takes the children that rules.ts, guard.ts and
 *   tunnels.ts name; `diagnosis` asks for what a diagnosis looks at, see gather-diagnosis.ts; `log: false` leaves
 *   the log of the kernel alone; `stats` asks for the counters by netlink where /proc has none
 */
export async function gather(
  host: ReadHost,
  deps: { sleep(ms: number): Promise<void>; rules?: boolean; diagnosis?: boolean; log?: boolean; stats?: boolean },
): Promise<Facts> {
  const look = lookAt(host);
  const live = host.kind !== 'sysroot';
  const machine = await gatherMachine(look);
  const [module, config, firewalls, log, state] = await Promise.all([
    gatherModule(look, machine.kernel),
    gatherConfig(look, machine.systemd),
    gatherFirewalls(look, machine.systemd),
    deps.log === false ? { unknown: 'the log was not looked at' } : live ? gatherLog(look) : notInspected,
    gatherState(look),
  ]);
  const table = live ? await gatherTable(look, module.state) : unseenTable;
  const [later, diagnosis] = await Promise.all([
    secondLook(look, { table, log, module }, deps),
    deps.diagnosis === true ? gatherDiagnosis(look, { machine, module, table, config }, deps.sleep) : undefined,
  ]);
  look.problems.push(...state.problems);
  return {
    schema: 'ctfix.facts/v1',
    kind: host.kind,
    root: host.root,
    machine,
    module,
    table: later,
    log,
    firewalls,
    config,
    ...(state.lastChange === undefined ? {} : { lastChange: state.lastChange }),
    ...(deps.rules === true && live && host.root
      ? { rules: await gatherRules(host, module.tree), guard: await gatherGuard(host) }
      : {}),
    ...(diagnosis === undefined ? {} : { diagnosis }),
    problems: sortProblems(look.problems),
  };
}

async function gatherMachine(look: Look): Promise<MachineFacts> {
  const live = look.host.kind !== 'sysroot';
  const [kernel, version, memory, online, os, machineId, bootId, uptime] = await Promise.all([
    gatherKernel(look),
    live ? look.peek('/proc/version') : undefined,
    look.peek('/proc/meminfo'),
    live ? look.peek('/sys/devices/system/cpu/online') : undefined,
    gatherOs(look),
    look.value('/etc/machine-id'),
    live ? look.value('/proc/sys/kernel/random/boot_id') : notInspected,
    live ? look.value('/proc/uptime') : notInspected,
  ]);
  const arch = await gatherArch(look);
  const memTotalKiB = parseMemTotal(memory ?? '');
  if (memTotalKiB === undefined) look.problems.push({ file: '/proc/meminfo', what: 'the size of memory is not known' });
  const cpus = parseCpuList(online ?? '');
  const container = live ? await gatherContainer(look) : undefined;
  return {
    kernel,
    ...(version === undefined ? {} : { version: version.trim() }),
    arch,
    bits: bitsOf(arch),
    pageSize: fixedPageSize(arch) ?? (await askPageSize(look)),
    memTotalKiB: memTotalKiB ?? 0,
    ...(cpus === undefined ? {} : { cpus }),
    bootId,
    machineId,
    uptime:
      typeof uptime === 'string' ? (parseUptime(`${uptime} `) ?? { unknown: '/proc/uptime is not a number' }) : uptime,
    os,
    ...(container === undefined ? {} : { container }),
    ...(await gatherInit(look, live)),
  };
}

/** uname -r; below another root the one kernel whose modules are installed there, else ''. */
async function gatherKernel(look: Look): Promise<string> {
  if (look.host.kind !== 'sysroot') return (await look.peek('/proc/sys/kernel/osrelease'))?.trim() ?? '';
  const installed = await look.dir('/lib/modules');
  return installed.length === 1 ? (installed[0] ?? '') : '';
}

/** The kernel's architecture; below another root it is this machine's guess-free default, x86_64, unless the tree tells. */
async function gatherArch(look: Look): Promise<string> {
  const told = (await look.peek('/proc/sys/kernel/arch'))?.trim();
  if (told !== undefined && told !== '') return told;
  if (look.host.kind === 'sysroot') return 'x86_64';
  const { code, stdout } = await look.host.run(['uname', '-m']);
  return code === 0 ? stdout.trim() : 'unknown';
}

async function askPageSize(look: Look): Promise<number> {
  const { stdout } = await look.host.run(['getconf', 'PAGESIZE']);
  const size = Number(stdout.trim());
  if (Number.isInteger(size) && size >= 4096) return size;
  look.problems.push({
    file: '/proc/self/auxv',
    what: 'the page size could not be asked for (getconf PAGESIZE); 4096 is assumed',
  });
  return 4096;
}

async function gatherOs(look: Look): Promise<MachineFacts['os']> {
  const text = (await look.text('/etc/os-release')) ?? (await look.text('/usr/lib/os-release'));
  return parseOsRelease(text ?? '');
}

async function anyOf(look: Look, paths: readonly string[]): Promise<string | undefined> {
  const found = await Promise.all(paths.map((path) => look.stat(path)));
  return paths.find((_, index) => found[index] !== undefined);
}

/** Live: what runs. Below another root: what is installed. */
async function gatherInit(
  look: Look,
  live: boolean,
): Promise<Pick<MachineFacts, 'systemd' | 'udev' | 'systemdSysctl'>> {
  const [systemd, udev, sysctl] = await Promise.all([
    anyOf(look, live ? ['/run/systemd/system'] : ['/usr/lib/systemd/systemd', '/lib/systemd/systemd']),
    anyOf(look, live ? ['/run/udev/control'] : ['/usr/bin/udevadm', '/bin/udevadm', '/sbin/udevadm']),
    anyOf(look, ['/usr/lib/systemd/systemd-sysctl', '/lib/systemd/systemd-sysctl']),
  ]);
  return {
    systemd: systemd !== undefined,
    udev: udev !== undefined,
    ...(sysctl === undefined ? {} : { systemdSysctl: sysctl }),
  };
}

async function gatherContainer(look: Look): Promise<string | undefined> {
  const [systemd, cgroup, dockerenv, containerenv, pidNamespace, mounts] = await Promise.all([
    look.peek('/run/systemd/container'),
    look.peek('/proc/1/cgroup'),
    look.stat('/.dockerenv'),
    look.stat('/run/.containerenv'),
    look.link('/proc/self/ns/pid'),
    look.peek('/proc/mounts'),
  ]);
  const rootType = mountOf(parseMounts(mounts ?? ''), '/')?.type;
  const marks = { dockerenv: dockerenv !== undefined, containerenv: containerenv !== undefined };
  return containerKind({ systemd, cgroup, pidNamespace, rootType, ...marks });
}

async function gatherFirewalls(look: Look, systemd: boolean): Promise<readonly FirewallOwner[]> {
  const live = look.host.kind !== 'sysroot';
  const [lists, conf, processes] = await Promise.all([
    Promise.all(UNIT_DIRS.map((dir) => look.dir(dir))),
    look.text(UFW_CONF),
    live && (!systemd || (await anyOf(look, KUBERNETES)) !== undefined) ? gatherProcesses(look) : [],
  ]);
  const units = installedUnits(lists.flat());
  const ufw = conf === undefined ? undefined : ufwEnabled(conf);
  const asked =
    live && systemd && units.length > 0 ? await askSystemd(look, units) : 'systemd does not run here, nobody knows';
  const why = live ? String(asked) : notInspected.unknown;
  const shown = typeof asked === 'string' ? new Map() : asked.shown;
  const activeFollowers = typeof asked === 'string' ? new Set<string>() : asked.activeFollowers;
  const unasked = { units: typeof asked === 'string' ? units : [], why };
  return owners({ shown, activeFollowers, unasked, processes, ufwEnabled: ufw });
}

/** The units' properties and which of their followers are active; a sentence when systemd did not answer. */
async function askSystemd(look: Look, units: readonly string[]) {
  const answer = await look.host.run(showArgv(units, OWNER_PROPERTIES));
  if (answer.code !== 0) return `systemctl show ended with code ${answer.code}`;
  const shown = parseShow(answer.stdout);
  const stoppable = [...shown.values()].filter((unit) => unitState(unit.ActiveState) === 'active');
  const followers = [...new Set(stoppable.flatMap(follows))];
  if (followers.length === 0) return { shown, activeFollowers: new Set<string>() };
  const states = parseShow((await look.host.run(showArgv(followers, STATE_PROPERTIES))).stdout);
  const active = followers.filter((unit) => unitState(states.get(unit)?.ActiveState) === 'active');
  return { shown, activeFollowers: new Set(active) };
}

/** Names of the owners' processes, those of other network namespaces left out where that can be seen. */
async function gatherProcesses(look: Look): Promise<readonly string[]> {
  const pids = (await look.dir('/proc')).filter((name) => /^\d+$/.test(name));
  const seen = await Promise.all(
    pids.map(async (pid) => ({ pid, comm: (await look.peek(`/proc/${pid}/comm`))?.trim() ?? '' })),
  );
  const hits = seen.filter(({ comm }) => isOwnerProcess(comm));
  const here = hits.length === 0 ? undefined : await look.link('/proc/self/ns/net');
  const spaces = await Promise.all(hits.map(({ pid }) => look.glance(`/proc/${pid}/ns/net`)));
  return hits.filter((_, index) => spaces[index] === undefined || spaces[index] === here).map(({ comm }) => comm);
}
