/** The table as it is: what is live, and what the configuration that is in force asks for. Pure. */
import { type Facts, known } from './model.ts';
import { type Held, type NextBoot, nextBoot } from './nextboot.ts';

export type Present = {
  readonly live: { readonly max: number | undefined; readonly buckets: number | undefined };
  /** flows now, 0 where nobody can tell; see `countKnown` */
  readonly count: number;
  readonly countKnown: boolean;
  /** the larger of the live max and what the configuration asks for: a value that the boot lost is an intention */
  readonly max: number | undefined;
  readonly maxHow: string;
  /** the larger of the live buckets and what the configuration asks for: never fewer unless asked */
  readonly buckets: number;
  /** buckets that work now, or at the next load where no module is loaded; 0: unknown */
  readonly working: number;
  /** max that somebody set on purpose or that is live: less than this is a shrink */
  readonly floor: number | undefined;
  readonly next: NextBoot;
};

export function presentOf(facts: Facts): Present {
  const next = nextBoot(facts);
  const live = { max: known(facts.table.max), buckets: known(facts.table.buckets) };
  const count = known(facts.table.count);
  const { max, maxHow } = presentMax(live.max, next);
  const asked = next.asked.buckets?.value ?? 0;
  return {
    live,
    count: count ?? 0,
    countKnown: count !== undefined,
    max,
    maxHow,
    buckets: Math.max(live.buckets ?? next.load.buckets?.value ?? 0, asked),
    working: live.buckets ?? next.load.buckets?.value ?? 0,
    floor: larger(live.max, next.asked.max?.value),
    next,
  };
}

/** Without a module the next load stands in for what is live, but for the 8 × hashsize that nobody asked for. */
function presentMax(live: number | undefined, { asked, load }: NextBoot): { max: number | undefined; maxHow: string } {
  const next: Held | undefined = asked.max === undefined || load.max?.by === 'kernel' ? load.max : undefined;
  const max = larger(live ?? next?.value, asked.max?.value);
  if (max === undefined) return { max, maxHow: 'unknown' };
  if (max === live) return { max, maxHow: 'live' };
  return { max, maxHow: max === asked.max?.value ? asked.max.why : `at the next load: ${next?.why ?? ''}` };
}

/** The table when nothing is planned for it. */
export function asItIs({ live, max, working }: Present): { readonly max: number; readonly buckets: number } {
  return { max: live.max ?? max ?? 0, buckets: live.buckets ?? working };
}

/** Fewer flows; 0 is no limit. */
export function isLess(one: number, other: number): boolean {
  return one !== 0 && (other === 0 || one < other);
}

/** The larger limit; 0 is no limit, larger than any. */
function larger(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one === 0 || other === 0 ? 0 : Math.max(one, other);
}
