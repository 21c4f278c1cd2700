/** The text of `nft list ruleset`: its tables, and which modules their expressions pin. Pure. */

/** One table of a listing. `text` is as printed, with the final line break. */
export type NftTable = { readonly family: string; readonly name: string; readonly text: string };

/** Counts by module name. */
export type Uses = Readonly<Record<string, number>>;

/**
 * The tables of a listing, in its order, which is the order of their creation.
 * @param text what `nft list ruleset` or `nft -s list ruleset` printed
 */
export function nftTables(text: string): readonly NftTable[] {
  const blocks = text.matchAll(/^table (\S+) (\S+) \{.*\n(?:[^}\n].*\n|\n)*\}\n?/gm);
  return [...blocks].map(([whole, family = '', name = '']) => ({ family, name, text: `${whole.trimEnd()}\n` }));
}

/**
 * Tables that hold xtables expressions. nft lists them, but what it lists it cannot load again as it was: either the
 * text says `xt match "…"`, or nft has translated them into its own words and says so on standard error.
 * Source: table_print and stmt_print in nftables src/rule.c and src/xt.c
 * @returns `ip filter`, sorted
 */
export function managedTables(stdout: string, stderr: string): readonly string[] {
  const warned = [...`${stdout}\n${stderr}`.matchAll(/^# Warning: table (\S+) (\S+) is managed by iptables-nft/gm)];
  const named = warned.map(([, family, name]) => `${family} ${name}`);
  const marked = nftTables(stdout).filter((table) => /^\s+.*\bxt (match|target) "/m.test(table.text));
  return [...new Set([...named, ...marked.map((table) => `${table.family} ${table.name}`)])].sort();
}

/**
 * How often the expressions of a native table pin each module that leads to nf_conntrack: a reference for each
 * expression, each chain of type nat, each object. Source: nft_expr_type_get, nft_chain_parse_hook, nft_obj_type_get in
 * net/netfilter/nf_tables_api.c.
 */
export function nftUses(table: NftTable): Uses {
  const counts = new Map<string, number>();
  const add = (module: string, times: number) => {
    if (times > 0) counts.set(module, (counts.get(module) ?? 0) + times);
  };
  for (const line of table.text.split('\n').slice(1)) {
    const words = withoutNames(line);
    if (/^(typeof|type (?!nat\b|filter\b|route\b)|map|set|chain|elements)\b/.test(words)) continue;
    for (const [module, pattern] of PINS) add(module, words.match(pattern)?.length ?? 0);
  }
  return Object.fromEntries(counts);
}

/** `ct helper set`, `ct timeout set`, `ct expectation set` refer to an object; it is the object that pins nft_ct. */
const PINS: readonly (readonly [string, RegExp])[] = [
  ['nft_ct', /\bct (?!count\b|helper set\b|timeout set\b|expectation set\b)|\bnotrack\b/g],
  ['nft_connlimit', /\bct count\b/g],
  ['nft_chain_nat', /^type nat hook\b/g],
  ['nft_masq', /\bmasquerade\b/g],
  ['nft_redir', /\bredirect\b/g],
  ['nft_nat', /\b[sd]nat (?!pool\b)/g],
  ['nft_flow_offload', /\bflow (add|offload)\b/g],
  ['nft_synproxy', /^synproxy \S+ \{|\bsynproxy (mss|wscale|timestamp|name|sack-perm)\b/g],
  ['nf_flow_table', /^flowtable \S+ \{/g],
];

/** A line without quoted text and without the names that rules give to chains and sets. */
function withoutNames(line: string): string {
  return line
    .trim()
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\b(jump|goto) \S+/g, '$1')
    .replace(/@\S+/g, '@')
    .concat(' ');
}

/**
 * A table for comparison: elements of sets and maps with timeouts, or filled by rules, are left out. They come and go by
 * themselves, so that two listings of the same rules differ.
 */
export function comparable(table: NftTable): string {
  return table.text.replace(/^\t(?:set|map) \S+ \{\n(?:\t\t.*\n)*\t\}\n/gm, (block) =>
    /^\t\t(?:timeout |flags [^\n]*\b(?:timeout|dynamic)\b)/m.test(block)
      ? block.replace(/^\t\telements = \{[^}]*\}\n/m, '')
      : block,
  );
}
