/** What a diagnosis could not look at: said, with the reason and the way, never passed over. Pure. */
import { type Facts, isKnown, known, type Maybe } from '../model.ts';
import { decidedOutside } from '../nextboot.ts';
import { placeOf } from '../own.ts';
import { grouped } from '../render/numbers.ts';
import { quoted, type Seen, type Unseen } from './finding.ts';
import { proxyUnseen } from './kube-proxy.ts';

const SUDO = 'sudo ctfix doctor';

/** Everything that is unknown and could have changed the verdict. */
export function unseenIn(seen: Seen): readonly Unseen[] {
  const { facts } = seen;
  if (facts.kind === 'sysroot') {
    return [
      ...unread(facts),
      { what: 'everything live', why: 'a directory tree has no kernel (--root)', how: `${SUDO} on the host itself` },
    ];
  }
  return [
    ...outside(facts),
    ...proxyUnseen(seen),
    ...table(facts),
    ...log(facts),
    ...counters(facts),
    ...namespaces(facts),
    ...flows(facts),
    ...cloud(facts),
    ...initramfs(facts),
    ...unread(facts),
  ];
}

/** A sentence for an unknown; [] for what is known, and for what was not asked for. */
function told<T>(what: string, value: Maybe<T> | undefined, how: string): Unseen[] {
  return value === undefined || isKnown(value) ? [] : [{ what, why: value.unknown, how }];
}

function table({ table: { max, count, buckets }, module, machine }: Facts): Unseen[] {
  if (module.state === 'absent') return [];
  const inside = machine.container === undefined ? SUDO : `${SUDO} on the host, outside the container`;
  return [
    ...told('the size of the table', max, inside),
    ...told('the number of flows', count, inside),
    ...told('the buckets', buckets, inside),
  ].slice(0, 1);
}

function log({ log: lines, root }: Facts): Unseen[] {
  return told('the kernel log', lines, root ? 'journalctl -k -b | grep "table full"' : SUDO);
}

function outside(facts: Facts): Unseen[] {
  const why = decidedOutside(facts);
  if (why === undefined) return [];
  return [
    {
      what: 'who sets max and buckets, and what the next boot gives',
      why,
      how: `${SUDO} on the host`,
    },
  ];
}

/** conntrack -S asks by netlink, and would load nf_conntrack_netlink where that is not there. */
function counters({ module, root, table: { counters: seen } }: Facts): Unseen[] {
  if (module.state === 'absent') return [];
  const loaded = 'nf_conntrack_netlink' in module.tree;
  const how = loaded ? 'sudo conntrack -S' : 'sudo conntrack -S (it loads nf_conntrack_netlink)';
  return told('drops, evictions and refused flows', seen, loaded && !root ? SUDO : how);
}

function namespaces({ diagnosis, root }: Facts): Unseen[] {
  const found = diagnosis?.namespaces;
  const hidden = (known(found ?? { unknown: '' }) ?? []).flatMap(({ inode, name, counters: seen }) =>
    told(
      `the table of network namespace ${name ?? inode}`,
      seen,
      name === undefined ? 'sudo ctfix top --namespaces' : `sudo ip netns exec ${quoted(name)} sysctl ${COUNT_KEY}`,
    ),
  );
  const [first] = hidden;
  const many: Unseen[] =
    first === undefined || hidden.length === 1
      ? hidden
      : [{ ...first, what: `the tables of ${grouped(hidden.length)} other network namespaces` }];
  return [...told('other network namespaces', found, root ? 'sudo lsns -t net' : SUDO), ...many];
}

const COUNT_KEY = 'net.netfilter.nf_conntrack_count';

/** Who fills the table is of interest from half full on. */
function flows({ diagnosis, table: { count, max }, root }: Facts): Unseen[] {
  const [flow = 0, limit = 0] = [known(count), known(max)];
  return limit > 0 && flow >= limit / 2
    ? told('who fills the table', diagnosis?.sample, root ? 'sudo ctfix top' : SUDO)
    : [];
}

const CLOUDS = {
  gcp: { name: 'Google Cloud', how: 'in Cloud Monitoring; the limit follows from the machine type' },
  azure: { name: 'Azure', how: 'in Azure Monitor: Inbound Flows and Outbound Flows of the virtual machine' },
} as const;

/** Neither driver has a counter for it. */
function cloud({ diagnosis }: Facts): Unseen[] {
  const { vendor, interfaces = [] } = diagnosis?.cloud ?? {};
  const hidden = interfaces.flatMap(({ name, exceeded }) =>
    told(
      `the limit of connections of the cloud (${name})`,
      exceeded,
      `sudo ethtool -S ${quoted(name)} | grep conntrack_allowance`,
    ),
  );
  if (vendor !== 'gcp' && vendor !== 'azure') return hidden;
  const { name, how } = CLOUDS[vendor];
  return [
    ...hidden,
    { what: `the limit of connections of ${name}`, why: 'it is not counted inside of a machine', how },
  ];
}

function initramfs({ diagnosis }: Facts): Unseen[] {
  return told(
    'whether the initramfs has old options of nf_conntrack',
    diagnosis?.initramfs?.newer,
    'lsinitramfs, or lsinitrd',
  );
}

/** Where there is nothing to read: a link that leads nowhere, a name that not every modprobe takes. */
const NO_TEXT = /^(a link to|modprobe of kmod)/;

/** Files that exist and could not be read. */
function unread({ problems, root }: Facts): Unseen[] {
  return problems
    .filter(({ file, line, what }) => line === undefined && file.startsWith('/etc/') && !NO_TEXT.test(what))
    .map((problem) => ({
      what: placeOf(problem),
      why: problem.what,
      how: root ? `ls -l ${quoted(problem.file)}` : SUDO,
    }));
}
