// What filters in the machine, as foreign tools list it, and the proof that it is what it was.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Guest } from '../guest.ts';

const LIST = '/usr/local/lib/ctfix-test/ruleset.sh';

/** All that filters, without counters: nft, iptables (both kinds, both families), ipset. Loads no module. */
export async function ruleset(vm: Guest): Promise<string> {
  return canonical(await vm.sh(LIST));
}

/** Waits until the ruleset is, byte for byte, what it was; fail2ban needs some seconds to ban again. */
export async function expectRuleset(vm: Guest, expected: string, limitMs = 180_000): Promise<void> {
  for (const deadline = Date.now() + limitMs; ; ) {
    const now = await ruleset(vm);
    if (now === expected) return;
    if (Date.now() > deadline) throw new Error(`the ruleset is another one:\n${difference(expected, now)}`);
    await sleep(500);
  }
}

/** nft lists chains and sets in the order in which they were made, which means nothing: sorted within their table. */
function canonical(listing: string): string {
  return listing.replace(/^table .* \{\n([\s\S]*?)\n\}$/gm, (table, body: string) => {
    const parts = body.split(/\n+(?=\t\S.*\{$)/m).map((part) => part.trimEnd());
    return table.replace(body, () => parts.sort().join('\n'));
  });
}

function difference(before: string, after: string): string {
  const [was, is] = [before.split('\n'), after.split('\n')];
  const gone = was.filter((line) => !is.includes(line)).map((line) => `- ${line}`);
  const added = is.filter((line) => !was.includes(line)).map((line) => `+ ${line}`);
  return [...gone, ...added].join('\n') || `the same lines in another order:\n${after}`;
}
