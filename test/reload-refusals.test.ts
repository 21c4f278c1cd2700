import { describe, expect, test } from 'vitest';
import type { LoadedModule, ModuleFacts, RulesFacts } from '../src/model.ts';
import { holderSentences, reloadRefusals } from '../src/reload-refusals.ts';
import { factsOf, type Said } from './support/facts.ts';

const module = (refcnt: number, holders: string[] = [], driver = false): LoadedModule => ({ refcnt, holders, driver });

const NONE: RulesFacts = {
  text: {},
  uses: {},
  namespaces: [],
  queues: [],
  listeners: [],
  options: ['hashsize=131072'],
  notLoadable: [],
};

const codes = (said: Said, rules?: Partial<RulesFacts>) =>
  reloadRefusals({ ...factsOf(said), ...(rules && { rules: { ...NONE, ...rules } }) }).map(({ code }) => code);

const withTree = (tree: ModuleFacts['tree']): Said => ({ module: { tree } });
const XT = withTree({ nf_conntrack: module(1, ['xt_conntrack']), xt_conntrack: module(16) });

describe('the module', () => {
  test.each<[string, Said]>([
    ['reload-no-kernel', { kind: 'sysroot' }],
    ['reload-not-loaded', { module: { state: 'absent' } }],
    ['reload-builtin', { module: { state: 'builtin' } }],
    ['reload-unloading', { module: { state: 'unloading' } }],
    ['reload-not-loadable', { module: { loadable: false } }],
    ['reload-namespace', { table: { namespace: 'child' } }],
    ['reload-no-systemd', { machine: { systemd: false } }],
  ])('%s', (code, said) => expect(codes(said, {})).toEqual([code]));

  test('a plain host is refused nothing, with root and without', () => {
    expect(codes({})).toEqual([]);
    expect(codes({}, {})).toEqual([]);
  });
});

describe('holders that a stop does not release', () => {
  test.each(['docker', 'kube-proxy'] as const)('%s', (name) => {
    const firewalls = [{ name, state: 'active' as const, takesAlong: [] }];
    expect(codes({ firewalls })).toEqual([`reload-${name}`]);
    expect(codes({ firewalls: [{ name, state: 'inactive', takesAlong: [] }] })).toEqual([]);
  });

  test.each<[string, string, LoadedModule, string[]]>([
    ['a driver', 'mlx5_core', module(2, [], true), ['reload-driver']],
    ['Open vSwitch, in use or not', 'openvswitch', module(0), ['reload-openvswitch']],
    ['IPVS', 'ip_vs', module(0), ['reload-ip-vs']],
    ['tc with a rule', 'act_ct', module(1), ['reload-act-ct']],
    ['tc without a rule', 'act_ct', module(0), []],
    ['a socket or program', 'nf_conntrack_netlink', module(1), ['reload-in-use']],
    ['a helper that nothing uses', 'nf_conntrack_ftp', module(0), []],
    ['a helper in use by nobody known', 'nf_conntrack_ftp', module(1), ['reload-in-use']],
    ['users that are not counted', 'nf_nat', { ...module(0), refcnt: { unknown: 'no' } }, []],
  ])('%s', (_, name, holder, wanted) => {
    expect(codes(withTree({ nf_conntrack: module(1, [name]), [name]: holder }), {})).toEqual(wanted);
  });

  test('a helper in use by a rule of ours goes with the rule', () => {
    const tree = withTree({ nf_conntrack: module(1, ['nf_conntrack_ftp']), nf_conntrack_ftp: module(2) });
    const nft = 'table inet t {\n\tct helper ftp {\n\t\ttype "ftp" protocol tcp\n\t}\n}\n';
    expect(codes(tree, { text: { nft } })).toEqual([]);
  });

  test.each([
    [16, []],
    [17, []],
    [15, ['reload-in-use']],
  ])('16 users of xt_conntrack against %i rules', (uses, wanted) => {
    expect(codes(XT, { uses: { xt_conntrack: uses } })).toEqual(wanted);
  });

  test('without root nothing is said about users, because the rules are not known', () =>
    expect(codes(XT)).toEqual([]));

  test('a namespace with such rules is named with its processes, once', () => {
    const namespaces = [
      { inode: 5, path: '/proc/9/ns/net', processes: ['nginx (9)'], uses: {} },
      { inode: 6, path: '/run/netns/x', name: 'x', processes: ['sleep (7)'], uses: { nft_ct: 1 } },
    ];
    const facts = { ...factsOf(XT), rules: { ...NONE, uses: { xt_conntrack: 15 }, namespaces } };
    expect(reloadRefusals(facts).map(({ what }) => what)).toEqual([
      'rules in network namespace x (sleep (7)) use nft_ct',
    ]);
  });

  test('users without a rule: the namespaces that may have them are named', () => {
    const uses = { unknown: 'nft is not installed' };
    const namespaces = [{ inode: 5, path: '/proc/9/ns/net', processes: ['nginx (9)'], uses }];
    const { tree } = factsOf(XT).module;
    expect(holderSentences(tree, { ...NONE, uses: { xt_conntrack: 12 }, namespaces })).toEqual([
      'xt_conntrack has 4 users that are no rules of this network namespace; other namespaces: network namespace 5 (nginx (9))',
    ]);
  });

  test('packets that wait in a queue, not a queue without packets', () => {
    const queue = { queue: 3, reader: 'suricata (77)', waiting: 5 };
    expect(codes({}, { queues: [{ ...queue, waiting: 0 }] })).toEqual([]);
    const [refusal] = reloadRefusals({ ...factsOf(), rules: { ...NONE, queues: [queue] } });
    expect(refusal?.what).toMatch(/5 packets wait in queue 3 for suricata \(77\)/);
  });
});

describe('what could not be brought back', () => {
  test.each([
    ['options nf_conntrack hashsize=99999999999', 'reload-bad-option'],
    ['options nf_conntrack hashsize = 5', 'reload-bad-option'],
    ['options nf_conntrack acct=1 expect_hashsize=-1', 'reload-bad-option'],
    ['install nf_conntrack /bin/true', 'reload-install-hook'],
    ['options nf_conntrack hashsize=5 nosuch=9999999999999', undefined],
    ['install nf_conntrack /sbin/modprobe --ignore-install nf_conntrack $CMDLINE_OPTS', undefined],
  ])('%s', (line, code) => {
    const file = '/etc/modprobe.d/z.conf';
    const found = reloadRefusals(factsOf({ files: { [file]: `# first\n${line}\n` } }));
    expect(found.map((each) => [each.code, each.file, each.line])).toEqual(code === undefined ? [] : [[code, file, 2]]);
  });

  test('an option that no file explains is told in the words of modprobe', () => {
    expect(codes({}, { options: ['hashsize=x'] })).toEqual(['reload-bad-option']);
    expect(codes({}, { options: { unknown: 'no modprobe' } })).toEqual([]);
  });

  test.each<[string, Partial<RulesFacts>, string]>([
    ['rules that cannot be read', { text: { unread: ['nft cannot tell'] } }, 'reload-rules-unreadable'],
    [
      'a table that nft does not take',
      { notLoadable: [{ table: 'inet x', why: 'syntax' }] },
      'reload-rules-not-restorable',
    ],
    [
      'a table that mixes nft and iptables',
      { text: { nft: 'table ip filter {\n}\n', managed: ['ip filter'], 'iptables-nft': '# incompatible\n' } },
      'reload-rules-not-restorable',
    ],
  ])('%s', (_, rules, code) => expect(codes({}, rules)).toEqual([code]));

  test("firewalld's own table need not be loadable: its start makes it", () => {
    const firewalls = [
      { name: 'firewalld' as const, unit: 'firewalld.service', state: 'active' as const, takesAlong: [] },
    ];
    const notLoadable = [{ table: 'inet firewalld', why: 'Operation not permitted' }];
    expect(codes({ firewalls }, { notLoadable })).toEqual([]);
    expect(codes({}, { notLoadable })).toEqual(['reload-rules-not-restorable']);
  });
});
