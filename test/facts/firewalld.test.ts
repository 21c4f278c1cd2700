import { describe, expect, test } from 'vitest';
import { blocksThatDiffer, runtimeOnly } from '../../src/facts/firewalld.ts';
import type { ReadHost, RunResult } from '../../src/host/host.ts';
import { reloadRefusals } from '../../src/reload-refusals.ts';
import { factsOf } from '../support/facts.ts';
import { memoryHost } from '../support/memory-host.ts';

const zone = (head: string, ports: string, rich = '') =>
  `${head}\n  target: default\n  interfaces: ${head.includes('active') ? 'eth0' : ''}\n  services: ssh dhcpv6-client\n  ports: ${ports}\n  rich rules: ${rich}\n`;
const PERMANENT = `${zone('public (default)', '')}\n${zone('work', '')}`;

describe('blocks that differ', () => {
  test.each<[string, string, readonly string[]]>([
    ['the same, active on an interface', `${zone('public (default, active)', '')}\n${zone('work', '')}`, []],
    ['a port for now', `${zone('public (default, active)', '8080/tcp')}\n${zone('work', '')}`, ['public']],
    [
      'a rich rule for now',
      `${zone('public (default, active)', '', '\n\trule family="ipv4" accept')}\n${zone('work', '')}`,
      ['public'],
    ],
    ['a zone that is not in force', zone('public (default, active)', ''), ['work']],
    ['another order of services', PERMANENT.replace('ssh dhcpv6-client', 'dhcpv6-client ssh'), []],
  ])('%s', (_, runtime, differing) => expect(blocksThatDiffer(runtime, PERMANENT)).toEqual(differing));

  test('direct rules have no head', () => {
    expect(blocksThatDiffer('ipv4 filter INPUT 0 -p tcp -j ACCEPT\n', '')).toEqual(['direct rules']);
  });
});

const answering = (answer: (words: readonly string[]) => Partial<RunResult>): ReadHost => ({
  ...memoryHost().host,
  run: async (argv) => ({ code: 0, stdout: '', stderr: '', ...answer(argv) }),
});

describe('what would be lost', () => {
  test('is found with what both say', async () => {
    const host = answering((argv) => {
      if (!argv.includes('--list-all-zones')) return {};
      return { stdout: argv.includes('--permanent') ? PERMANENT : PERMANENT.replace('ports: ', 'ports: 53/udp') };
    });
    expect(await runtimeOnly(host)).toEqual(['public']);
  });

  test('is unknown where firewalld does not answer', async () => {
    expect(await runtimeOnly(answering(() => ({ code: 252, stderr: 'FirewallD is not running\n' })))).toEqual({
      unknown: 'firewall-cmd --list-all-zones: FirewallD is not running',
    });
  });

  test('keeps a reload from beginning', () => {
    const facts = factsOf({});
    const rules = { text: {}, uses: {}, namespaces: [], queues: [], listeners: [], options: [], notLoadable: [] };
    const refused = (runtimeOnly: readonly string[] | { unknown: string }) =>
      reloadRefusals({ ...facts, rules: { ...rules, runtimeOnly } }).filter(
        ({ code }) => code === 'reload-runtime-only',
      );
    expect(refused([])).toEqual([]);
    expect(refused(['public'])).toMatchObject([
      { what: expect.stringContaining('public'), remedy: expect.stringContaining('--runtime-to-permanent') },
    ]);
    expect(refused({ unknown: 'no answer' })).toHaveLength(1);
  });
});
