/** Connections that are lost elsewhere than in the kernel's table, and a module that hangs on its way out. Pure. */
import { type Facts, isKnown, known } from '../model.ts';
import { grouped, plural } from '../render/numbers.ts';
import { type Finding, quoted, type Seen } from './finding.ts';

/**
 * The cloud has a table of connections of its own for each machine, and drops what does not fit. Source: EC2, "network
 * performance metrics for the ENA driver": conntrack_allowance_exceeded, a count of packets since the driver was loaded.
 */
export function cloudLimit({ facts }: Pick<Seen, 'facts'>): Finding | undefined {
  const { interfaces = [] } = facts.diagnosis?.cloud ?? {};
  const rows = interfaces.flatMap(({ name, exceeded, exceededLater, available }) => {
    const [first, later] = [known(exceeded) ?? 0, known(exceededLater) ?? 0];
    if (later === 0) return [];
    const rise = Math.max(0, later - first);
    const left = available === undefined ? '' : `, room for ${plural(available, 'more connection')}`;
    return [
      {
        now: rise > 0 || available === 0,
        text: `${name}: conntrack_allowance_exceeded ${grouped(later)}${rise > 0 ? `, ${grouped(rise)} of them in half a second` : ', none just now'}${left}`,
      },
    ];
  });
  if (rows.length === 0) return undefined;
  const now = rows.some((row) => row.now);
  return {
    code: 'cloud-limit',
    severity: now ? 'critical' : 'warning',
    what: `the cloud ${now ? 'drops' : 'has dropped'} packets at its own limit of connections: that is not the table of this kernel, and no setting here raises it`,
    proof: rows.map(({ text }) => text),
    remedies: [
      { say: 'take a larger instance type, or spread the connections over more machines' },
      {
        say: 'or have fewer tracked: security groups that allow all traffic both ways are not tracked; shorter idle timeouts for the network interface',
      },
      { say: 'watch it', command: `watch -d "ethtool -S ${quoted(interfaces[0]?.name ?? 'eth0')} | grep conntrack"` },
    ],
  };
}

const DATAPATHS = {
  cilium: { name: 'Cilium', command: 'cilium-dbg status --verbose' },
  'calico-ebpf': { name: 'Calico (eBPF)', command: 'calico-node -bpf conntrack dump' },
} as const;

/** A datapath with tables of its own: its traffic is not in this table, and its drops are not, either. */
export function otherDatapath({ facts }: Pick<Seen, 'facts'>): Finding | undefined {
  const [found] = facts.diagnosis?.datapaths ?? [];
  if (found === undefined) return undefined;
  const { name, command } = DATAPATHS[found.name];
  const count = known(facts.table.count);
  return {
    code: 'other-datapath',
    severity: 'note',
    what: `${name} tracks connections in tables of its own: when those are full, nothing here shows it`,
    proof: [`${found.trace} is there${count === undefined ? '' : `; ${plural(count, 'flow')} in the kernel's table`}`],
    remedies: [{ say: `ask ${name}, in its pod on this node`, command }],
  };
}

/** An unload that does not end: a packet somewhere still refers to a flow (nf_conntrack_cleanup_net_list waits for it). */
export function unloadHangs({ facts }: { readonly facts: Facts }): Finding | undefined {
  if (facts.module.state !== 'unloading') return undefined;
  return {
    code: 'unload-hangs',
    severity: 'critical',
    what: 'nf_conntrack is being unloaded and does not come to an end: no stateful rule can be loaded meanwhile',
    proof: ['its state is that of a module on its way out (/proc/modules, initstate)', ...holding(facts)],
    remedies: [
      {
        say: 'free the packets that wait: a stalled queueing discipline (tc qdisc), a program that reads an nfqueue and hangs',
      },
      { say: 'else only a reboot ends it', command: 'sudo systemctl reboot' },
    ],
  };
}

function holding({ table }: Facts): string[] {
  return isKnown(table.count) ? [`${plural(table.count, 'flow')} left`] : [];
}
