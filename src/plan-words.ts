/** What a plan says beside its actions: what stays and why, what to know, what could not be found out. Pure. */
import { bucketsKeyIsWritable, resizeIsSafe } from './kernel.ts';
import {
  type Action,
  type Facts,
  isKnown,
  known,
  type Maybe,
  type Plan,
  type Sizing,
  type StrategyChoice,
} from './model.ts';
import { failingLine, type Held, heldAtBoot, isActive, nextBoot } from './nextboot.ts';
import { BUCKETS_KEY, keyOf, MAX_KEY, OWN, placeOf } from './own.ts';
import { KUBE_PROXY_REMEDY } from './owners.ts';
import { isLess } from './present.ts';
import { grouped } from './render/numbers.ts';

/** Every value that needs nothing, with the reason. */
export function unchangedOf(facts: Facts, { targets, verdict }: Sizing, live: readonly Action[]): Plan['unchanged'] {
  const changed = new Set(live.flatMap((action) => (action.do === 'set-value' ? [action.name] : [])));
  const reloads = live.some((action) => action.do === 'reload');
  const rows: Plan['unchanged'][number][] = [];
  for (const [key, now, target] of [
    [BUCKETS_KEY, known(facts.table.buckets), targets.buckets],
    [MAX_KEY, known(facts.table.max), targets.max],
  ] as const) {
    if (reloads || changed.has(key) || (key === BUCKETS_KEY && changed.has('nf_conntrack hashsize'))) continue;
    rows.push({ item: key, why: valueWhy(now, target, heldAtBoot(facts, key)) });
  }
  for (const [name, value] of Object.entries(targets.values)) {
    const now = facts.table.values[name];
    if (now === value) rows.push({ item: keyOf(name), why: `is ${value} already` });
    else if (now === undefined)
      rows.push({ item: keyOf(name), why: 'does not exist now; it comes with the next load of the module' });
  }
  if (verdict === 'nothing') rows.push({ item: 'files', why: 'nothing has to be held, so none is written' });
  return rows;
}

function valueWhy(now: number | undefined, target: number, held: Maybe<Held> | undefined): string {
  const next = held === undefined || !isKnown(held) ? '' : `; next boot: ${grouped(held.value)} (${held.why})`;
  if (now === undefined) return `there is no live value to change${next}`;
  if (now !== target) return `stays ${grouped(now)} until the next load of the module`;
  return `is ${grouped(now)} already${next}`;
}

/** What a reader should know before agreeing. */
export function notesOf(facts: Facts, sizing: Sizing, strategy: StrategyChoice, live: readonly Action[]): string[] {
  const { machine, module, problems } = facts;
  const quiet = sizing.verdict === 'nothing';
  const resizes = live.some((action) => action.do === 'set-value' && /buckets|hashsize/.test(action.name));
  const waits =
    strategy.taken === 'live' && !resizeIsSafe(machine.kernel) && known(facts.table.buckets) !== sizing.targets.buckets;
  return [
    ...(resizes && 'nf_nat' in module.tree
      ? [
          'nf_nat is loaded: its own table (by source) keeps its size until nf_nat is loaded again; a live resize never reaches it',
        ]
      : []),
    ...kubeProxyNotes(facts, sizing),
    ...(waits && !quiet
      ? ['before kernel 4.7 a resize is not safe under traffic: the buckets come with the next load of the module']
      : []),
    ...(module.state === 'builtin' && !quiet ? [builtinNote(facts, sizing)] : []),
    ...(machine.container !== undefined && quiet
      ? [`this is a container (${machine.container}): the table belongs to its host`]
      : []),
    ...(facts.kind === 'sysroot' ? ['live kernel values were not looked at: this is a directory tree (--root)'] : []),
    ...(module.state === 'absent' && !module.loadable && facts.kind === 'live'
      ? ['nf_conntrack is neither loaded nor to be found for this kernel']
      : []),
    ...loadNotes(facts, sizing),
    ...problems.map((problem) => `${placeOf(problem)}: ${problem.what}`),
  ];
}

/** Whatever kube-proxy found before, it may set its own figure: which releases do has changed several times. */
function kubeProxyNotes(facts: Facts, { verdict, targets }: Sizing): string[] {
  const now = known(facts.table.max);
  if (verdict === 'nothing' || now === undefined || !isActive(facts, 'kube-proxy')) return [];
  if (!isLess(now, targets.max) && nextBoot(facts).boot.max !== undefined) return [];
  return [
    'kube-proxy is active: k3s, and some releases of kube-proxy elsewhere, set max back to a figure of their own (32,768 for ' +
      `each core, at least 131,072) whenever they start; to keep ${grouped(targets.max)}, ${KUBE_PROXY_REMEDY}`,
  ];
}

function builtinNote({ machine }: Facts, { targets }: Sizing): string {
  const cmdline = `nf_conntrack.hashsize=${targets.buckets} on the kernel command line`;
  return bucketsKeyIsWritable(machine.kernel)
    ? `nf_conntrack is built in: modprobe.d does not count, the buckets are held by ${OWN.sysctl}; ${cmdline} would do as well`
    : `nf_conntrack is built in and this kernel takes the buckets at boot only: set ${cmdline}`;
}

/** A load of the module by hand, or by a firewall that takes it away and back, can lose what a boot keeps. */
function loadNotes(facts: Facts, { verdict }: Sizing): string[] {
  const now = known(facts.table.max);
  const { boot, load } = nextBoot(facts);
  if (verdict !== 'nothing' || now === undefined || load.max === undefined || facts.module.state !== 'loaded')
    return [];
  if (load.max.value === now || boot.max?.value !== now) return [];
  return [`a load of the module after the boot would give max ${grouped(load.max.value)} (${load.max.why})`];
}

/** What could not be found out, and which answer that costs. */
export function unknownsOf(facts: Facts): Plan['unknowns'] {
  const { table, module, machine, kind } = facts;
  if (kind === 'sysroot') return [];
  const row = <T>(what: string, value: Maybe<T>, costs: string) =>
    isKnown(value) ? [] : [{ what: `${what}: ${value.unknown}`, costs }];
  const loaded = module.state === 'loaded' || module.state === 'builtin';
  return [
    ...(loaded ? row('max', table.max, 'whether the table is large enough') : []),
    ...(loaded ? row('buckets', table.buckets, 'how long the chains are') : []),
    ...(loaded ? row('count', table.count, 'how full the table is; no demand is computed from it') : []),
    ...row('the network namespace', table.namespace, 'whether the values can be changed from here; apply finds out'),
    ...row('whether values can be written', table.writable, 'whether apply will be refused; it finds out'),
    ...(loaded
      ? row('the slab object', table.slabObject, 'the exact memory for a flow; the figure by kernel version is taken')
      : []),
    ...(loaded && failingLine(facts) === undefined ? nextBootRows(facts) : []),
    ...row('the boot id', machine.bootId, 'whether the last change was made since the boot'),
  ];
}

/** One row where one reason hides both sizes. */
function nextBootRows(facts: Facts): Plan['unknowns'][number][] {
  const costs = 'whether what there is now, or is planned, is there then';
  const why = [MAX_KEY, BUCKETS_KEY].flatMap((key) => {
    const held = heldAtBoot(facts, key);
    return held === undefined || isKnown(held) ? [] : [held.unknown];
  });
  return [...new Set(why)].map((unknown) => ({ what: `what the next boot gives: ${unknown}`, costs }));
}
