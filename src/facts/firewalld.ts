/** What firewalld has in force and would not bring back at its next start. Reads only. */
import type { ReadHost } from '../host/host.ts';
import type { Maybe } from '../model.ts';

/** firewall-cmd(1): each of these with and without --permanent. */
const ASKED = [['--list-all-zones'], ['--list-all-policies'], ['--direct', '--get-all-rules']] as const;
const LIMIT_MS = 60_000;

/**
 * Zones, policies and direct rules that differ from the permanent configuration, by name; asked of a firewalld that runs.
 * An older one that does not know policies has none.
 */
export async function runtimeOnly(host: ReadHost): Promise<Maybe<readonly string[]>> {
  const found: string[] = [];
  for (const words of ASKED) {
    const ask = (...more: string[]) => host.run(['firewall-cmd', ...more, ...words], { timeoutMs: LIMIT_MS });
    const [now, permanent] = [await ask(), await ask('--permanent')];
    if (now.code !== 0 && words[0] === '--list-all-zones') {
      return { unknown: `firewall-cmd ${words[0]}: ${now.stderr.trim() || `it ended with ${now.code}`}` };
    }
    if (now.code === 0 && permanent.code === 0) found.push(...blocksThatDiffer(now.stdout, permanent.stdout));
  }
  return found;
}

/**
 * Names of the blocks whose content differs. Interfaces and sources are left out: NetworkManager assigns them anew whenever
 * firewalld starts. Neither the order of words nor that of lines means anything. Pure.
 * @param runtime, permanent what firewall-cmd printed: `public (default, active)`, then indented lines; or rules alone
 */
export function blocksThatDiffer(runtime: string, permanent: string): readonly string[] {
  const [now, then] = [blocksOf(runtime), blocksOf(permanent)];
  return [...new Set([...now.keys(), ...then.keys()])].filter((name) => now.get(name) !== then.get(name));
}

function blocksOf(text: string): ReadonlyMap<string, string> {
  const blocks = new Map<string, string[]>();
  let name = 'direct rules';
  for (const line of text.split('\n').filter((each) => each.trim() !== '')) {
    const head = /^(\S+)(?: \([^)]*\))?$/.exec(line)?.[1];
    if (head !== undefined) {
      name = head;
      blocks.set(name, []);
    } else if (!/^\s+(interfaces|sources):/.test(line)) {
      blocks.set(name, [...(blocks.get(name) ?? []), line.trim().split(/\s+/).sort().join(' ')]);
    }
  }
  return new Map([...blocks].map(([key, lines]) => [key, lines.sort().join('\n')]));
}
