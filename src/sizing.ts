/**
 * How large the table should be, and why: demand and evidence first, the classic formula only where they ask for more,
 * one bucket a flow, within a memory limit; never smaller unless asked. Pure.
 */
import { askedTimeouts, BUCKETS_LIMIT, checkAsked, MAX_LIMIT } from './asked.ts';
import { type Case, caseOf, longestRatio } from './demand.ts';
import { bucketStep, roundBuckets } from './kernel.ts';
import { billOf, bucketsWithin, maxWithin } from './memory.ts';
import type { Facts, PlanOptions, Sizing } from './model.ts';
import { asItIs } from './present.ts';
import { judge } from './verdict.ts';
import { workingOf } from './working.ts';

/** A table, and how it came about, for the verdict. */
export type Numbers = {
  readonly max: number;
  readonly buckets: number;
  /** the most flows that the buckets have to carry: max, or the demand where there is no limit */
  readonly load: number;
  /** max is more than the present one */
  readonly grows: boolean;
  /** the present buckets are too few for their load, and the table has more */
  readonly short: boolean;
  /** a computed max was held at the memory limit: what it would have been */
  readonly heldFrom?: number;
};

/**
 * What this host needs.
 * @throws CtfixError usage: options that are impossible on this host
 */
export function size(facts: Facts, options: PlanOptions): Sizing {
  checkAsked(options);
  const values = askedTimeouts(options, facts);
  const it = caseOf(facts, options);
  const numbers = numbersFor(it);
  const judged = judge(it, numbers, values);
  const table = judged.table ? { max: numbers.max, buckets: numbers.buckets } : asItIs(it.present);
  const memory = billOf(it.prices, table, it.present.count, facts.machine.memTotalKiB * 1024);
  const { verdict, reasons, refusals, notes } = judged;
  return {
    verdict,
    reasons,
    refusals,
    notes,
    present: { max: facts.table.max, buckets: facts.table.buckets, count: facts.table.count },
    targets: { ...table, values },
    working: workingOf(it, { ...numbers, ...table }, memory),
    memory,
  };
}

function numbersFor(it: Case): Numbers {
  if (it.options.max !== undefined) return withBuckets(it, it.options.max);
  const table = align(it, withBuckets(it, wantedMax(it)));
  const over = billOf(it.prices, table, it.present.count, 0).overLimit;
  return table.grows && over ? held(it, table.max) : table;
}

/** The largest of the present max, the demand and, where there is demand or it is asked for, the formula. */
function wantedMax({ present, demand, formula, options }: Case): number {
  if (present.max === 0) return 0;
  const classic = demand.value > 0 || options.precaution === true ? formula : 0;
  return Math.min(MAX_LIMIT, Math.max(present.max ?? 0, demand.value, classic));
}

/** The buckets for a max: fresh ones where max grows or the hash is too short, else those that are there. */
function withBuckets(it: Case, max: number): Numbers {
  const { present, demand, ratio, facts } = it;
  const load = max === 0 ? Math.ceil(demand.headroom * demand.need) : max;
  const grows = present.max === undefined ? max > 0 : present.max !== 0 && max > present.max;
  const tooFew = present.working > 0 && load / present.working > longestRatio(it);
  const wanted = Math.min(BUCKETS_LIMIT, roundBuckets(Math.ceil(load / ratio), facts.machine));
  const computed = grows || tooFew || present.buckets === 0 ? Math.max(wanted, present.buckets) : present.buckets;
  const buckets = askedBuckets(it) ?? computed;
  return { max, buckets, load, grows, short: tooFew && buckets > present.working };
}

function askedBuckets({ options, facts }: Case): number | undefined {
  return options.hashsize === undefined ? undefined : roundBuckets(options.hashsize, facts.machine);
}

/** A computed max takes what its own buckets offer; buckets that are kept or asked for never raise it. */
function align({ present, options, ratio }: Case, table: Numbers): Numbers {
  if (!table.grows || options.hashsize !== undefined || table.buckets <= present.buckets) return table;
  const max = Math.min(MAX_LIMIT, Math.max(table.max, Math.floor(ratio * table.buckets)));
  return { ...table, max, load: max };
}

/** The most that the memory limit allows, and never less than what is there. */
function held(it: Case, heldFrom: number): Numbers {
  const { present, prices, ratio, facts } = it;
  const asked = askedBuckets(it);
  const within = bucketsWithin(prices, ratio, bucketStep(facts.machine));
  const fresh = asked === undefined && within >= present.buckets;
  const buckets = fresh ? within : (asked ?? present.buckets);
  const max = Math.min(heldFrom, fresh ? Math.floor(ratio * within) : maxWithin(prices, buckets));
  if (max <= (present.max ?? 0)) return { ...withBuckets(it, present.max ?? 1), heldFrom };
  return { max, buckets, load: max, grows: true, short: false, heldFrom };
}
