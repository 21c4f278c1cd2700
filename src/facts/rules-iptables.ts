/** The text of iptables-save in both variants: its tables and chains, and which modules their rules pin. Pure. */
import type { Uses } from './rules-nft.ts';

/** One table. `chains`: name → `:NAME POLICY` and the rules in it, counters left out. `text`: what restores it. */
export type SavedTable = {
  readonly name: string;
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly text: string;
};

/**
 * The tables of a saved ruleset, in its order.
 * @param text what iptables-save printed: `*table`, `:CHAIN POLICY [packets:bytes]`, `-A CHAIN …`, `COMMIT`, `# …`.
 *   Source: iptables-save(8) and iptables/iptables-save.c
 */
export function savedTables(text: string): readonly SavedTable[] {
  const blocks = text.matchAll(/^\*(\S+)\n([\s\S]*?)^COMMIT$/gm);
  return [...blocks].map(([whole, name = '', body = '']) => ({ name, chains: chainsOf(body), text: `${whole}\n` }));
}

function chainsOf(body: string): ReadonlyMap<string, readonly string[]> {
  const chains = new Map<string, string[]>();
  for (const line of body.split('\n')) {
    const chain = /^:(\S+) (\S+)/.exec(line);
    if (chain?.[1] !== undefined) chains.set(chain[1], [`:${chain[1]} ${chain[2]}`]);
    const rule = /^(?:\[\d+:\d+\] )?(-A (\S+).*)$/.exec(line);
    if (rule?.[1] !== undefined && rule[2] !== undefined) {
      const rules = chains.get(rule[2]) ?? [];
      chains.set(rule[2], [...rules, rule[1]]);
    }
  }
  return chains;
}

/** True for a table as the kernel makes it: built-in chains that accept, no rule. */
export function isPristine(table: SavedTable): boolean {
  return [...table.chains.values()].every((lines) => lines.length === 1 && / ACCEPT$/.test(lines[0] ?? ''));
}

/** A table of the same name with nothing in it: restoring it takes every rule away and lets everything through. */
export function emptied(table: SavedTable): string {
  const builtin = [...table.chains.values()].flatMap((lines) => /^:(\S+) (?!-)/.exec(lines[0] ?? '')?.[1] ?? []);
  return [`*${table.name}`, ...builtin.map((chain) => `:${chain} ACCEPT [0:0]`), 'COMMIT', ''].join('\n');
}

const MATCHES: Readonly<Record<string, string>> = {
  conntrack: 'xt_conntrack',
  // iptables hands the state match to the kernel under its real name. Source: extensions/libxt_conntrack.c
  state: 'xt_conntrack',
  connmark: 'xt_connmark',
  connbytes: 'xt_connbytes',
  connlabel: 'xt_connlabel',
  connlimit: 'xt_connlimit',
  helper: 'xt_helper',
  cluster: 'xt_cluster',
  ipvs: 'xt_ipvs',
};

const TARGETS: Readonly<Record<string, string>> = {
  CT: 'xt_CT',
  NOTRACK: 'xt_CT',
  CONNMARK: 'xt_connmark',
  CONNSECMARK: 'xt_CONNSECMARK',
  MASQUERADE: 'xt_MASQUERADE',
  SNAT: 'xt_nat',
  DNAT: 'xt_nat',
  REDIRECT: 'xt_REDIRECT',
  NETMAP: 'xt_NETMAP',
  SYNPROXY: 'xt_SYNPROXY',
  CLUSTERIP: 'ipt_CLUSTERIP',
};

/**
 * How often the rules of a table pin each module that leads to nf_conntrack: once for each match and target.
 * Source: xt_request_find_match and find_check_match in net/ipv4/netfilter/ip_tables.c; nft_match_select_ops.
 */
export function savedUses(table: SavedTable): Uses {
  const counts = new Map<string, number>();
  for (const rule of [...table.chains.values()].flat()) {
    const words = rule.replace(/"(?:[^"\\]|\\.)*"/g, '""').split(' ');
    for (const [at, word] of words.entries()) {
      const named = words[at + 1] ?? '';
      const module = word === '-m' ? MATCHES[named] : word === '-j' ? TARGETS[named] : undefined;
      if (module !== undefined) counts.set(module, (counts.get(module) ?? 0) + 1);
    }
  }
  return Object.fromEntries(counts);
}
