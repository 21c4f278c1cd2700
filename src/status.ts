/** The connection table as it is, every number with where it comes from. Pure. */
import { averageChain, chainLimitIsShort } from './kernel.ts';
import { billOf, pricesOf } from './memory.ts';
import { type ChangeRecord, type Facts, isKnown, known, type Maybe, type Sizing } from './model.ts';
import { changesAtBoot, type Origin, origins } from './origin.ts';
import { leavesGap, type Passed, passedOver, wouldCount } from './passed-over.ts';
import { type Drop, dropsOf } from './status-drops.ts';

/** What `ctfix status -o json` prints. What is not there is absent, what could not be found out is `unknown`. */
export type Status = {
  readonly schema: 'ctfix.status/v1';
  /** version of ctfix */
  readonly ctfix: string;
  /** ISO 8601 */
  readonly at: string;
  readonly kind: Facts['kind'];
  readonly host: Pick<Facts['machine'], 'kernel' | 'memTotalKiB' | 'container'> & { readonly os: string };
  readonly module: {
    readonly state: Facts['module']['state'];
    /** loaded modules that need it, directly or through others */
    readonly users: readonly string[];
    readonly namespace: Maybe<'initial' | 'child'>;
  };
  /** absent without the module */
  readonly table?: TableStatus;
  /** absent without the module */
  readonly drops?: Maybe<readonly Drop[]>;
  readonly memory?: MemoryStatus;
  readonly origins: readonly Origin[];
  readonly firewalls: readonly Pick<Facts['firewalls'][number], 'name' | 'unit' | 'state'>[];
  /** the last change of ctfix, whatever became of it */
  readonly change?: Maybe<Pick<ChangeRecord, 'id' | 'at' | 'outcome' | 'strategy'>>;
  /** a change that goes back unless it is confirmed, and in how many seconds; 0 when the time is over */
  readonly pending?: { readonly id: string; readonly secondsLeft: Maybe<number> };
  /** what the last change in force promised */
  readonly target?: ChangeRecord['targets'] & { readonly change: string };
  readonly drift: Drift;
  /** what `ctfix plan` would say */
  readonly plan?: Pick<Sizing, 'verdict'> & { readonly reason: string; readonly max: number; readonly buckets: number };
  readonly problems: Facts['problems'];
};

type TableStatus = {
  readonly count: Maybe<number>;
  /** 0 is no limit */
  readonly max: Maybe<number>;
  readonly buckets: Maybe<number>;
  /** count / max; absent without a limit */
  readonly fill?: Maybe<number>;
  /** entries in an average chain, see averageChain */
  readonly chain: Maybe<number>;
  readonly chainWhenFull?: Maybe<number>;
  /** this kernel refuses inserts into chains of more than 8 to 31 entries */
  readonly shortChains: boolean;
};

type MemoryStatus = {
  /** bytes */
  readonly now: Maybe<number>;
  /** bytes; absent without a limit */
  readonly whenFull?: Maybe<number>;
  /** of MemTotal, when full */
  readonly share?: number;
  readonly perFlow: number;
  readonly perFlowHow: string;
};

/** How many values differ. */
type Drift = {
  /** between now and after the next boot; absent where max and buckets are not known on both sides */
  readonly nowAndBoot?: number;
  /** lines of files without effect that somebody will miss, see missed */
  readonly lost: number;
  /** promises of the last change that do not hold now */
  readonly targetNow: number;
  /** or after the next boot */
  readonly targetBoot: number;
};

/** What is not in the facts. */
export type Beside = {
  readonly version: string;
  readonly now: Date;
  /** absent: not computed, the status has no plan then */
  readonly sizing?: Sizing;
  /** every change that is recorded, oldest first */
  readonly changes: Maybe<readonly ChangeRecord[]>;
  /** promises of the last change that do not hold (see checkTargets) */
  readonly findings: readonly { readonly when: 'now' | 'next-boot' }[];
};

/** The state of the table, of its configuration and of the changes made here. */
export function statusOf(facts: Facts, beside: Beside): Status {
  const { machine, module, table } = facts;
  const all = origins(facts);
  return {
    schema: 'ctfix.status/v1',
    ctfix: beside.version,
    at: beside.now.toISOString(),
    kind: facts.kind,
    host: {
      os: machine.os.name,
      kernel: machine.kernel,
      memTotalKiB: machine.memTotalKiB,
      ...(machine.container !== undefined && { container: machine.container }),
    },
    module: {
      state: module.state,
      users: Object.keys(module.tree).filter((name) => name !== 'nf_conntrack'),
      namespace: table.namespace,
    },
    ...(hasTable(facts) && { table: tableOf(facts), drops: dropsOf(table), memory: memoryOf(facts) }),
    origins: all,
    firewalls: facts.firewalls.map(({ name, unit, state }) => ({ name, ...(unit !== undefined && { unit }), state })),
    ...changesOf(facts, beside.changes),
    drift: driftOf(facts, all, beside.findings),
    ...planOf(beside.sizing),
    problems: facts.problems,
  };
}

/** A module that is not loaded has no table; below --root there may be one, and nothing is known of it. */
function hasTable({ kind, module }: Facts): boolean {
  return kind === 'sysroot' || module.state !== 'absent';
}

function tableOf({ machine, table }: Facts): TableStatus {
  const { count, max, buckets } = table;
  const limited = known(max) !== 0;
  return {
    count,
    max,
    buckets,
    ...(limited && { fill: both(count, max, (flows, most) => flows / most) }),
    chain: both(count, buckets, chainOf),
    ...(limited && { chainWhenFull: both(max, buckets, chainOf) }),
    shortChains: chainLimitIsShort(machine, known(table.counters)),
  };
}

function chainOf(flows: number, buckets: number): number {
  return buckets === 0 ? 0 : averageChain(flows, buckets);
}

/** A number made of two, unknown where one of them is. */
function both(one: Maybe<number>, other: Maybe<number>, make: (one: number, other: number) => number): Maybe<number> {
  if (!isKnown(one)) return one;
  return isKnown(other) ? make(one, other) : other;
}

/** Below --root no flow is counted and no price is known. */
function memoryOf(facts: Facts): MemoryStatus {
  const { table, machine } = facts;
  const prices = pricesOf(facts, {});
  const total = machine.memTotalKiB * 1024;
  const bill = (max: Maybe<number>) =>
    both(max, table.buckets, (flows, buckets) => billOf(prices, { max: flows, buckets }, flows, total).whenFull);
  const whenFull = known(table.max) === 0 ? undefined : bill(table.max);
  const full = whenFull === undefined ? undefined : known(whenFull);
  return {
    now: bill(table.count),
    ...(whenFull !== undefined && { whenFull }),
    ...(full !== undefined && total > 0 && { share: full / total }),
    perFlow: prices.perFlow,
    perFlowHow: prices.perFlowHow,
  };
}

function changesOf(facts: Facts, changes: Beside['changes']): Pick<Status, 'change' | 'pending' | 'target'> {
  const inForce = facts.lastChange;
  const target = inForce === undefined ? {} : { target: { ...inForce.targets, change: inForce.id } };
  if (!isKnown(changes)) return { change: changes, ...target };
  const last = changes.at(-1);
  if (last === undefined) return target;
  const { id, at, outcome, strategy } = last;
  const waiting = changes.find(({ pendingConfirm }) => pendingConfirm !== undefined);
  return {
    change: { id, at, outcome, strategy },
    ...(waiting !== undefined && { pending: { id: waiting.id, secondsLeft: secondsLeft(facts, waiting) } }),
    ...target,
  };
}

/** The time is over, too, once another boot has begun: that takes the change back. */
function secondsLeft({ machine }: Facts, { pendingConfirm }: ChangeRecord): Maybe<number> {
  const { bootId, uptime } = machine;
  if (!isKnown(bootId)) return bootId;
  if (pendingConfirm === undefined || bootId !== pendingConfirm.bootId) return 0;
  return isKnown(uptime) ? Math.max(0, pendingConfirm.until - uptime) : uptime;
}

function driftOf(facts: Facts, all: readonly Origin[], findings: Beside['findings']): Drift {
  const sizes = all.filter(({ name }) => name === 'max' || name === 'buckets');
  const comparable = sizes.every((origin) => changesAtBoot(origin) !== undefined);
  return {
    ...(comparable && { nowAndBoot: all.filter((origin) => changesAtBoot(origin) === true).length }),
    lost: missed(facts, all).length,
    targetNow: findings.filter(({ when }) => when === 'now').length,
    targetBoot: findings.filter(({ when }) => when === 'next-boot').length,
  };
}

/**
 * Lines that a diagnosis warns of, too: not those that another one overrides or takes back, nor those that ask for less
 * than there is. What is decided elsewhere has no such lines (see Lost).
 */
function missed(facts: Facts, all: readonly Origin[]): readonly Passed[] {
  const early = passedOver({ facts, origins: all }, 'before-module', 'legacy-spelling');
  const dead = passedOver({ facts, origins: all }, 'not-read', 'refused', 'built-in');
  return [...early.filter((line) => wouldCount(facts, line)), ...dead].filter(leavesGap);
}

function planOf(sizing: Sizing | undefined): Pick<Status, 'plan'> {
  if (sizing === undefined) return {};
  const { verdict, reasons, targets } = sizing;
  return { plan: { verdict, reason: reasons[0] ?? '', max: targets.max, buckets: targets.buckets } };
}
