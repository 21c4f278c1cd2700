/** Why a reload would not come to its end, found before anything is touched: each holder by name. Pure. */
import { orphanTables, usesHelpers } from './facts/rules-holds.ts';
import { isBadOption } from './facts/rules-seen.ts';
import { guardRefusals } from './guard-refusals.ts';
import {
  type Facts,
  isKnown,
  known,
  type LoadedModule,
  type ModprobeLine,
  type PlanOptions,
  type Refusal,
  type RulesFacts,
} from './model.ts';

/**
 * The reasons why a reload must not begin; none means that it is expected to finish.
 * Without `facts.rules` and `facts.guard` (not root, or not asked for) only what anybody can see is judged.
 * @param asked whether guard and flow carry are wanted
 */
export function reloadRefusals(facts: Facts, asked: PlanOptions = {}): readonly Refusal[] {
  const state = moduleRefusal(facts);
  if (state !== undefined) return [state];
  const options = optionRefusals(facts.config.modprobe);
  return [
    ...ownerRefusals(facts),
    ...treeRefusals(facts),
    ...(options.length > 0 ? options : shownOptionRefusals(facts)),
    ...(facts.rules === undefined ? [] : rulesRefusals(facts, facts.rules)),
    ...guardRefusals(facts, asked),
  ];
}

function moduleRefusal({ kind, machine, module, table }: Facts): Refusal | undefined {
  const refuse = (code: string, what: string, remedy: string): Refusal => ({ code: `reload-${code}`, what, remedy });
  if (kind === 'sysroot') return refuse('no-kernel', 'there is no kernel behind this tree to reload anything in', LIVE);
  if (module.state === 'absent') {
    return refuse(
      'not-loaded',
      'nf_conntrack is not loaded',
      'take --strategy persist: the files are read at the load',
    );
  }
  if (module.state === 'builtin') {
    return refuse('builtin', 'nf_conntrack is built into this kernel and cannot be unloaded', LIVE);
  }
  if (module.state === 'unloading') {
    return refuse('unloading', 'an unload of nf_conntrack is under way and does not end', 'the host needs a reboot');
  }
  if (!module.loadable) {
    return refuse('not-loadable', 'there is no modprobe or no modules of the running kernel to load again', LIVE);
  }
  if (known(table.namespace) === 'child') {
    return refuse('namespace', 'this is not the initial network namespace', 'run ctfix on the host itself');
  }
  if (!machine.systemd) {
    const what = 'this system was not started by systemd, so that nobody takes a killed reload back';
    return refuse('no-systemd', what, LIVE);
  }
  return undefined;
}

const LIVE = 'take --strategy live';

function ownerRefusals(facts: Facts): readonly Refusal[] {
  const says: Readonly<Record<string, string>> = {
    docker: 'docker is active: its rules stay when it is stopped, and differ after it is started again',
    'kube-proxy': 'kube-proxy is active: it puts its rules back while they are being taken down',
  };
  return facts.firewalls.flatMap(({ name, state }) => {
    const what = says[name];
    return what === undefined || state !== 'active' ? [] : [{ code: `reload-${name}`, what, remedy: LIVE }];
  });
}

/** Modules whose use no ruleset shows, so that nobody can prove that they come back with what they had. */
const FOREIGN: Readonly<Record<string, string>> = {
  openvswitch: 'Open vSwitch',
  ip_vs: 'the IPVS load balancer',
  act_ct: 'a tc rule with action ct',
  act_connmark: 'a tc rule with action connmark',
  act_ctinfo: 'a tc rule with action ctinfo',
};

function treeRefusals(facts: Facts): readonly Refusal[] {
  return Object.entries(facts.module.tree).flatMap(([name, module]): readonly Refusal[] => {
    if (module.driver) {
      const what = `the driver ${name} uses nf_conntrack, and a driver is never unloaded`;
      return [{ code: 'reload-driver', what, remedy: LIVE }];
    }
    const foreign = FOREIGN[name];
    if (foreign !== undefined && (name === 'openvswitch' || name === 'ip_vs' || ownUsers(module) > 0)) {
      const what = `${foreign} (module ${name}) uses nf_conntrack`;
      return [{ code: `reload-${name.replaceAll('_', '-')}`, what, remedy: `stop what uses it, or ${LIVE}` }];
    }
    return [];
  });
}

/** Users of a module beyond the modules that depend on it: rules, sockets, programs. 0 when they are not counted. */
export function ownUsers(module: LoadedModule): number {
  return isKnown(module.refcnt) ? Math.max(0, module.refcnt - module.holders.length) : 0;
}

/** The lines of modprobe.d that make a load of nf_conntrack fail, or put something else in its place. */
export function optionRefusals(modprobe: readonly ModprobeLine[]): readonly Refusal[] {
  return modprobe.flatMap(({ file, line, directive, rest }): readonly Refusal[] => {
    if (directive === 'install' && !/--ignore-install/.test(rest)) {
      const what = `${file}:${line} replaces the load of nf_conntrack by a command of its own: ${rest}`;
      return [{ code: 'reload-install-hook', what, remedy: 'take the line out, or take --strategy live', file, line }];
    }
    const bad = directive === 'options' ? rest.split(/\s+/).find(isBadOption) : undefined;
    if (bad === undefined) return [];
    const what = `nf_conntrack cannot be loaded again: ${file}:${line} gives it ${bad}`;
    return [{ code: 'reload-bad-option', what, remedy: 'correct or remove the line', file, line }];
  });
}

/** What modprobe itself would hand over, where no file explains it: the kernel command line counts too. */
function shownOptionRefusals({ rules }: Facts): readonly Refusal[] {
  const words = rules === undefined ? undefined : known(rules.options);
  const bad = words?.find(isBadOption);
  if (bad === undefined) return [];
  const what = `nf_conntrack cannot be loaded again: modprobe --show-depends nf_conntrack gives it ${bad}`;
  return [{ code: 'reload-bad-option', what, remedy: 'correct it where it is set (modprobe.d or the kernel line)' }];
}

function rulesRefusals(facts: Facts, rules: RulesFacts): readonly Refusal[] {
  const excess = excessRefusals(facts.module.tree, rules);
  return [...namespaceRefusals(rules), ...excess, ...queueRefusals(rules), ...restoreRefusals(facts, rules)];
}

/** Who holds nf_conntrack beyond the rules of this namespace, as sentences; for a reload that is under way. */
export function holderSentences(tree: Facts['module']['tree'], rules: RulesFacts): readonly string[] {
  const found = [...namespaceRefusals(rules), ...excessRefusals(tree, rules), ...queueRefusals(rules)];
  return found.map(({ what }) => what);
}

function namespaceRefusals(rules: RulesFacts): readonly Refusal[] {
  return rules.namespaces.flatMap((namespace) => {
    const { uses } = namespace;
    const modules = isKnown(uses) ? Object.keys(uses) : [];
    if (modules.length === 0) return [];
    const what = `rules in ${called(namespace)} use ${modules.join(', ')}`;
    return [{ code: 'reload-other-namespace', what, remedy: `take those rules away first, or ${LIVE}` }];
  });
}

/** A namespace in words: its name or number, and who lives in it. */
function called({ inode, name, processes }: RulesFacts['namespaces'][number]): string {
  const lives = processes.length > 0 ? ` (${processes.join(', ')})` : '';
  return name === undefined ? `network namespace ${inode}${lives}` : `network namespace ${name}${lives}`;
}

/** More users than the rules that were read can explain: what is left is somewhere that cannot be seen from here. */
function excessRefusals(tree: Facts['module']['tree'], rules: RulesFacts): readonly Refusal[] {
  const explained = rules.namespaces.some(({ uses }) => isKnown(uses) && Object.keys(uses).length > 0);
  return Object.entries(tree).flatMap(([name, module]) => {
    const users = ownUsers(module) - countable(name, rules);
    if (users <= 0 || (explained && /^(xt|ipt|ip6t|nft)_/.test(name)) || FOREIGN[name] !== undefined || module.driver)
      return [];
    const hint = rules.namespaces.length === 0 ? '' : `; other namespaces: ${rules.namespaces.map(called).join(', ')}`;
    const what = `${name} has ${users} users that are no rules of this network namespace${hint}`;
    return [{ code: 'reload-in-use', what, remedy: `find and stop them, or ${LIVE}` }];
  });
}

/** How many users of a module the rules explain; what cannot be counted one by one is taken as explained. */
function countable(name: string, rules: RulesFacts): number {
  const many = Number.POSITIVE_INFINITY;
  // Up to 4.18 each rule that tracks pins nf_conntrack_ipv4 or _ipv6: nf_ct_l3proto_try_module_get.
  if (/^ip6?table_nat$|^nf_conntrack_bridge$|^nf_(conntrack|nat)_ipv[46]$/.test(name)) return many;
  if (/^(nf_conntrack|nf_nat)_|^nfnetlink_ct/.test(name)) return usesHelpers(rules.text) ? many : 0;
  if (/^nf_flow_table/.test(name)) return rules.uses.nf_flow_table === undefined ? 0 : many;
  // Kernels before 5.2 ship some targets once for each family: ipt_MASQUERADE, ip6t_MASQUERADE.
  return rules.uses[name] ?? rules.uses[name.replace(/^ip6?t_/, 'xt_')] ?? 0;
}

function queueRefusals(rules: RulesFacts): readonly Refusal[] {
  return rules.queues.flatMap(({ queue, reader, waiting }) => {
    if (waiting === 0) return [];
    const what = `${waiting} packets wait in queue ${queue} for ${reader}; each holds a flow, and an unload would never end`;
    return [{ code: 'reload-nfqueue', what, remedy: `let ${reader} take them or stop it, or ${LIVE}` }];
  });
}

/** Rules that hold the module must be readable and restorable, whoever owns them. */
function restoreRefusals(facts: Facts, rules: RulesFacts): readonly Refusal[] {
  const code = 'reload-rules-not-restorable';
  const unread = (rules.text.unread ?? []).map((what) => ({ code: 'reload-rules-unreadable', what, remedy: LIVE }));
  const orphans = orphanTables(rules.text).map((table) => {
    const what = `table ${table} mixes rules of iptables and nft: neither tool could load it back`;
    return { code, what, remedy: LIVE };
  });
  const firewalld = facts.firewalls.some(({ name, state }) => name === 'firewalld' && state === 'active');
  const refused = rules.notLoadable.filter(({ table }) => !(firewalld && / firewalld$/.test(table)));
  const tables = refused.map(({ table, why }) => ({
    code,
    what: `nft could not load table ${table} back: ${why}`,
    remedy: LIVE,
  }));
  return [...unread, ...orphans, ...tables, ...runtimeRefusals(rules)];
}

/** firewalld alone can load its table, from its files: what is in force beside them would be gone for good. */
function runtimeRefusals({ runtimeOnly }: RulesFacts): readonly Refusal[] {
  if (runtimeOnly === undefined) return [];
  const code = 'reload-runtime-only';
  const remedy = `make it permanent (firewall-cmd --runtime-to-permanent) or undo it (firewall-cmd --reload), or ${LIVE}`;
  if (!isKnown(runtimeOnly)) {
    const what = `whether firewalld would bring back everything that is in force cannot be told: ${runtimeOnly.unknown}`;
    return [{ code, what, remedy: LIVE }];
  }
  if (runtimeOnly.length === 0) return [];
  const what = `firewalld has changes in force that are not permanent, and its start would lose them: ${runtimeOnly.join(', ')}`;
  return [{ code, what, remedy }];
}
