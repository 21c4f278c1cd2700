/** Reads the files that decide the table at the next boot, over a host. */

import type { ConfigFacts, DropIn, ModprobeLine, SysctlLine } from '../model.ts';
import { isInstalled } from '../programs.ts';
import { CMDLINE, parseCmdline } from './cmdline.ts';
import { directories, isHidden, precedence, resolveLink } from './dropins.ts';
import { installHooks, parseModulesLoad, parseUdev } from './hooks.ts';
import type { Look } from './look.ts';
import { parseModprobe } from './modprobe-files.ts';
import { isOwn, OWN_FILES } from './own.ts';
import { effective, exclusions, parseSysctl, type SysctlFile, sysctlProblems } from './sysctl-files.ts';
import { NETFILTER } from './table.ts';
import { activeProfiles, parseProfile, profileFiles, reappliesSysctl, TUNED_ACTIVE, TUNED_MAIN } from './tuned.ts';
import { UFW_CONF, UFW_DEFAULTS, ufwEnabled, ufwSysctlFile } from './ufw.ts';

const SYSCTL_CONF = '/etc/sysctl.conf';

/**
 * Everything that decides the table at the next boot or the next load of the module.
 * @param look reads that cannot fail; what is unreadable becomes one of its problems
 * @param systemd whether systemd runs here: then /etc/modules counts only through modules-load.d
 */
export async function gatherConfig(look: Look, systemd: boolean): Promise<ConfigFacts> {
  const [sysctl, modprobe, loads, udev, ufwSysctl, tuned, cmdline] = await Promise.all([
    gatherSysctl(look),
    gatherModprobe(look),
    gatherModulesLoad(look, systemd),
    gatherUdev(look),
    gatherUfw(look, systemd),
    gatherTuned(look),
    look.host.kind === 'sysroot' ? undefined : look.peek(CMDLINE),
  ]);
  const boot = cmdline === undefined ? { problems: [] } : parseCmdline(cmdline);
  look.problems.push(...boot.problems);
  const lines = [
    ...sysctl.procpsSysctl,
    ...sysctl.systemdSysctl,
    ...sysctl.exclusions,
    ...ufwSysctl,
    ...tuned.tuned,
    ...modprobe.lines,
  ];
  const files = [...new Set([...lines, ...loads, ...udev].map((each) => each.file))].sort();
  const links = new Map(
    [...sysctl.files, ...modprobe.files].flatMap(({ path, target }) => (target ? [[path, target]] : [])),
  );
  return {
    systemdSysctl: sysctl.systemdSysctl,
    procpsSysctl: sysctl.procpsSysctl,
    exclusions: sysctl.exclusions,
    ufwSysctl,
    modprobe: modprobe.lines,
    ...('hashsize' in boot && boot.hashsize !== undefined ? { cmdlineHashsize: boot.hashsize } : {}),
    modulesLoad: loads,
    hooks: [...udev, ...installHooks(modprobe.lines)],
    ...tuned,
    own: await gatherOwn(
      look,
      [...sysctl.files, ...modprobe.files].map(({ path }) => path),
    ),
    texts: await textsOf(look, files),
    links: Object.fromEntries(files.flatMap((file) => (links.has(file) ? [[file, links.get(file) ?? '']] : []))),
  };
}

/** The files of a drop-in family that count, in reading order, with their texts; hidden ones where they are asked for. */
export async function dropIns(
  look: Look,
  family: string,
  { suffix = '.conf', hidden = false } = {},
): Promise<readonly DropIn[]> {
  const dirs = directories(family, await look.link('/lib'));
  const listings = await Promise.all(
    dirs.map(async (dir) => {
      const all = (await look.dir(dir)).filter((name) => name.endsWith(suffix) && (hidden || !isHidden(name)));
      const names = family === 'modprobe.d' ? await present(look, dir, all) : all;
      const targets = await Promise.all(names.map(async (name) => [name, await look.link(`${dir}/${name}`)] as const));
      const links = Object.fromEntries(targets.flatMap(([name, to]) => (to === undefined ? [] : [[name, to]])));
      return { dir, names, links };
    }),
  );
  return Promise.all(
    precedence(listings, suffix).map(async (file) => {
      const text = await look.text(file.path);
      if (text !== undefined) return { ...file, text };
      // Debian links modules-load.d/modules.conf to /etc/modules, whether or not that exists.
      const nothing =
        file.target !== undefined &&
        file.target !== '/etc/modules' &&
        !look.problems.some((each) => each.file === file.path);
      if (nothing) look.problems.push({ file: file.path, what: `a link to ${file.target}, which does not exist` });
      return file;
    }),
  );
}

/**
 * The names that are no directory: modprobe passes over those, and then a file of the same name in a weaker directory
 * counts; for the others they hide it. Each becomes a problem: nobody means a directory by that name.
 * Source: conf_files_list in libkmod-config.c.
 */
async function present(look: Look, dir: string, names: readonly string[]): Promise<readonly string[]> {
  const isDir = await Promise.all(names.map((name) => leadsToDirectory(look, `${dir}/${name}`)));
  const passedOver = names.filter((_, index) => isDir[index]);
  look.problems.push(...passedOver.map((name) => ({ file: `${dir}/${name}`, what: 'a directory, not a file' })));
  return names.filter((_, index) => !isDir[index]);
}

async function leadsToDirectory(look: Look, path: string, links = 0): Promise<boolean> {
  const kind = (await look.stat(path))?.kind;
  const target = kind === 'link' && links < 40 ? await look.link(path) : undefined;
  return target === undefined ? kind === 'dir' : leadsToDirectory(look, resolveLink(path, target), links + 1);
}

async function gatherSysctl(look: Look) {
  const [files, last, existing] = await Promise.all([
    dropIns(look, 'sysctl.d', { hidden: true }),
    look.text(SYSCTL_CONF),
    look.host.kind === 'sysroot' ? [] : look.dir(NETFILTER),
  ]);
  const parsed: readonly SysctlFile[] = files.flatMap(({ path, text }) =>
    text === undefined ? [] : [{ file: path, entries: parseSysctl(text) }],
  );
  const seen = parsed.filter(({ file }) => !isHidden(file));
  const conf: readonly SysctlFile[] = last === undefined ? [] : [{ file: SYSCTL_CONF, entries: parseSysctl(last) }];
  const linked = files.some(({ target }) => target === SYSCTL_CONF);
  look.problems.push(...[...parsed, ...(linked ? [] : conf)].flatMap(sysctlProblems));
  return {
    files,
    systemdSysctl: effective(seen, 'systemd', existing),
    exclusions: exclusions(seen),
    procpsSysctl: effective([...parsed, ...conf], 'procps', existing),
  };
}

async function gatherModprobe(look: Look): Promise<{ files: readonly DropIn[]; lines: readonly ModprobeLine[] }> {
  const files = await dropIns(look, 'modprobe.d');
  const parsed = files.map(({ path, text }) => parseModprobe(path, text ?? ''));
  for (const { path, text } of await dropIns(look, 'modprobe.d', { suffix: '.alias' })) {
    if (parseModprobe(path, text ?? '').lines.length === 0) continue;
    look.problems.push({ file: path, what: 'modprobe of kmod 30 and older reads this file, too; newer ones do not' });
  }
  look.problems.push(...parsed.flatMap(({ problems }) => problems));
  return { files, lines: parsed.flatMap(({ lines }) => lines) };
}

async function gatherModulesLoad(look: Look, systemd: boolean): Promise<ConfigFacts['modulesLoad']> {
  const files = await dropIns(look, 'modules-load.d');
  const linked = files.some(({ target }) => target === '/etc/modules');
  const old = systemd || linked ? undefined : await look.text('/etc/modules');
  const all = old === undefined ? files : [...files, { path: '/etc/modules', text: old }];
  return all.flatMap(({ path, text }) => parseModulesLoad(path, text ?? ''));
}

async function gatherUdev(look: Look): Promise<ConfigFacts['hooks']> {
  const files = await dropIns(look, 'udev/rules.d', { suffix: '.rules' });
  return files.flatMap(({ path, text }) => (text?.includes('sysctl') ? parseUdev(path, text) : []));
}

/**
 * The lines of ufw's file: while ufw is off, too, for somebody may wonder why they have no effect. Without systemd nothing
 * else tells whether ufw is on; and its files outlive the package.
 */
async function gatherUfw(look: Look, systemd: boolean): Promise<readonly SysctlLine[]> {
  const [defaults, conf] = await Promise.all([look.text(UFW_DEFAULTS), look.text(UFW_CONF)]);
  const file = defaults === undefined ? undefined : ufwSysctlFile(defaults);
  const enabled = ufwEnabled(conf ?? '');
  if (file === undefined || !(enabled || systemd) || !(await isInstalled(look, 'ufw'))) return [];
  const text = await look.text(file);
  if (text === undefined) return [];
  const parsed = { file, entries: parseSysctl(text) };
  if (enabled) look.problems.push(...sysctlProblems(parsed));
  return effective([parsed], 'procps');
}

/** tuned's lines, where tuned runs or is started at boot. */
async function gatherTuned(look: Look): Promise<Pick<ConfigFacts, 'tuned' | 'tunedBeneath'>> {
  const active = await look.text(TUNED_ACTIVE);
  const wanted = ['/run/tuned/tuned.pid', '/etc/systemd/system/multi-user.target.wants/tuned.service'];
  const there =
    active !== undefined &&
    (await Promise.all(wanted.map((path) => look.stat(path)))).some((each) => each !== undefined);
  if (!there) return { tuned: [] };
  const beneath: SysctlLine[] = [];
  const above: SysctlLine[] = [];
  const seen = new Set<string>();
  const visit = async (name: string): Promise<void> => {
    if (seen.has(name)) return;
    seen.add(name);
    for (const file of profileFiles(name)) {
      const text = await look.text(file);
      if (text === undefined) continue;
      const profile = parseProfile(file, text);
      for (const parent of profile.include) await visit(parent);
      beneath.push(...profile.beneath);
      above.push(...profile.above);
      return;
    }
  };
  for (const name of activeProfiles(active)) await visit(name);
  return reappliesSysctl(await look.text(TUNED_MAIN))
    ? { tuned: above, tunedBeneath: beneath }
    : { tuned: [...beneath, ...above] };
}

async function gatherOwn(look: Look, seen: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const udev = (await look.dir('/etc/udev/rules.d')).map((name) => resolveLink('/etc/udev/rules.d/x', name));
  const paths = [...new Set([...OWN_FILES, ...[...seen, ...udev].filter(isOwn)])].sort();
  return textsOf(look, paths);
}

async function textsOf(look: Look, paths: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const texts = await Promise.all(paths.map(async (path) => [path, await look.text(path)] as const));
  return Object.fromEntries(texts.flatMap(([path, text]) => (text === undefined ? [] : [[path, text]])));
}
