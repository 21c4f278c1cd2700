/** A ruleset against its record, part by part, and what has to be loaded to make it the same again. Pure. */
import { IPTABLES, tableName } from './facts/rules-holds.ts';
import { comparableSet, ipsets, restored } from './facts/rules-ipset.ts';
import { savedTables } from './facts/rules-iptables.ts';
import { comparable, nftTables } from './facts/rules-nft.ts';
import { GUARD } from './guard.ts';
import type { HostCommand, RulesText } from './model.ts';

/** A part of a ruleset that is compared: key → comparable text. Keys read like `nft inet mine`, `iptables-nft filter INPUT`. */
type Parts = ReadonlyMap<string, string>;

/**
 * The parts of a ruleset: each nft table, each chain of an iptables table, each ipset. Left out are the guard, counters,
 * the time that elements have left, and elements that come and go by themselves.
 * @param text the ruleset
 * @param managed tables (`ip filter`) that are iptables' own and are compared in its words, chain by chain, not in nft's
 */
function partsOf(text: RulesText, managed: ReadonlySet<string>): Parts {
  const parts = new Map<string, string>();
  for (const table of nftTables(text.nft ?? '')) {
    if (tableName(table) === GUARD) continue;
    if (!managed.has(tableName(table))) parts.set(`nft ${tableName(table)}`, comparable(table));
  }
  for (const { tool, family, legacy } of IPTABLES) {
    for (const table of savedTables(text[tool] ?? '')) {
      if (!legacy && !managed.has(`${family} ${table.name}`)) continue;
      for (const [chain, lines] of table.chains) parts.set(`${tool} ${table.name} ${chain}`, lines.join('\n'));
    }
  }
  for (const set of ipsets(text.ipset ?? '')) parts.set(`ipset ${set.name}`, comparableSet(set));
  return parts;
}

/** What a comparison found; each list holds keys of parts. */
export type Comparison = {
  /** as recorded before, and not now, though the reload took them away: to be given back */
  readonly missing: readonly string[];
  /** changed by somebody else meanwhile (they outlived the stop unchanged), or new: left alone */
  readonly foreign: readonly string[];
};

/**
 * Compares a ruleset with its record.
 * @param record the ruleset as it was
 * @param now the ruleset as it is
 * @param survived parts that were as recorded while the firewall was down; nothing the reload did touched them
 */
export function compareRules(record: RulesText, now: RulesText, survived: readonly string[] = []): Comparison {
  const managed = new Set([...(record.managed ?? []), ...(now.managed ?? [])]);
  const [before, after] = [partsOf(record, managed), partsOf(now, managed)];
  const differing = [...before].filter(([key, text]) => !same(key, text, after)).map(([key]) => key);
  const added = [...after.keys()].filter((key) => !before.has(key));
  return {
    missing: differing.filter((key) => !survived.includes(key)),
    foreign: [...differing.filter((key) => survived.includes(key)), ...added],
  };
}

/** A built-in chain that accepts and has no rule is the same as a table that the kernel has not made yet. */
function same(key: string, text: string, after: Parts): boolean {
  const now = after.get(key);
  return now === text || (now === undefined && /^ip6?tables-\S+ \S+ (\S+)$/.test(key) && /^:\S+ ACCEPT$/.test(text));
}

/** The parts that are as recorded: what nobody took away, when asked while the firewall is down. */
export function survivors(record: RulesText, now: RulesText): readonly string[] {
  const managed = new Set([...(record.managed ?? []), ...(now.managed ?? [])]);
  const after = partsOf(now, managed);
  return [...partsOf(record, managed)].filter(([key, text]) => after.get(key) === text).map(([key]) => key);
}

/** One command with its standard input. */
export type Load = { readonly command: HostCommand; readonly input: string; readonly what: string };

/**
 * What gives parts back from the record: sets first, because rules refer to them, then nft tables in one transaction,
 * then the chains of iptables' tables, policies included.
 * @param record the ruleset as it was, with `nftState`
 * @param missing keys of parts
 */
export function loadsFor(record: RulesText, missing: readonly string[]): readonly Load[] {
  const sets = ipsets(record.ipset ?? '').filter((set) => missing.includes(`ipset ${set.name}`));
  const tables = nftTables(record.nftState ?? '').filter((table) => missing.includes(`nft ${tableName(table)}`));
  const loads: Load[] = [];
  if (sets.length > 0) {
    const what = sets.map((set) => `ipset ${set.name}`).join(', ');
    loads.push({ command: { ipset: 'restore' }, input: sets.map(restored).join(''), what });
  }
  if (tables.length > 0) {
    const what = tables.map((table) => `nft table ${tableName(table)}`).join(', ');
    loads.push({ command: { rules: 'nft', how: 'transaction' }, input: tables.map(replacing).join(''), what });
  }
  return [...loads, ...savedLoads(record, missing)];
}

/**
 * Chain by chain, so that table and chains keep their place and a chain that somebody else changed keeps the change:
 * with --noflush a declared chain of one's own is made or emptied, a built-in one only gets its policy
 * (iptables-restore(8), iptables/iptables-restore.c). Each table is one transaction.
 */
function savedLoads(record: RulesText, missing: readonly string[]): readonly Load[] {
  return IPTABLES.flatMap(({ tool }): readonly Load[] => {
    const parts = savedTables(record[tool] ?? '').map((table) => ({
      table,
      chains: [...table.chains].filter(([chain]) => missing.includes(`${tool} ${table.name} ${chain}`)),
    }));
    const touched = parts.filter(({ chains }) => chains.length > 0);
    if (touched.length === 0) return [];
    const what = touched.map(({ table }) => `${tool} table ${table.name}`).join(', ');
    const input = touched.map(({ table, chains }) => chainLines(table.name, chains)).join('');
    return [{ command: { rules: tool, how: 'transaction' }, input, what }];
  });
}

function chainLines(table: string, chains: readonly (readonly [string, readonly string[]])[]): string {
  const builtin = chains.filter(([, [declared = '']]) => !declared.endsWith(' -'));
  return [
    `*${table}`,
    ...chains.map(([, [declared = '']]) => `${declared} [0:0]`),
    ...builtin.map(([chain]) => `-F ${chain}`),
    ...chains.flatMap(([, [, ...rules]]) => rules),
    'COMMIT',
    '',
  ].join('\n');
}

/** nft lines that put a table in the place of one of the same name, or of none. */
function replacing(table: { readonly family: string; readonly name: string; readonly text: string }): string {
  return `add table ${tableName(table)}\ndelete table ${tableName(table)}\n${table.text}`;
}

/**
 * Input for nft that brings the tables into the recorded order again. It is the order of their creation, and it decides
 * which of two chains with the same hook and priority sees a packet first (nf_hook_entries_grow in
 * net/netfilter/core.c). Tables can only be appended, so everything after the first misplaced one is made again from
 * its present text, in one transaction.
 * @param record the ruleset as it was
 * @param now the ruleset as it is, with `nftState`
 * @returns undefined when the order is right, or when a table in question cannot be made again by nft
 */
export function reorder(record: RulesText, now: RulesText): string | undefined {
  const wanted = nftTables(record.nft ?? '').map(tableName);
  const present = nftTables(now.nftState ?? '');
  const order = present.map(tableName).filter((name) => wanted.includes(name));
  const right = wanted.filter((name) => order.includes(name));
  const inOrder = (names: readonly string[]) => order.filter((name) => names.includes(name)).join() === names.join();
  const kept = right.findIndex((_, at) => !inOrder(right.slice(0, at + 1)));
  const moved = kept < 0 ? [] : right.slice(kept);
  const fixed = (name: string) => now.managed?.includes(name) || /^\tflags .*\bowner\b/m.test(textOf(present, name));
  if (moved.length === 0 || moved.some(fixed)) return undefined;
  return present
    .filter((table) => moved.includes(tableName(table)))
    .sort((a, b) => moved.indexOf(tableName(a)) - moved.indexOf(tableName(b)))
    .map(replacing)
    .join('');
}

function textOf(tables: ReturnType<typeof nftTables>, name: string): string {
  return tables.find((table) => tableName(table) === name)?.text ?? '';
}
