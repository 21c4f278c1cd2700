/** Who owns packet filter rules here: units, processes, and what a stop takes along. Pure. */
import type { FirewallName, FirewallOwner } from '../model.ts';

/** Units by owner. An owner with several units is one whose product ships it under other names. */
const UNITS: readonly { readonly unit: string; readonly name: FirewallName }[] = [
  { unit: 'ufw.service', name: 'ufw' },
  { unit: 'iptables.service', name: 'iptables' },
  { unit: 'ip6tables.service', name: 'ip6tables' },
  { unit: 'netfilter-persistent.service', name: 'netfilter-persistent' },
  { unit: 'nftables.service', name: 'nftables' },
  { unit: 'firewalld.service', name: 'firewalld' },
  { unit: 'docker.service', name: 'docker' },
  { unit: 'snap.docker.dockerd.service', name: 'docker' },
  { unit: 'kube-proxy.service', name: 'kube-proxy' },
  { unit: 'k3s.service', name: 'kube-proxy' },
  { unit: 'k3s-agent.service', name: 'kube-proxy' },
  { unit: 'snap.microk8s.daemon-kubelite.service', name: 'kube-proxy' },
];

/** Process names (/proc/PID/comm) that are an owner whatever started them; k3s and microk8s carry kube-proxy inside. */
const PROCESSES: Readonly<Record<string, FirewallName>> = {
  dockerd: 'docker',
  firewalld: 'firewalld',
  'kube-proxy': 'kube-proxy',
  'k3s-server': 'kube-proxy',
  'k3s-agent': 'kube-proxy',
  kubelite: 'kube-proxy',
};

/** Traces of Kubernetes: without any of them, and with a systemd that answers for the rest, no process is looked at. */
export const KUBERNETES = [
  '/var/lib/kubelet',
  '/var/lib/kube-proxy',
  '/etc/kubernetes',
  '/var/lib/rancher',
  '/var/lib/k0s',
  '/var/snap/microk8s',
  '/etc/cni/net.d',
] as const;

/** Is this the name of a process that owns rules whatever started it? */
export function isOwnerProcess(comm: string): boolean {
  return Object.hasOwn(PROCESSES, comm);
}

/** Directories of unit files, any order. Source: systemd.unit(5), unit load path; /etc/init.d is for the SysV form. */
export const UNIT_DIRS = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/run/systemd/generator.late',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
] as const;

/** The units of ours among the names of the unit directories. */
export function installedUnits(names: Iterable<string>): readonly string[] {
  const there = new Set(names);
  return UNITS.map(({ unit }) => unit).filter((unit) => there.has(unit));
}

/** One call for all units: systemctl answers with a block for each, in order, a blank line between. systemctl(1) */
export function showArgv(units: readonly string[], properties: readonly string[]): readonly [string, ...string[]] {
  return ['systemctl', 'show', '--no-pager', `--property=${properties.join(',')}`, '--', ...units];
}

export const OWNER_PROPERTIES = ['Id', 'LoadState', 'ActiveState', 'ConsistsOf', 'BoundBy', 'RequiredBy'];
export const STATE_PROPERTIES = ['Id', 'ActiveState'];

export type UnitShown = Readonly<Record<string, string>>;

/** The properties of each unit, by its real Id: a unit asked for under an alias is there once. */
export function parseShow(text: string): ReadonlyMap<string, UnitShown> {
  const units = new Map<string, UnitShown>();
  for (const block of text.split(/\n{2,}/)) {
    const unit = Object.fromEntries(
      block.split('\n').flatMap((line) => {
        const at = line.indexOf('=');
        return at > 0 ? [[line.slice(0, at), line.slice(at + 1)]] : [];
      }),
    ) as UnitShown;
    if (unit.Id !== undefined) units.set(unit.Id, unit);
  }
  return units;
}

/** The state of a unit: one that is starting, stopping or reloading has rules in play and counts as active. */
export function unitState(active: string | undefined): FirewallOwner['state'] {
  if (active === 'inactive' || active === 'failed') return active;
  if (['active', 'reloading', 'refreshing', 'activating', 'deactivating'].includes(active ?? '')) return 'active';
  return { unknown: `systemd says ${JSON.stringify(active ?? '')} about the state of the unit` };
}

/** Units that a stop of this one stops too. Source: systemd.unit(5): PartOf=, BindsTo= and Requires=, seen from here. */
export function follows(unit: UnitShown): readonly string[] {
  const names = [unit.ConsistsOf, unit.BoundBy, unit.RequiredBy].flatMap((list) => (list ?? '').split(' '));
  return [...new Set(names.filter((name) => name !== ''))].sort();
}

/** What is known of the owners before they are put together. */
export type OwnerTraces = {
  readonly shown: ReadonlyMap<string, UnitShown>;
  /** units that are active, among those that follow an owner's stop */
  readonly activeFollowers: ReadonlySet<string>;
  /** unit files without a systemd that could be asked, and why not */
  readonly unasked: { readonly units: readonly string[]; readonly why: string };
  /** /proc/PID/comm of what runs; undefined when processes could not be seen */
  readonly processes: readonly string[];
  /** ENABLED=yes in /etc/ufw/ufw.conf; undefined when there is no such file */
  readonly ufwEnabled: boolean | undefined;
};

/** The owners of rules on this host, in a fixed order; what is not installed is left out. */
export function owners(traces: OwnerTraces): readonly FirewallOwner[] {
  const found: FirewallOwner[] = [];
  for (const { unit, name } of UNITS) {
    const shown = traces.shown.get(unit);
    const exists = shown !== undefined && shown.LoadState !== 'not-found';
    if (!exists && !traces.unasked.units.includes(unit)) continue;
    const state = exists ? unitState(shown.ActiveState) : { unknown: traces.unasked.why };
    const takesAlong = exists ? follows(shown).filter((each) => traces.activeFollowers.has(each)) : [];
    found.push({ name, unit, state: name === 'ufw' ? ufwState(state, traces.ufwEnabled) : state, takesAlong });
  }
  return [...found.filter((owner) => !outrun(owner, traces.processes)), ...running(found, traces.processes)];
}

/**
 * ufw.service does nothing while ENABLED=no; and `ufw enable` brings the rules up without the unit.
 * Source: ufw-init-functions and `ufw enable` of ufw 0.36.
 */
function ufwState(unit: FirewallOwner['state'], enabled: boolean | undefined): FirewallOwner['state'] {
  if (enabled === false && unit !== 'failed') return 'inactive';
  if (enabled === true && unit === 'inactive') {
    return {
      unknown: 'ufw is enabled in /etc/ufw/ufw.conf, its unit is inactive: the rules may be up without the unit',
    };
  }
  return unit;
}

function runs(name: FirewallName, processes: readonly string[]): boolean {
  return processes.some((comm) => Object.hasOwn(PROCESSES, comm) && PROCESSES[comm] === name);
}

/** A unit that is not active while the owner runs as a process started by something else: the process counts. */
function outrun(owner: FirewallOwner, processes: readonly string[]): boolean {
  return owner.state !== 'active' && runs(owner.name, processes);
}

function running(found: readonly FirewallOwner[], processes: readonly string[]): readonly FirewallOwner[] {
  const covered = new Set(found.filter((owner) => owner.state === 'active').map((owner) => owner.name));
  const names = [...new Set(Object.values(PROCESSES))].filter((name) => !covered.has(name) && runs(name, processes));
  return names.map((name) => ({ name, state: 'active', takesAlong: [] }));
}
