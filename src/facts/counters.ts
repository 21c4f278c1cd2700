/** Per-CPU counters of the connection tracker, by the names in the file's own header. Pure. */

export const COUNTERS = '/proc/net/stat/nf_conntrack';

/**
 * Sums over the CPUs by column; `entries` is the same total in every row and is not summed. Columns differ by kernel
 * (searched → clashres in 5.10, delete_list → chainlength in 5.15), so they are found by name. Each CPU's counter is
 * an unsigned 32-bit number that wraps.
 * @param text /proc/net/stat/nf_conntrack: a header, then one row of hexadecimal numbers for each possible CPU
 * @returns undefined when the text is not of that form
 * Source: ct_cpu_seq_show in net/netfilter/nf_conntrack_standalone.c
 */
export function parseCounters(text: string): Readonly<Record<string, number>> | undefined {
  const [header = '', ...rows] = text.split('\n').filter((line) => line.trim() !== '');
  const names = wordsOf(header);
  const [first, ...more] = rows.map((row) => cellsOf(row, names.length));
  if (!names.includes('drop') || first === undefined) return undefined;
  const sums = [...first];
  for (const cells of more) {
    if (cells === undefined) return undefined;
    for (let column = 0; column < cells.length; column += 1) sums[column] = (sums[column] ?? 0) + (cells[column] ?? 0);
  }
  const entries = names.indexOf('entries');
  if (entries >= 0 && entries < first.length) sums[entries] = first[entries] ?? 0;
  return Object.fromEntries(sums.map((sum, column) => [names[column] ?? '', sum]));
}

/**
 * Some of the columns alone, for a watch, which asks again and again on machines with hundreds of rows. The kernel puts the
 * same spaces between the numbers as between the names: between single spaces, both have the same places. Where that is not
 * so, the whole text is judged as parseCounters does.
 */
export function someCounters(text: string, names: readonly string[]): Readonly<Record<string, number>> | undefined {
  const lines = text.split('\n');
  const titles = (lines[0] ?? '').split(' ');
  const places = names.map((name) => titles.indexOf(name));
  const sums = names.map(() => 0);
  for (let at = 1; at < lines.length - 1; at += 1) {
    const cells = (lines[at] ?? '').split(' ');
    if (cells.length !== titles.length || !titles.every((title, place) => (title === '') === (cells[place] === ''))) {
      return parseCounters(text);
    }
    for (let which = 0; which < places.length; which += 1) {
      const cell = cells[places[which] ?? -1];
      if (cell !== undefined) sums[which] = (sums[which] ?? 0) + (cell.length > 8 ? Number.NaN : Number(`0x${cell}`));
    }
  }
  const odd = lines.length < 3 || lines.at(-1) !== '' || sums.some(Number.isNaN);
  if (odd || places[names.indexOf('drop')] === -1) return parseCounters(text);
  const some: Record<string, number> = {};
  for (let which = 0; which < names.length; which += 1) {
    if (places[which] !== -1) some[names[which] ?? ''] = sums[which] ?? 0;
  }
  return some;
}

/** No regular expressions: a watch comes here again and again, and a large machine has hundreds of rows. */
function wordsOf(line: string): readonly string[] {
  return line
    .replaceAll('\t', ' ')
    .split(' ')
    .filter((word) => word !== '');
}

/** The numbers of a row; undefined when one is none or there are more of them than names. */
function cellsOf(row: string, most: number): readonly number[] | undefined {
  const words = wordsOf(row);
  const cells = words.map((word) => (word.length <= 8 ? Number(`0x${word}`) : Number.NaN));
  return cells.length > most || cells.some(Number.isNaN) ? undefined : cells;
}

/** Asks by netlink: only where nf_conntrack_netlink is loaded, which it would load else, and as root. conntrack(8) */
export const STATS: readonly [string, ...string[]] = ['conntrack', '-S'];

/** What /proc/net/stat/nf_conntrack calls the same counters. */
const PROC_NAMES: Readonly<Record<string, string>> = {
  chaintoolong: 'chainlength',
  clash_resolve: 'clashres',
  error: 'icmp_error',
};

/**
 * The same sums out of `conntrack -S`, under the names of /proc: a kernel without that file has this (Ubuntu).
 * @param text `cpu=0   found=1 invalid=2 … early_drop=0 error=0 search_restart=0 clash_resolve=0 chaintoolong=0`, one
 *   line for each CPU, decimal
 * @returns undefined when the text is not of that form
 * Source: ctnetlink_ct_stat_cpu_fill_info; print_stats in conntrack-tools
 */
export function parseStats(text: string): Readonly<Record<string, number>> | undefined {
  const rows = text.split('\n').filter((line) => /^cpu=\d+\s/.test(line) && /\sdrop=\d+(\s|$)/.test(line));
  const sums = new Map<string, number>();
  for (const [, name = '', value] of rows.flatMap((row) => [...row.matchAll(/\b([a-z_]+)=(\d+)/g)])) {
    const known = PROC_NAMES[name] ?? name;
    if (name !== 'cpu') sums.set(known, (sums.get(known) ?? 0) + Number(value));
  }
  return rows.length === 0 ? undefined : Object.fromEntries(sums);
}

/**
 * Bytes for one object of the nf_conntrack cache; undefined when the cache is not listed. Names: nf_conntrack since
 * 4.7, nf_conntrack_<n> or nf_conntrack_<address> for each namespace before; never nf_conntrack_expect.
 * @param text /proc/slabinfo; slabinfo(5): name, active, total, object size
 */
export function parseSlabinfo(text: string): number | undefined {
  const size = /^nf_conntrack(?:_[0-9a-f]+)?\s+\d+\s+\d+\s+(\d+)\s/m.exec(text)?.[1];
  return size === undefined ? undefined : Number(size);
}
