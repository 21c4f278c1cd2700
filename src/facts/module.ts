/** The nf_conntrack module, and every loaded module that leads to it. Pure. */
import type { LoadedModule, Maybe, ModuleState } from '../model.ts';

export type ListedModule = {
  readonly refcnt: Maybe<number>;
  readonly users: readonly string[];
  readonly state: string;
};

/**
 * The loaded modules by name, with the modules that use them.
 * @param text /proc/modules: name, size, references, `users,` or `-`, Live|Loading|Unloading, address; `-` for the
 *   references on a kernel that cannot unload. Source: m_show and print_unload_info in kernel/module/procfs.c
 */
export function parseModules(text: string): ReadonlyMap<string, ListedModule> {
  const modules = new Map<string, ListedModule>();
  for (const line of text.split('\n')) {
    const [name, , refs, users = '-', state = ''] = line.split(' ');
    if (name === undefined || name === '' || refs === undefined) continue;
    const refcnt = /^\d+$/.test(refs) ? Number(refs) : { unknown: 'this kernel does not count references to modules' };
    const named = users.split(',').filter((user) => user !== '' && user !== '-' && !user.startsWith('['));
    modules.set(name, { refcnt, users: named, state });
  }
  return modules;
}

/**
 * nf_conntrack and every loaded module from which it can be reached through users.
 * @param modules what is loaded
 * @param drivers names that are network or other device drivers
 */
export function holderTree(
  modules: ReadonlyMap<string, ListedModule>,
  drivers: ReadonlySet<string>,
): Readonly<Record<string, LoadedModule>> {
  const tree: Record<string, LoadedModule> = {};
  const queue = ['nf_conntrack'];
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    const found = modules.get(name);
    if (found === undefined || Object.hasOwn(tree, name)) continue;
    tree[name] = { refcnt: found.refcnt, holders: [...found.users].sort(), driver: drivers.has(name) };
    queue.push(...found.users);
  }
  return tree;
}

/** What was seen of nf_conntrack. */
export type ModuleTraces = {
  /** its line in /proc/modules: the state word, `none` when not listed; undefined when there is no such file */
  readonly listed?: string | undefined;
  /** /sys/module/nf_conntrack exists */
  readonly sys: boolean;
  /** /sys/module/nf_conntrack/initstate, which only loadable modules have: live, coming or going */
  readonly initstate?: string | undefined;
  /** /proc/sys/net/netfilter/nf_conntrack_max exists */
  readonly sysctl: boolean;
};

/**
 * Loaded, absent, built in or on its way out.
 * Source: kernel/module/sysfs.c and kernel/params.c: a built-in has /sys/module/NAME with parameters alone.
 */
export function moduleState({ listed, sys, initstate, sysctl }: ModuleTraces): ModuleState {
  if (listed === 'Unloading' || initstate === 'going') return 'unloading';
  if ((listed !== undefined && listed !== 'none') || initstate !== undefined) return 'loaded';
  return sys || sysctl ? 'builtin' : 'absent';
}

/** Names that belong to the packet filter by their prefix: modules of these families are never device drivers. */
export function isNetfilterName(name: string): boolean {
  return /^(nf|nft|xt|x|ip|ip6|ipt|ip6t|iptable|ip6table|ebt|act|em|sch|cls|vport)_|^openvswitch$|^nfnetlink/.test(
    name,
  );
}

/**
 * Does a module lie below kernel/drivers?
 * @param dep modules.dep of the running kernel: `kernel/drivers/…/name.ko[.xz]: …`
 */
export function isDriverFile(dep: string, name: string): boolean {
  const file = name.replaceAll('_', '[-_]');
  return new RegExp(`^(?:\\S*/)?kernel/drivers/\\S*/${file}\\.ko(?:\\.\\w+)?:`, 'm').test(dep);
}
