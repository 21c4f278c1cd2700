/** Which tables of a ruleset hold nf_conntrack, whose tool can give each back, and how often each module is used. Pure. */
import type { RulesText, RulesTool } from '../model.ts';
import { savedTables, savedUses } from './rules-iptables.ts';
import { nftTables, nftUses, type Uses } from './rules-nft.ts';

/** A table with rules or chains that pin a module on the way to nf_conntrack. */
export type HoldingTable = {
  /** the tool that can load it back */
  readonly tool: RulesTool;
  /** `ip`, `ip6`, `inet` … */
  readonly family: string;
  readonly name: string;
  readonly uses: Uses;
};

/** The tools of the iptables family, with what they see. Legacy tables are not those of nf_tables. */
export const IPTABLES = [
  { tool: 'iptables-nft', family: 'ip', legacy: false },
  { tool: 'ip6tables-nft', family: 'ip6', legacy: false },
  { tool: 'iptables-legacy', family: 'ip', legacy: true },
  { tool: 'ip6tables-legacy', family: 'ip6', legacy: true },
] as const;

/** `ip filter`: how a table is called in messages and in `managed`. */
export function tableName(table: { readonly family: string; readonly name: string }): string {
  return `${table.family} ${table.name}`;
}

/**
 * The tables that hold nf_conntrack, nf_tables first, in the order of their listings.
 * A legacy nat table holds by being there: it is a module (iptable_nat) that uses nf_nat.
 */
export function holdingTables(text: RulesText): readonly HoldingTable[] {
  const managed = new Set(text.managed);
  const listed = nftTables(text.nft ?? '').map((table): HoldingTable => {
    const saved = managed.has(tableName(table)) ? savedIn(text, table) : undefined;
    const { family, name } = table;
    if (saved === undefined) return { tool: 'nft', family, name, uses: nftUses(table) };
    const { nft_chain_nat } = nftUses(table);
    return { tool: saved.tool, family, name, uses: { ...saved.uses, ...(nft_chain_nat && { nft_chain_nat }) } };
  });
  const legacy = IPTABLES.filter((each) => each.legacy).flatMap(({ tool, family }) =>
    savedTables(text[tool] ?? '').map((table): HoldingTable => {
      const nat = table.name === 'nat' ? { [family === 'ip' ? 'iptable_nat' : 'ip6table_nat']: 1 } : {};
      return { tool, family, name: table.name, uses: { ...savedUses(table), ...nat } };
    }),
  );
  return [...listed, ...legacy].filter((table) => Object.keys(table.uses).length > 0);
}

/** What iptables-nft-save says about a table that nft lists; undefined where it cannot speak for it. */
function savedIn(text: RulesText, table: { family: string; name: string }) {
  const found = IPTABLES.find((each) => !each.legacy && each.family === table.family);
  const saved = found && savedTables(text[found.tool] ?? '').find(({ name }) => name === table.name);
  return found && saved && { tool: found.tool, uses: savedUses(saved) };
}

/** How often all rules of a namespace use each module. */
export function usesOf(text: RulesText): Uses {
  const sum: Record<string, number> = {};
  for (const { uses } of holdingTables(text)) {
    for (const [module, times] of Object.entries(uses)) sum[module] = (sum[module] ?? 0) + times;
  }
  return sum;
}

/** Tables with xtables expressions that no iptables-save can speak for: nothing can load them back. */
export function orphanTables(text: RulesText): readonly string[] {
  const listed = nftTables(text.nft ?? '').filter((table) => text.managed?.includes(tableName(table)));
  return listed.filter((table) => savedIn(text, table) === undefined).map(tableName);
}

/** True when rules give connection tracking helpers to flows, which pins the helper's own module. */
export function usesHelpers(text: RulesText): boolean {
  return (
    IPTABLES.some(({ tool }) => / --helper /.test(text[tool] ?? '')) || /^\tct helper \S+ \{/m.test(text.nft ?? '')
  );
}
