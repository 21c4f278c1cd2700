import { describe, expect, test } from 'vitest';
import { GUARD_GONE, guardSeen, guardText } from '../src/guard.ts';
import type { Connection } from '../src/model.ts';

const FOUR: Connection = { family: 4, ours: '10.77.0.1', ourPort: 22, theirs: '10.77.0.2', theirPort: 40644 };
const SIX: Connection = { family: 6, ours: 'fd77::1', ourPort: 2222, theirs: 'fd77::2', theirPort: 1024 };

/** The rules of a chain. */
function chain(text: string, name: string): string[] {
  const body = new RegExp(`\\tchain ${name} \\{\\n([\\s\\S]*?)\\n\\t\\}`).exec(text)?.[1] ?? '';
  return body.split('\n').map((line) => line.trim());
}

describe('guardText', () => {
  const text = guardText([FOUR, SIX]);

  test('tracks nothing, so that it never holds the module it guards', () => {
    expect(text).not.toMatch(/\bct\b|\bset\b|\bmap\b|notrack/);
  });

  test('comes before everything of a firewall, drops by policy, and counts what it drops', () => {
    expect(chain(text, 'in')[0]).toBe('type filter hook prerouting priority -310; policy drop;');
    expect(chain(text, 'out')[0]).toBe('type filter hook output priority -310; policy drop;');
    for (const name of ['in', 'out']) expect(chain(text, name).at(-1)).toBe('counter drop');
  });

  test('accepts nothing but what was promised, both ends exactly', () => {
    expect(chain(text, 'in').filter((rule) => rule.endsWith('accept'))).toEqual([
      'iif "lo" accept',
      'meta l4proto icmp accept',
      'meta l4proto ipv6-icmp accept',
      'meta nfproto ipv4 udp sport 67 udp dport 68 accept',
      'meta nfproto ipv6 udp sport 547 udp dport 546 accept',
      'ip saddr 10.77.0.2 ip daddr 10.77.0.1 tcp sport 40644 tcp dport 22 accept',
      'ip6 saddr fd77::2 ip6 daddr fd77::1 tcp sport 1024 tcp dport 2222 accept',
    ]);
    expect(chain(text, 'out').slice(-3, -1)).toEqual([
      'ip saddr 10.77.0.1 ip daddr 10.77.0.2 tcp sport 22 tcp dport 40644 accept',
      'ip6 saddr fd77::1 ip6 daddr fd77::2 tcp sport 2222 tcp dport 1024 accept',
    ]);
  });

  test('again: from the same address, whatever the port there', () => {
    const again = guardText([FOUR], 'again');
    expect(chain(again, 'in')).toContain('ip saddr 10.77.0.2 ip daddr 10.77.0.1 tcp dport 22 accept');
    expect(chain(again, 'out')).toContain('ip saddr 10.77.0.1 ip daddr 10.77.0.2 tcp sport 22 accept');
  });

  test('takes the place of a guard that is there, as one transaction; and goes whether there is one or not', () => {
    expect(text.startsWith(GUARD_GONE)).toBe(true);
    expect(GUARD_GONE.split('\n').map((line) => line.split(' ')[0])).toEqual(['add', 'delete', '']);
  });
});

describe('guardSeen', () => {
  const LISTING = `table inet ctfix_guard {
	chain in {
		type filter hook prerouting priority raw - 10; policy drop;
		iif "lo" accept
		meta l4proto icmp accept
		ip saddr 10.77.0.2 ip daddr 10.77.0.1 tcp sport 45000 tcp dport 22 accept
		counter packets 6 bytes 348 drop
	}

	chain out {
		type filter hook output priority raw - 10; policy drop;
		oif "lo" accept
		counter packets 2 bytes 100 drop
	}
}
`;

  test('what nft lists', () => expect(guardSeen(LISTING)).toEqual({ keptOut: 6, heldBack: 2, connections: 1 }));

  test.each([
    ['nothing', ''],
    ['a policy that accepts', LISTING.replaceAll('policy drop', 'policy accept')],
    ['one direction only', LISTING.slice(0, LISTING.indexOf('\tchain out'))],
    ['no last rule', LISTING.replace(/\t\tcounter packets 6.*\n/, '')],
  ])('%s is not the guard', (_, listing) => expect(guardSeen(listing)).toBeUndefined());
});
