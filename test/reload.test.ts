import { describe, expect, test } from 'vitest';
import type { FirewallName, FirewallOwner, LoadedModule, PlanOptions, ReloadStep, RulesFacts } from '../src/model.ts';
import { reloadCost, reloadSteps } from '../src/reload.ts';
import { reloadWhy } from '../src/reload-why.ts';
import { factsOf } from './support/facts.ts';

const targets = { max: 131072, buckets: 131072, values: {} };

const owner = (name: FirewallName, takesAlong: string[] = [], state: FirewallOwner['state'] = 'active') => ({
  name,
  unit: `${name}.service`,
  state,
  takesAlong,
});

const module = (holders: string[] = [], refcnt = holders.length, driver = false): LoadedModule => ({
  refcnt,
  holders,
  driver,
});

const rules = (said: Partial<RulesFacts> = {}): RulesFacts => ({
  text: {},
  uses: {},
  namespaces: [],
  queues: [],
  listeners: [],
  options: [],
  notLoadable: [],
  ...said,
});

/** A step in one word and its object. */
function word(step: ReloadStep): string {
  const { step: verb, ...rest } = step;
  const object = Object.entries(rest).flatMap(([key, value]) => (key === 'name' || key === 'what' ? [] : [value]));
  return [verb, ...object.map((each) => (each === true ? 'along' : String(each).replace('.service', '')))].join(' ');
}

const BEFORE = ['record', 'guard-up', 'save-flows'];
const CORE = ['drain-flows', 'unload xt_conntrack', 'unload nf_conntrack', 'load nf_conntrack', 'write-back'];
const tree = { nf_conntrack: module(['xt_conntrack']), xt_conntrack: module() };

describe('reloadSteps', () => {
  test.each<[string, FirewallOwner[], string[], string[]]>([
    ['no firewall', [], ['clear-rules nft', 'prove-down'], ['prove-rules']],
    ['ufw', [owner('ufw')], ['stop ufw', 'clear-rules nft', 'prove-down'], ['start ufw', 'prove-rules']],
    [
      'a unit that is not active is left alone',
      [owner('ufw', [], 'inactive'), owner('firewalld', [], 'failed')],
      ['clear-rules nft', 'prove-down'],
      ['prove-rules'],
    ],
    [
      'iptables and ip6tables, stopped in the opposite order of their start',
      [owner('ip6tables'), owner('iptables')],
      ['stop ip6tables', 'stop iptables', 'clear-rules nft', 'prove-down'],
      ['start iptables', 'start ip6tables', 'prove-rules'],
    ],
    [
      'netfilter-persistent, whose stop keeps its rules',
      [owner('netfilter-persistent')],
      ['stop netfilter-persistent', 'clear-rules netfilter-persistent', 'clear-rules nft', 'prove-down'],
      ['start netfilter-persistent', 'prove-rules'],
    ],
    [
      'nftables, whose unit is never called',
      [owner('nftables', ['x'])],
      ['clear-rules nft', 'prove-down'],
      ['prove-rules'],
    ],
    [
      'firewalld, and what its stop takes along',
      [owner('firewalld', ['fail2ban.service'])],
      ['stop fail2ban along', 'stop firewalld', 'clear-rules nft', 'prove-down'],
      ['start firewalld', 'prove-rules', 'start-along fail2ban', 'prove-rules along'],
    ],
    [
      'two owners that take the same unit and each other along',
      [owner('iptables', ['fail2ban.service', 'ip6tables.service']), owner('ip6tables', ['fail2ban.service'])],
      ['stop fail2ban along', 'stop ip6tables', 'stop iptables', 'clear-rules nft', 'prove-down'],
      ['start iptables', 'start ip6tables', 'prove-rules', 'start-along fail2ban', 'prove-rules along'],
    ],
  ])('%s', (_, firewalls, down, up) => {
    const steps = reloadSteps(factsOf({ firewalls, module: { tree } }), targets).map(word);
    expect(steps).toEqual([...BEFORE, ...down, ...CORE, 'restore-flows', ...up, 'guard-down']);
  });

  test.each<[PlanOptions, string[]]>([
    [{ guard: false }, ['save-flows', 'drain-flows', 'restore-flows']],
    [{ carry: false }, ['guard-up', 'drain-flows', 'guard-down']],
    [{ guard: false, carry: false }, ['drain-flows']],
  ])('%j goes without; that no packet holds a flow is always looked at', (asked, wanted) => {
    const steps = reloadSteps(factsOf({ module: { tree } }), targets, asked).map(word);
    expect(steps.filter((step) => /guard|flows/.test(step))).toEqual(wanted);
  });

  test('unloads users before what they use, and never a driver', () => {
    const deep = {
      nf_conntrack: module(['nf_nat', 'nft_ct', 'mlx5_core', 'xt_MASQUERADE']),
      nf_nat: module(['nft_chain_nat', 'xt_MASQUERADE']),
      nft_chain_nat: module(),
      nft_ct: module(),
      mlx5_core: module([], 1, true),
      xt_MASQUERADE: module(),
    };
    const order = reloadSteps(factsOf({ module: { tree: deep } }), targets)
      .map(word)
      .filter((step) => step.startsWith('unload'))
      .map((step) => step.slice('unload '.length));
    expect([...order].sort()).toEqual(
      Object.keys(deep)
        .filter((name) => name !== 'mlx5_core')
        .sort(),
    );
    for (const [name, { holders }] of Object.entries(deep)) {
      for (const holder of holders.filter((each) => each !== 'mlx5_core')) {
        expect(order.indexOf(holder)).toBeLessThan(order.indexOf(name));
      }
    }
    expect(order.at(-1)).toBe('nf_conntrack');
  });

  test('loads again what no rule brings back: nf_nat first, helpers, nf_conntrack_netlink last', () => {
    const wide = Object.fromEntries(
      [
        'nf_conntrack',
        'nf_conntrack_netlink',
        'nf_conntrack_ftp',
        'nf_nat',
        'nf_nat_ftp',
        'xt_conntrack',
        'nft_ct',
      ].map((name) => [name, module()]),
    );
    const loads = (listeners: string[], loaded: Record<string, LoadedModule>) =>
      reloadSteps({ ...factsOf({ module: { tree: loaded } }), rules: rules({ listeners }) }, targets)
        .map(word)
        .filter((step) => step.startsWith('load '));
    expect(loads([], wide)).toEqual([
      'load nf_conntrack',
      'load nf_nat',
      'load nf_conntrack_ftp',
      'load nf_nat_ftp',
      'load nf_conntrack_netlink',
    ]);
    expect(loads(['conntrack (9)'], tree)).toEqual(['load nf_conntrack', 'load nf_conntrack_netlink']);
  });

  const HAND = 'table inet mine {\n\tchain c {\n\t\tct state new accept\n\t}\n}\n';
  const LEGACY = '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m conntrack --ctstate NEW -j ACCEPT\nCOMMIT\n';

  test.each<[string, FirewallOwner[], RulesFacts['text'], string[]]>([
    ['hand-made nft tables', [owner('ufw')], { nft: HAND }, ['clear-rules nft', 'load-rules nft']],
    [
      'hand-made legacy rules',
      [],
      { 'iptables-legacy': LEGACY },
      ['clear-rules iptables-legacy', 'load-rules iptables-legacy'],
    ],
    ['legacy rules of ufw', [owner('ufw')], { 'iptables-legacy': LEGACY }, ['clear-rules iptables-legacy']],
    [
      'IPv6 rules beside iptables.service',
      [owner('iptables')],
      { 'ip6tables-legacy': LEGACY },
      ['clear-rules ip6tables-legacy', 'load-rules ip6tables-legacy'],
    ],
    ['firewalld itself', [owner('firewalld')], { nft: HAND.replace('mine', 'firewalld') }, ['clear-rules nft']],
    ['no rules at all', [], {}, []],
  ])('what no start brings back is loaded from the record: %s', (_, firewalls, text, wanted) => {
    const steps = reloadSteps({ ...factsOf({ firewalls, module: { tree } }), rules: rules({ text }) }, targets);
    expect(steps.map(word).filter((step) => /^(clear|load)-rules/.test(step))).toEqual(wanted);
  });

  test('values are written back once more where ufw applies a sysctl file of its own', () => {
    const facts = factsOf({ firewalls: [owner('ufw')], module: { tree } });
    const line = { file: '/etc/ufw/sysctl.conf', line: 3, key: 'k', value: '1', raw: 'k=1', optional: false };
    const steps = reloadSteps({ ...facts, config: { ...facts.config, ufwSysctl: [line] } }, targets).map(word);
    expect(steps.slice(steps.indexOf('start ufw'))).toEqual(['start ufw', 'prove-rules', 'write-back', 'guard-down']);
  });
});

test('the cost names flows, units, and what is not known without root', () => {
  const { cost, blockedBy } = reloadCost(factsOf({ firewalls: [owner('ufw'), owner('docker')], module: { tree } }));
  expect(cost).toMatch(/120 flows.*ufw\.service down.*root only/);
  expect(cost).not.toContain('docker');
  expect(blockedBy).toEqual([expect.stringContaining('docker is active')]);
});

test('the plan names who listens to conntrack events, once each step has its reason', () => {
  const facts = { ...factsOf({ firewalls: [owner('firewalld', ['fail2ban.service'])], module: { tree } }) };
  const heard = { ...facts, rules: rules({ listeners: ['conntrackd (9)', 'conntrack (12)'] }) };
  const whys = reloadSteps(heard, targets).map((step) => [word(step), reloadWhy(step, heard)]);
  expect(Object.fromEntries(whys)).toMatchObject({
    'load nf_conntrack_netlink': 'conntrackd (9), conntrack (12) listen to conntrack events and hear on afterwards',
    'stop fail2ban along': 'the stop of firewalld would take it along',
  });
  expect(whys.every(([, why]) => why !== undefined && why !== '')).toBe(true);
  expect(reloadWhy({ step: 'load', module: 'nf_conntrack_netlink' }, facts)).toBe('it was loaded before');
});
