/** Facts of hosts that exist in memory only, and what a kernel and a file system make of a plan. */
import { readFileSync } from 'node:fs';
import { compareBytes, precedence } from '../../src/facts/dropins.ts';
import { installHooks, parseModulesLoad, parseUdev } from '../../src/facts/hooks.ts';
import { parseModprobe } from '../../src/facts/modprobe-files.ts';
import { isOwn } from '../../src/facts/own.ts';
import { effective, parseSysctl, sysctlProblems } from '../../src/facts/sysctl-files.ts';
import { parseProfile } from '../../src/facts/tuned.ts';
import { roundBuckets } from '../../src/kernel.ts';
import {
  type Action,
  type ConfigFacts,
  type Facts,
  known,
  type MachineFacts,
  type ModuleFacts,
  type Plan,
  type Problem,
  type TableFacts,
} from '../../src/model.ts';
import type { Templates } from '../../src/template.ts';

const read = (name: string) => readFileSync(new URL(`../../templates/${name}`, import.meta.url), 'utf8');

/** The templates as they are shipped. */
export const templates: Templates = {
  modprobe: read('nf_conntrack.conf'),
  sysctl: read('90-ctfix-conntrack.conf'),
  udev: read('90-ctfix-conntrack.rules'),
  install: read('90-ctfix-install.conf'),
};

export const GIB = 2 ** 20;

/** What may be said about a host; everything else is a Debian 12 on 2 GiB with the module loaded and defaults. */
export type Said = {
  readonly kind?: Facts['kind'];
  readonly machine?: Partial<MachineFacts>;
  readonly module?: Partial<ModuleFacts>;
  readonly table?: Partial<TableFacts>;
  readonly log?: Facts['log'];
  readonly firewalls?: Facts['firewalls'];
  /** path → text; links: path → where it leads */
  readonly files?: Readonly<Record<string, string>>;
  readonly links?: Readonly<Record<string, string>>;
  readonly cmdlineHashsize?: number;
  readonly lastChange?: Facts['lastChange'];
};

const machine: MachineFacts = {
  kernel: '6.1.0-56-cloud-amd64',
  version: 'Linux version 6.1.0-56-cloud-amd64 (gcc-12) #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-08-01)',
  arch: 'x86_64',
  bits: 64,
  pageSize: 4096,
  memTotalKiB: 2 * GIB - 60_000,
  cpus: 4,
  bootId: 'b0000000-0000-4000-8000-000000000001',
  machineId: '0123456789abcdef0123456789abcdef',
  uptime: 5000,
  os: { id: 'debian', version: '12', name: 'Debian GNU/Linux 12 (bookworm)' },
  systemd: true,
  udev: true,
  systemdSysctl: '/usr/lib/systemd/systemd-sysctl',
};

/** The values of a fresh table. */
export const values: Readonly<Record<string, string>> = {
  acct: '0',
  events: '2',
  timestamp: '0',
  tcp_timeout_established: '432000',
  tcp_timeout_time_wait: '120',
  udp_timeout: '30',
  udp_timeout_stream: '120',
  generic_timeout: '600',
};

const table: TableFacts = {
  max: 65536,
  buckets: 65536,
  count: 120,
  namespace: 'initial',
  writable: true,
  counters: { drop: 0, early_drop: 0, insert_failed: 0, chainlength: 0 },
  countersLater: { drop: 0, early_drop: 0, insert_failed: 0, chainlength: 0 },
  slabObject: { unknown: 'only root can read it' },
  values,
};

const absent = (): TableFacts => {
  const unknown = { unknown: 'the module is not loaded' };
  return {
    ...table,
    max: unknown,
    buckets: unknown,
    count: unknown,
    counters: unknown,
    countersLater: unknown,
    values: {},
  };
};

const plain = { refcnt: 0, holders: [], driver: false };

/** Facts of a host. */
export function factsOf(said: Said = {}): Facts {
  const module: ModuleFacts = {
    state: 'loaded',
    loadable: true,
    tree: said.module?.state === 'absent' ? {} : { nf_conntrack: plain },
    inode: 4711,
    ...said.module,
  };
  const { config, problems } = configOf(said.files ?? {}, said.links ?? {});
  const base = module.state === 'absent' || said.kind === 'sysroot' ? absent() : table;
  return {
    schema: 'ctfix.facts/v1',
    kind: said.kind ?? 'live',
    root: false,
    machine: { ...machine, ...said.machine },
    module,
    table: { ...base, ...said.table },
    log: said.log ?? { source: 'kmsg', full: [], total: 0 },
    firewalls: said.firewalls ?? [],
    config: { ...config, ...(said.cmdlineHashsize === undefined ? {} : { cmdlineHashsize: said.cmdlineHashsize }) },
    ...(said.lastChange === undefined ? {} : { lastChange: said.lastChange }),
    problems,
  };
}

/** Kernel log lines of a full table. */
export function fullLog(...at: readonly number[]): Facts['log'] {
  const text = 'nf_conntrack: nf_conntrack: table full, dropping packet';
  return { source: 'kmsg', full: at.map((each) => ({ at: each, text })), total: at.length };
}

type Files = Readonly<Record<string, string>>;

/** What the loaders make of a tree of files, by the parsers that read real hosts. */
function configOf(files: Files, links: Files = {}): { config: ConfigFacts; problems: readonly Problem[] } {
  const text = (path: string) => files[links[path] ?? path];
  const paths = [...new Set([...Object.keys(files), ...Object.keys(links)])];
  const dropIns = (family: string, suffix = '.conf') => {
    const dirs = ['/etc', '/run', '/usr/local/lib', '/usr/lib'].map((root) => `${root}/${family}`);
    const listings = dirs.map((dir) => ({
      dir,
      names: paths.filter((path) => path.startsWith(`${dir}/`)).map((path) => path.slice(dir.length + 1)),
    }));
    return precedence(listings, suffix).map(({ path }) => ({ path, text: text(path) ?? '' }));
  };
  const sysctl = dropIns('sysctl.d').map(({ path, text }) => ({ file: path, entries: parseSysctl(text) }));
  const single = (path: string) =>
    files[path] === undefined ? [] : [{ file: path, entries: parseSysctl(files[path]) }];
  const modprobe = dropIns('modprobe.d').map(({ path, text }) => parseModprobe(path, text));
  const lines = modprobe.flatMap(({ lines }) => lines);
  const conf = single('/etc/sysctl.conf');
  const config: ConfigFacts = {
    systemdSysctl: effective(sysctl, 'systemd'),
    procpsSysctl: effective([...sysctl, ...conf], 'procps'),
    ufwSysctl: effective(single('/etc/ufw/sysctl.conf'), 'procps'),
    modprobe: lines,
    modulesLoad: dropIns('modules-load.d').flatMap(({ path, text }) => parseModulesLoad(path, text)),
    hooks: [
      ...dropIns('udev/rules.d', '.rules').flatMap(({ path, text }) => parseUdev(path, text)),
      ...installHooks(lines),
    ],
    tuned: paths
      .filter((path) => path.endsWith('/tuned.conf'))
      .flatMap((path) => parseProfile(path, text(path) ?? '').above),
    own: Object.fromEntries(Object.entries(files).filter(([path]) => isOwn(path))),
    texts: Object.fromEntries(paths.sort(compareBytes).map((path) => [path, text(path) ?? ''])),
    links,
  };
  return { config, problems: [...modprobe.flatMap(({ problems }) => problems), ...sysctl.flatMap(sysctlProblems)] };
}

/**
 * The host after apply, as a kernel and a file system leave it: files written, hashsize rounded, max as it was after a
 * resize. Log lines, counters and count stay as they were; the change is on record.
 */
export function simulate(facts: Facts, plan: Plan): Facts {
  const { links = {}, texts = {}, own } = facts.config;
  const files: Record<string, string> = { ...own };
  for (const [path, text] of Object.entries(texts)) files[links[path] ?? path] = text;
  let { table } = facts;
  for (const action of plan.actions) {
    if (action.do === 'write-file') {
      if (files[action.path] !== action.before) throw new Error(`${action.path} is not as the plan says`);
      if (action.after === undefined) delete files[action.path];
      else files[action.path] = action.after;
    }
    if (action.do === 'set-value') table = written(facts, table, action);
  }
  if (plan.actions.some((action) => action.do === 'reload')) {
    const { max, buckets, values: planned } = plan.sizing.targets;
    table = { ...table, max, buckets: roundBuckets(buckets, facts.machine), values: { ...table.values, ...planned } };
  }
  const { config, problems } = configOf(files, links);
  const { cmdlineHashsize } = facts.config;
  return {
    ...facts,
    table,
    config: { ...config, ...(cmdlineHashsize === undefined ? {} : { cmdlineHashsize }) },
    problems,
    ...(plan.actions.length === 0 ? {} : { lastChange: recordOf(facts, plan) }),
  };
}

function written(facts: Facts, table: TableFacts, action: Extract<Action, { do: 'set-value' }>): TableFacts {
  const value = Number(action.after);
  const name = action.path.replace(/^.*\/(nf_conntrack_)?/, '');
  const before =
    name === 'max' ? table.max : name === 'buckets' || name === 'hashsize' ? table.buckets : table.values[name];
  if (String(before) !== action.before) throw new Error(`${action.path} is ${String(before)}, not ${action.before}`);
  if (name === 'max') return { ...table, max: value };
  if (name === 'buckets' || name === 'hashsize') return { ...table, buckets: roundBuckets(value, facts.machine) };
  return { ...table, values: { ...table.values, [name]: action.after } };
}

function recordOf(facts: Facts, plan: Plan): NonNullable<Facts['lastChange']> {
  const counters = known(facts.table.countersLater) ?? known(facts.table.counters);
  const max = known(facts.table.max);
  const buckets = known(facts.table.buckets);
  return {
    id: '20261124-050000-1',
    at: '2026-11-24T05:00:00.000Z',
    bootId: known(facts.machine.bootId) ?? '',
    uptime: known(facts.machine.uptime) ?? 0,
    outcome: 'applied',
    options: plan.options,
    strategy: plan.strategy.taken,
    targets: plan.sizing.targets,
    before: { ...(max === undefined ? {} : { max }), ...(buckets === undefined ? {} : { buckets }) },
    ...(counters === undefined ? {} : { counters }),
  };
}
