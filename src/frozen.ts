/** What a plan was made from, kept with it, so that it can be made again later from the same evidence. Pure. */
import { type Facts, type Frozen, isKnown, type Maybe, type Plan, type SavedPlan } from './model.ts';

/** sha-256 of a text, in hex. */
export type Digest = (text: string) => string;

/** Values that decide what a flow costs, whatever is planned. */
const DECIDING = ['acct', 'events', 'timestamp'];

/** The plan with what it was made from. */
export function freeze(plan: Plan, facts: Facts, at: Date, digest: Digest): SavedPlan {
  const { machine, table } = facts;
  const evidence = {
    memTotalKiB: machine.memTotalKiB,
    uptime: machine.uptime,
    ...(machine.container === undefined ? {} : { container: machine.container }),
    namespace: table.namespace,
    writable: table.writable,
    counters: table.counters,
    countersLater: table.countersLater,
    slabObject: table.slabObject,
    log: facts.log,
    rules: facts.rules !== undefined,
    unread: unreadOf(facts),
  };
  return { ...plan, frozen: { at: at.toISOString(), kind: facts.kind, evidence, ...boundOf(facts, plan, digest) } };
}

export type Bound = Omit<Frozen, 'at' | 'kind' | 'evidence'>;

/** The state of a host that a plan is for, as far as it is compared. */
export function boundOf(facts: Facts, { sizing }: Pick<Plan, 'sizing'>, digest: Digest): Bound {
  const { config, module, table, lastChange } = facts;
  const texts = Object.entries({ ...config.texts, ...config.own }).sort(([a], [b]) => (a < b ? -1 : 1));
  const names = [...DECIDING, ...Object.keys(sizing.targets.values)];
  const values = names.flatMap((name): [string, string][] => {
    const value = table.values[name];
    return value === undefined ? [] : [[name, value]];
  });
  return {
    digests: Object.fromEntries(texts.map(([path, text]) => [path, digest(text)])),
    ...(config.cmdlineHashsize === undefined ? {} : { cmdlineHashsize: config.cmdlineHashsize }),
    module: { state: module.state, holders: Object.keys(module.tree).sort() },
    firewalls: facts.firewalls.map(({ name, unit, state }) => ({
      name,
      ...(unit === undefined ? {} : { unit }),
      state,
    })),
    values: Object.fromEntries(values),
    ...(lastChange === undefined ? {} : { lastChange: lastChange.id }),
  };
}

/** Places of the configuration that could not be read: problems that name no line and have no text. */
export function unreadOf({ problems, config }: Facts): string[] {
  const known = { ...config.texts, ...config.own };
  const whole = problems.filter(({ file, line }) => line === undefined && !(file in known));
  return [...new Set(whole.map(({ file }) => file))].filter((file) => !/^\/(proc|sys|dev)\//.test(file)).sort();
}

/** Is the path one of those that could not be read, or below one. */
export function isBelow(unread: readonly string[], path: string): boolean {
  return unread.some((place) => path === place || path.startsWith(`${place}/`));
}

/**
 * The facts of now with the evidence of then: what was counted, logged and unknown when the plan was made stays so,
 * whatever root knows better.
 */
export function asPlanned(facts: Facts, { frozen, sizing, host }: SavedPlan): Facts {
  const { evidence } = frozen;
  const { rules, ...rest } = facts;
  const hidden = <T>(then: Maybe<T>, now: Maybe<T>) => (isKnown(then) ? now : then);
  return {
    ...rest,
    machine: {
      ...facts.machine,
      memTotalKiB: evidence.memTotalKiB,
      uptime: evidence.uptime,
      bootId: host.bootId,
    },
    table: {
      ...facts.table,
      max: hidden(sizing.present.max, facts.table.max),
      buckets: hidden(sizing.present.buckets, facts.table.buckets),
      count: sizing.present.count,
      namespace: evidence.namespace,
      writable: evidence.writable,
      counters: evidence.counters,
      countersLater: evidence.countersLater,
      slabObject: evidence.slabObject,
    },
    log: evidence.log,
    config: withoutUnread(facts.config, frozen),
    ...(evidence.rules && rules !== undefined ? { rules } : {}),
  };
}

function withoutUnread(config: Facts['config'], frozen: Frozen): Facts['config'] {
  const seen = <T extends { readonly file: string }>(lines: readonly T[] | undefined) =>
    (lines ?? []).filter(({ file }) => !isBelow(frozen.evidence.unread, file));
  return {
    ...config,
    systemdSysctl: seen(config.systemdSysctl),
    procpsSysctl: seen(config.procpsSysctl),
    exclusions: seen(config.exclusions),
    ufwSysctl: seen(config.ufwSysctl),
    modprobe: seen(config.modprobe),
    modulesLoad: seen(config.modulesLoad),
    hooks: seen(config.hooks),
    tuned: seen(config.tuned),
    ...(config.tunedBeneath === undefined ? {} : { tunedBeneath: seen(config.tunedBeneath) }),
  };
}
