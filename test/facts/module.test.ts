import { expect, test } from 'vitest';
import { holderTree, isDriverFile, isNetfilterName, moduleState, parseModules } from '../../src/facts/module.ts';

const MODULES = [
  'xt_conntrack 16384 14 - Live 0x0000000000000000',
  'nft_chain_nat 16384 3 - Live 0x0',
  'mlx5_core 1000000 0 - Live 0x0',
  'nf_flow_table 40960 1 mlx5_core, Live 0x0',
  'nf_nat 57344 1 nft_chain_nat, Live 0x0',
  'nf_conntrack 176128 3 xt_conntrack,nf_nat,nf_flow_table, Live 0x0',
  'loop 1 - [permanent], Live 0x0',
  'e1000 1 0 - Live 0x0',
].join('\n');

test('the tree has every module that leads to nf_conntrack, and no other', () => {
  const tree = holderTree(parseModules(MODULES), new Set(['mlx5_core', 'e1000']));
  expect(Object.keys(tree).sort()).toEqual([
    'mlx5_core',
    'nf_conntrack',
    'nf_flow_table',
    'nf_nat',
    'nft_chain_nat',
    'xt_conntrack',
  ]);
  expect(tree.nf_conntrack).toEqual({ refcnt: 3, holders: ['nf_flow_table', 'nf_nat', 'xt_conntrack'], driver: false });
  expect(tree.nft_chain_nat).toEqual({ refcnt: 3, holders: [], driver: false });
  expect(tree.mlx5_core?.driver).toBe(true);
});

test('a kernel that counts no references: unknown, not 0', () => {
  const loop = parseModules(MODULES).get('loop');
  expect(loop).toEqual({ refcnt: { unknown: expect.any(String) }, users: [], state: 'Live' });
});

test('a ring of modules ends', () => {
  const ring = parseModules('nf_conntrack 1 1 a, Live 0\na 1 1 nf_conntrack, Live 0\n');
  expect(Object.keys(holderTree(ring, new Set()))).toEqual(['nf_conntrack', 'a']);
});

test('not loaded: no tree', () => expect(holderTree(parseModules('xt_x 1 0 - Live 0'), new Set())).toEqual({}));

test.each([
  ['loaded', { listed: 'Live', sys: true, initstate: 'live', sysctl: true }],
  ['loaded', { listed: 'Loading', sys: true, initstate: 'coming', sysctl: false }],
  ['unloading', { listed: 'Unloading', sys: true, initstate: 'going', sysctl: true }],
  ['loaded', { listed: undefined, sys: true, initstate: 'live', sysctl: true }],
  ['builtin', { listed: 'none', sys: true, initstate: undefined, sysctl: true }],
  ['builtin', { listed: undefined, sys: true, initstate: undefined, sysctl: true }],
  ['builtin', { listed: undefined, sys: false, initstate: undefined, sysctl: true }],
  ['absent', { listed: 'none', sys: false, initstate: undefined, sysctl: false }],
  ['absent', { listed: undefined, sys: false, initstate: undefined, sysctl: false }],
] as const)('%s from %j', (state, traces) => expect(moduleState(traces)).toBe(state));

test.each([
  ['xt_conntrack', true],
  ['ip_vs', true],
  ['nfnetlink_cttimeout', true],
  ['openvswitch', true],
  ['vport_vxlan', true],
  ['act_ct', true],
  ['mlx5_core', false],
  ['nfp', false],
])('%s belongs to the packet filter: %s', (name, expected) => expect(isNetfilterName(name)).toBe(expected));

test.each([
  ['kernel/drivers/net/ethernet/netronome/nfp/nfp.ko.xz: x', 'nfp', true],
  ['kernel/net/openvswitch/openvswitch.ko: x', 'openvswitch', false],
  ['kernel/drivers/net/a-b.ko.zst:', 'a_b', true],
  ['kernel/x/y.ko: kernel/drivers/net/nfp.ko', 'nfp', false],
  ['kernel/drivers/net/xnfp.ko:', 'nfp', false],
])('%s has the driver %s: %s', (dep, name, expected) => expect(isDriverFile(dep, name)).toBe(expected));
