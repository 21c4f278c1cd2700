/** The table's own numbers and what can be concluded about the namespace. Pure. */
import { isNearlyFull } from '../kernel.ts';
import type { LogFacts, Maybe, TableFacts } from '../model.ts';
import { known } from '../model.ts';

export const NETFILTER = '/proc/sys/net/netfilter';
export const PREFIX = 'nf_conntrack_';

/**
 * A size as the kernel holds it: an unsigned 32-bit number that old kernels print signed (−1 is accepted and read back
 * up to 6.14; it works as 4294967295). Source: `unsigned int nf_conntrack_max` in nf_conntrack_core.c.
 */
export function sizeOf(text: string): number | undefined {
  if (!/^-?\d+$/.test(text)) return undefined;
  const value = Number(text);
  return value < 0 ? value + 2 ** 32 : value;
}

/**
 * The initial network namespace or a child: the legacy alias net.nf_conntrack_max exists in the initial one only, and
 * since 5.13 (2671fa4dc010, and stable series) nf_conntrack_max cannot be written elsewhere.
 * @param maxMode permission bits of net/netfilter/nf_conntrack_max, undefined when it does not exist
 * @param alias whether /proc/sys/net/nf_conntrack_max exists
 */
export function namespaceOf(maxMode: number | undefined, alias: boolean): TableFacts['namespace'] {
  if (maxMode === undefined) return { unknown: 'nf_conntrack is not there to tell' };
  return alias && (maxMode & 0o222) !== 0 ? 'initial' : 'child';
}

/**
 * Is a second look at the counters worth a wait? Only where there are traces of an overflow and the count does not
 * say already whether it goes on.
 */
export function needsSecondLook(table: Pick<TableFacts, 'max' | 'count' | 'counters'>, log: Maybe<LogFacts>): boolean {
  const counters = known(table.counters);
  if (counters === undefined) return false;
  const full = isNearlyFull(known(table.count) ?? 0, known(table.max) ?? 0);
  const drops = (counters.early_drop ?? 0) + (counters.drop ?? 0);
  const lines = known(log)?.full.filter((line) => line.netns === undefined).length ?? 0;
  return !full && (drops > 0 || lines > 0);
}

/** The same for a diagnosis: it tells flows that were refused for other reasons, too, from those that are refused now. */
export function needsWiderLook(table: Pick<TableFacts, 'counters'>, log: Maybe<LogFacts>): boolean {
  const counters = known(table.counters);
  const signs = ['drop', 'early_drop', 'insert_failed', 'chainlength', 'chaintoolong'];
  return counters !== undefined && (signs.some((name) => (counters[name] ?? 0) > 0) || (known(log)?.total ?? 0) > 0);
}
