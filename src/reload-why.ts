/** Why each step of a reload is there, in words for the plan. Pure. */
import { type Action, type Facts, known, type PlanOptions, type ReloadStep } from './model.ts';
import { grouped } from './render/numbers.ts';

/**
 * The reason for a step; it names the listeners for whom nf_conntrack_netlink is loaded again.
 * @param step one of `reloadSteps`
 * @param facts the facts it was made from
 */
export function reloadWhy(step: ReloadStep, facts: Facts): string {
  switch (step.step) {
    case 'record':
      return 'what cannot be given back must not be taken down';
    case 'stop':
      return step.along === true ? `the stop of ${step.name} would take it along` : 'its rules hold the module';
    case 'clear-rules':
      return step.tool === 'netfilter-persistent'
        ? 'its stop keeps every rule'
        : 'what the stop leaves holds the module';
    case 'prove-down':
      return 'a stop can end half-way and still say that it worked';
    case 'unload':
      return step.module === 'nf_conntrack' ? 'it takes its options at a load only' : 'it uses nf_conntrack';
    case 'load':
      return loadWhy(step.module, facts.rules?.listeners ?? []);
    case 'write-back':
      return 'a load resets every value, and a firewall may set some of its own';
    case 'start':
      return 'it was active before';
    case 'load-rules':
      return 'no start brings these rules back';
    case 'prove-rules':
      return 'what is missing is given back from the record';
    case 'start-along':
      return 'it was active before the stop took it along';
    case 'guard-up':
      return 'nobody gets in while the firewall is down, and nothing goes out that it would hold back';
    case 'guard-down':
      return 'the firewall is proved to be what it was';
    case 'save-flows':
      return 'an unload forgets every flow';
    case 'drain-flows':
      return 'a packet that holds a flow would keep the unload from ever ending';
    case 'restore-flows':
      return 'before any rule is back, so that no packet of theirs looks new';
  }
}

/**
 * What a reader should know of guard and flow carry before agreeing to a reload.
 * @param live the steps of the plan
 */
export function reloadNotes(facts: Facts, asked: PlanOptions, live: readonly Action[]): string[] {
  if (!live.some((action) => action.do === 'reload')) return asked.strategy === 'reload' ? notDone(facts) : [];
  const count = known(facts.table.count);
  const carried = count === undefined ? 'the flows are' : `${grouped(count)} flows are`;
  const flows =
    asked.carry === false
      ? 'no flow is carried over (--no-carry): every connection is forgotten, and those behind NAT break'
      : `${carried} carried over, with NAT, marks, zones, timeouts and states; what cannot be is what helpers expect${helpers(facts)}, the helper of a flow, labels, and the tracking of TCP windows`;
  return [
    flows,
    ...(asked.carry === false && facts.guard?.conntrack === 'no-program' ? [BLIND] : []),
    asked.guard === false
      ? 'there is no guard (--no-guard): whoever sends in these seconds gets in'
      : `while the firewall is down nothing gets through but ssh connections that are there${ssh(facts)}, loopback, ICMP, neighbour discovery and DHCP`,
    ...(asked.guard === false && asked.carry !== false
      ? ['without the guard, connections behind NAT may break though their flows are carried over']
      : []),
  ];
}

const BLIND =
  'there is no conntrack to flush the table with, so that nobody can tell beforehand whether a packet on its way (a stalled qdisc, a queue) holds a flow: the unload would then never end, and only a reboot would end it; the package conntrack or conntrack-tools has it';

/** Asked for with the size that is there already: a second run must not stop the firewall again. */
function notDone({ kind, module }: Facts): string[] {
  if (kind === 'sysroot' || module.state !== 'loaded') return [];
  return [
    'a reload was asked for and none is done: the table has the wanted size already, and a reload would bring nothing but a pause; it is done for another --max or --hashsize',
  ];
}

/** Modules of helpers, such as nf_conntrack_ftp; not every module of that name is one. */
function helpers({ module }: Facts): string {
  const other = /^nf_conntrack_(netlink|bridge|ipv4|ipv6|broadcast|proto_\w+)$/;
  const found = Object.keys(module.tree).filter((name) => name.startsWith('nf_conntrack_') && !other.test(name));
  return found.length > 0 ? ` (${found.join(', ')})` : '';
}

function ssh({ guard }: Facts): string {
  if (guard === undefined) return '';
  const from = [...new Set(guard.ssh.map(({ theirs }) => theirs))];
  return from.length > 0 ? ` (from ${from.join(', ')})` : ' (none)';
}

function loadWhy(module: string, listeners: readonly string[]): string {
  if (module === 'nf_conntrack') return 'with the options that are in its file now';
  if (module !== 'nf_conntrack_netlink' || listeners.length === 0) return 'it was loaded before';
  const [verb, hear] = listeners.length === 1 ? ['listens', 'hears'] : ['listen', 'hear'];
  return `${listeners.join(', ')} ${verb} to conntrack events and ${hear} on afterwards`;
}
