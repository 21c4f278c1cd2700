import { describe, expect, test } from 'vitest';
import { TIMEOUT_KEYS } from '../../src/options.ts';
import { ASSURED, UNREPLIED } from '../../src/top/flow.ts';
import { isSeen, KERNEL_TIMEOUTS, timeoutOf } from '../../src/top/timeouts.ts';
import { answer } from '../../src/top/what-if.ts';
import { census } from './support.ts';

describe('the timeout that a flow runs on', () => {
  test.each([
    [6, 'ESTABLISHED', ASSURED, 'tcp_timeout_established'],
    [6, 'SYN_SENT', UNREPLIED, 'tcp_timeout_syn_sent'],
    [17, '', UNREPLIED, 'udp_timeout'],
    [17, '', 0, 'udp_timeout'],
    [17, '', ASSURED, 'udp_timeout_stream'],
    [136, '', ASSURED, 'udp_timeout_stream'],
    [1, '', 0, 'icmp_timeout'],
    [58, '', 0, 'icmpv6_timeout'],
    [47, '', UNREPLIED, 'gre_timeout'],
    [47, '', ASSURED, 'gre_timeout_stream'],
    [132, 'SHUTDOWN_ACK_SENT', ASSURED, 'sctp_timeout_shutdown_ack_sent'],
    [33, 'TIMEWAIT', ASSURED, 'dccp_timeout_timewait'],
    [89, '', 0, 'generic_timeout'],
  ])('protocol %d %s, flags %d: %s', (protocol, state, flags, key) => {
    expect(timeoutOf(protocol, state, flags)).toBe(key);
    expect(TIMEOUT_KEYS).toContain(key);
  });

  test("the kernel's own values are for keys that exist, and can be seen", () => {
    for (const key of Object.keys(KERNEL_TIMEOUTS)) {
      expect(TIMEOUT_KEYS).toContain(key);
      expect(isSeen(key)).toBe(true);
    }
    expect(['frag6_timeout', 'tcp_timeout_max_retrans', 'tcp_timeout_unacknowledged'].map(isSeen)).toEqual([
      false,
      false,
      false,
    ]);
  });
});

const established = (left: number | '') =>
  `tcp      6 ${left === '' ? '' : `${left} ESTABLISHED `}src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 ${left === '' ? '[OFFLOAD]' : '[ASSURED]'} mark=0 use=1\n`;
const udp = (left: number) =>
  `udp      17 ${left} src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 mark=0 use=1\n`;

/** The answer about a list of what is left, with 432000 s set. */
function freed(lefts: readonly (number | '')[], seconds: number) {
  const question = { key: 'tcp_timeout_established', seconds, now: 432_000 };
  const { counted } = census(lefts.map(established).join('') + udp(3), [], [question]);
  const [asked] = [...counted.asked.values()];
  return asked === undefined ? undefined : answer(asked);
}

describe('what a shorter timeout would free', () => {
  test.each([
    // idle = set − left
    [[432_000], 86_400, { flows: 1, freed: 0 }],
    [[345_601], 86_400, { flows: 1, freed: 0 }],
    [[345_600], 86_400, { flows: 1, freed: 1 }],
    [[300, 1000], 86_400, { flows: 2, freed: 2, unsure: 0 }],
    // may have just spoken without an answer
    [[299, 0], 86_400, { flows: 2, freed: 0, unsure: 2 }],
    // a policy of its own, or a value that was set before
    [[432_001, 900_000], 86_400, { flows: 2, freed: 0, beyond: 2 }],
    // offloaded: no timeout runs
    [['', ''], 86_400, { flows: 0, freed: 0 }],
    // not shorter
    [[5000], 432_000, { flows: 1, freed: 0 }],
    [[5000], 500_000, { flows: 1, freed: 0 }],
  ] as const)('%j left, %d s instead of 432000', (lefts, seconds, expected) => {
    expect(freed(lefts, seconds)).toMatchObject({ unsure: 0, beyond: 0, ...expected });
  });

  test('udp runs on its own, without a doubt about the last seconds', () => {
    const question = { key: 'udp_timeout', seconds: 10, now: 30 };
    const { counted } = census([25, 20, 5, 0].map(udp).join('') + established(5), [], [question]);
    expect([...counted.asked.values()].map(answer)).toEqual([
      { ...question, flows: 4, freed: 3, unsure: 0, beyond: 0 },
    ]);
  });
});
