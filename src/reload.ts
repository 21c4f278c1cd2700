/** The reload of nf_conntrack as a list of steps, and what it costs. Pure. */
import { holdingTables } from './facts/rules-holds.ts';
import {
  type Facts,
  type FirewallName,
  type FirewallOwner,
  known,
  type PlanOptions,
  type ReloadStep,
  type RulesTool,
  type Targets,
} from './model.ts';
import { reloadRefusals } from './reload-refusals.ts';

export { reloadRefusals } from './reload-refusals.ts';

/**
 * Owners that are stopped and started, in the order of their start: first what loads whole files, last firewalld, which
 * takes longest. nftables.service is not among them: its stop flushes the tables of everybody, so its own tables are
 * taken away and loaded back instead, and the unit stays as it is.
 */
const STOPPED: readonly FirewallName[] = ['iptables', 'ip6tables', 'netfilter-persistent', 'ufw', 'firewalld'];

type Stopped = FirewallOwner & { readonly unit: string };

/** The active owners that a reload stops and starts, in the order of their start. */
function stoppedOwners(facts: Facts): readonly Stopped[] {
  const found = facts.firewalls.flatMap((owner) => {
    const { unit } = owner;
    return owner.state === 'active' && unit !== undefined && STOPPED.includes(owner.name) ? [{ ...owner, unit }] : [];
  });
  return found.sort((a, b) => STOPPED.indexOf(a.name) - STOPPED.indexOf(b.name));
}

/**
 * The steps of a reload, in order. Values come back before rules and rules before the programs that add to them; the
 * proof stands before and after those programs.
 * @param facts with `rules` where they could be read; without, the rules to take down are looked for at run time
 * The guard is in force from before the first stop until after the last proof; flows come back between values and rules.
 * @param targets the values that the load and the write-back must give
 * @param asked whether guard and flow carry are wanted; both are unless they are turned off
 */
export function reloadSteps(facts: Facts, targets: Targets, asked: PlanOptions = {}): readonly ReloadStep[] {
  const owners = stoppedOwners(facts);
  const along = unitsAlong(owners);
  const modules = unloadOrder(facts);
  const other = Object.keys(targets.values).length > 0 ? 'the planned ones' : 'max';
  return [
    { step: 'record', what: `the ruleset, the loaded modules, and every conntrack value besides ${other}` },
    ...only(asked.guard, { step: 'guard-up' }),
    ...only(asked.carry, { step: 'save-flows' }),
    ...along.map(({ unit, name }): ReloadStep => ({ step: 'stop', unit, name, along: true })),
    ...[...owners].reverse().map(({ unit, name }): ReloadStep => ({ step: 'stop', unit, name })),
    ...toolsToClear(facts, owners).map((tool): ReloadStep => ({ step: 'clear-rules', tool })),
    { step: 'prove-down' },
    { step: 'drain-flows' },
    ...modules.map((module): ReloadStep => ({ step: 'unload', module })),
    { step: 'load', module: 'nf_conntrack' },
    ...modulesToLoad(facts).map((module): ReloadStep => ({ step: 'load', module })),
    { step: 'write-back' },
    ...only(asked.carry, { step: 'restore-flows' }),
    ...owners.map(({ unit, name }): ReloadStep => ({ step: 'start', unit, name })),
    ...toolsToLoad(facts, owners).map((tool): ReloadStep => ({ step: 'load-rules', tool })),
    { step: 'prove-rules' },
    ...along.map(({ unit }): ReloadStep => ({ step: 'start-along', unit })),
    ...(along.length > 0 ? [{ step: 'prove-rules', along: true } as const] : []),
    // A firewall that applies a sysctl file of its own when it starts has changed values that were just written back.
    ...(facts.config.ufwSysctl.length > 0 && owners.some(({ name }) => name === 'ufw')
      ? [{ step: 'write-back' } as const]
      : []),
    ...only(asked.guard, { step: 'guard-down' }),
  ];
}

/** A step that is there unless it was turned off. */
function only(asked: false | undefined, step: ReloadStep): readonly ReloadStep[] {
  return asked === false ? [] : [step];
}

/** What a reload would cost and what would block it, in words for the summary of the strategies that were not taken. */
export function reloadCost(facts: Facts, asked: PlanOptions = {}): { cost: string; blockedBy: string[] } {
  const stopped = stoppedOwners(facts).map(({ unit }) => unit);
  const down = stopped.length > 0 ? `${stopped.join(', ')} down` : 'rules that use conntrack down';
  const count = known(facts.table.count);
  const all = count === undefined ? 'every flow' : `all ${count} flows`;
  const flows = asked.carry === false ? `${all} forgotten, NAT mappings too` : `${all} held up and carried over`;
  const open = asked.guard === false ? 'the host open meanwhile' : 'everything but ssh that is there waits meanwhile';
  const unknown = facts.rules === undefined ? '; what other network namespaces hold is known to root only' : '';
  return {
    cost: `${flows}; ${down} for some seconds, ${open}${unknown}`,
    blockedBy: reloadRefusals(facts, asked).map(({ what }) => what),
  };
}

/** Units that a stop takes along, once each, with the owner that does it; an owner that is stopped itself is none. */
function unitsAlong(owners: readonly Stopped[]): readonly { unit: string; name: FirewallName }[] {
  const found = new Map<string, FirewallName>();
  for (const { takesAlong, name } of owners) for (const unit of takesAlong) found.set(unit, name);
  for (const { unit } of owners) found.delete(unit);
  return [...found].map(([unit, name]) => ({ unit, name })).sort((a, b) => (a.unit < b.unit ? -1 : 1));
}

/** Every module of the tree, users before what they use, nf_conntrack last; drivers are never touched. */
function unloadOrder(facts: Facts): readonly string[] {
  const { tree } = facts.module;
  const done: string[] = [];
  const visit = (name: string, above: readonly string[]) => {
    const entry = tree[name];
    if (entry === undefined || entry.driver || done.includes(name) || above.includes(name)) return;
    for (const holder of entry.holders) visit(holder, [...above, name]);
    done.push(name);
  };
  visit('nf_conntrack', []);
  return done.filter((name) => name !== 'nf_conntrack').concat('nf_conntrack');
}

/**
 * Modules that no rule brings back by itself: nf_nat (its own table takes its size from the buckets when it is loaded),
 * helpers, and nf_conntrack_netlink, without which a listener to events would hear nothing any more.
 */
function modulesToLoad(facts: Facts): readonly string[] {
  const wanted = Object.keys(facts.module.tree).filter((name) =>
    /^nf_nat(_\w+)?$|^nf_conntrack_\w+$|^nfnetlink_ct\w+$/.test(name),
  );
  if ((facts.rules?.listeners.length ?? 0) > 0) wanted.push('nf_conntrack_netlink');
  const rank = (name: string) => (name === 'nf_nat' ? 0 : name === 'nf_conntrack_netlink' ? 2 : 1);
  return [...new Set(wanted)].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

function toolsToClear(facts: Facts, owners: readonly Stopped[]): readonly (RulesTool | 'netfilter-persistent')[] {
  // Its stop keeps every rule unless FLUSH_ON_STOP is set: /usr/share/netfilter-persistent, plugins' `stop`.
  const flush = owners.some(({ name }) => name === 'netfilter-persistent') ? ['netfilter-persistent' as const] : [];
  const text = facts.rules?.text;
  const legacy = (['iptables-legacy', 'ip6tables-legacy'] as const).filter((tool) => text?.[tool] !== undefined);
  const nft = text === undefined || text.nft !== undefined ? ['nft' as const] : [];
  return [...flush, ...nft, ...legacy];
}

/** Tools whose tables hold the module and belong to nobody who is started: they come back from the record alone. */
function toolsToLoad(facts: Facts, owners: readonly Stopped[]): readonly RulesTool[] {
  const tables = facts.rules === undefined ? [] : holdingTables(facts.rules.text);
  const left = tables.filter((table) => !owners.some((owner) => owns(owner.name, table)));
  return [...new Set(left.map(({ tool }) => tool))];
}

/** Does the start of this owner bring such a table? firewalld has one of its own, or uses iptables for all of them. */
function owns(owner: FirewallName, table: { tool: RulesTool; family: string; name: string }): boolean {
  if (table.tool === 'nft') return owner === 'firewalld' && table.name === 'firewalld';
  if (owner === 'iptables') return table.family === 'ip';
  return owner === 'ip6tables' ? table.family === 'ip6' : true;
}
