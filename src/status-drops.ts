/** What the tracker drops and refuses, counter by counter, by cause. Pure. */
import { isKnown, known, type Maybe, type TableFacts } from './model.ts';

/** A counter since the module was loaded. */
export type Drop = {
  /** `drop`, `early_drop`, `insert_failed`, `chaintoolong`, `invalid` */
  readonly name: DropName;
  readonly total: number;
  /** how much it rose in the half second between two looks; absent where there was one look */
  readonly rise?: number;
  readonly means: string;
};

type DropName = keyof typeof MEANING;

/**
 * Source: ct_cpu_seq_show, early_drop, __nf_conntrack_alloc, __nf_conntrack_confirm and nf_ct_resolve_clash in the kernel;
 * unclashedDrops tells what of `drop` can be a full table.
 */
const MEANING = {
  drop: 'packets dropped: table full, two made the same flow, no memory, bad state',
  early_drop: 'flows evicted to make room: the table was over its max',
  insert_failed: 'flows not inserted: the same one was there already (DNS races), or the chain was too long',
  chaintoolong: 'of these, because the chain was too long: too few buckets',
  invalid: 'packets that fit no flow; rules decide what becomes of them',
} as const;

/** A counter's column of /proc/net/stat/nf_conntrack: the kernel calls chaintoolong `chainlength` there (from 5.15 on). */
export function columnOf(name: string): string {
  return name === 'chaintoolong' ? 'chainlength' : name;
}

const NAMES = Object.keys(MEANING) as readonly DropName[];

/** The counters that this kernel has, most important first; those that it has not are left out. */
export function dropsOf({
  counters,
  countersLater,
}: Pick<TableFacts, 'counters' | 'countersLater'>): Maybe<readonly Drop[]> {
  if (!isKnown(counters)) return counters;
  const later = known(countersLater) ?? counters;
  const twice = later !== counters;
  return NAMES.flatMap((name): Drop[] => {
    const column = columnOf(name);
    const total = later[column];
    if (total === undefined) return [];
    const rise = total - (counters[column] ?? 0);
    return [{ name, total, ...(twice && rise >= 0 && { rise }), means: MEANING[name] }];
  });
}
