/** What a sizing starts from: the present table, what is demanded of it, the classic formula, and prices. Pure. */
import { type Evidence, evidenceOf } from './evidence.ts';
import { chainLimitIsShort } from './kernel.ts';
import { type Prices, pricesOf } from './memory.ts';
import { type Facts, known, type MachineFacts, type PlanOptions } from './model.ts';
import { type Present, presentOf } from './present.ts';
import { grouped } from './render/numbers.ts';

const HEADROOM = 2;
/** A max of this many times the load is left alone: between it and the headroom a second plan does not flap. */
const ENOUGH = 1.5;
/** The formula's own upper bound. */
export const FORMULA_MOST = 2 ** 20;

/** `value`: flows that the table should hold, 0 where the present max is enough. `need`: the largest count or peak. */
type Demand = {
  readonly value: number;
  readonly need: number;
  readonly headroom: number;
  readonly how: string;
  readonly why: readonly string[];
};

/** Everything that the numbers are computed from. */
export type Case = {
  readonly facts: Facts;
  readonly options: PlanOptions;
  readonly present: Present;
  readonly evidence: Evidence;
  readonly prices: Prices;
  readonly demand: Demand;
  readonly formula: number;
  readonly ratio: number;
  readonly shortChains: boolean;
};

export function caseOf(facts: Facts, options: PlanOptions): Case {
  const present = presentOf(facts);
  const evidence = evidenceOf(facts);
  return {
    facts,
    options,
    present,
    evidence,
    prices: pricesOf(facts, options),
    demand: demandOf(present, evidence, options),
    formula: formulaOf(facts.machine),
    ratio: options.ratio ?? 1,
    shortChains: chainLimitIsShort(facts.machine, known(facts.table.counters)),
  };
}

/** The classic rule: MemTotal / 16384 / (bits / 32), never above 1,048,576; about 1.2 % of the memory on 64 bit if full. */
export function formulaOf({ memTotalKiB, bits }: Pick<MachineFacts, 'memTotalKiB' | 'bits'>): number {
  return Math.min(FORMULA_MOST, Math.floor((memTotalKiB * 1024) / (16384 * (bits / 32))));
}

/** Ratio of max to buckets above which the buckets alone are worth a change. */
export function longestRatio({ shortChains, ratio }: Pick<Case, 'shortChains' | 'ratio'>): number {
  return shortChains ? 2 : Math.max(4, ratio);
}

/**
 * headroom × the largest count, unless the present max is enough; with evidence at least twice the max that was full.
 * That is the live one: what the configuration asks for and the boot lost has never been full.
 */
function demandOf(present: Present, evidence: Evidence, { peak = 0, headroom = HEADROOM }: PlanOptions): Demand {
  const { max, live, count } = present;
  const need = Math.max(count, peak);
  if (max === 0) return { value: 0, need, headroom, how: '', why: [] };
  const enough = Math.min(headroom, Math.max(ENOUGH, (ENOUGH / HEADROOM) * headroom));
  const full = live.max ?? max ?? 0;
  const byEvidence = evidence.full.length > 0 ? 2 * full : 0;
  const byLoad = (max ?? 0) >= enough * need ? 0 : Math.ceil(headroom * need);
  const flows = `${grouped(need)} flows (${peak > count ? '--peak' : 'tracked now'})`;
  const load =
    max === undefined
      ? `${flows} ask for room, and the present max is unknown`
      : `${flows} ask for more than the present max of ${grouped(max)}, which is below ${enough} × as many`;
  return {
    value: Math.max(byLoad, byEvidence),
    need,
    headroom,
    how: byEvidence > byLoad ? `2 × ${grouped(full)}, the max that was full` : `${headroom} × ${flows}`,
    why: [...evidence.full, ...(byLoad > 0 ? [load] : [])],
  };
}
