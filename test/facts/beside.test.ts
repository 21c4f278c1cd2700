/** Clouds, datapaths, iptables-services and the initramfs, out of what they write. */
import { describe, expect, test } from 'vitest';
import {
  cloudVendor,
  countsForCloud,
  datapaths,
  INITRAMFS_MODULES,
  loadsEarly,
  parseAllowance,
  unloadSwitch,
} from '../../src/facts/beside.ts';

test.each([
  ['Amazon EC2\n', '', 'aws'],
  ['Google\n', '', 'gcp'],
  ['Microsoft Corporation\n', '7783-7084-3265-9085-8269-3286-77\n', 'azure'],
  ['Microsoft Corporation\n', '1234\n', undefined],
  ['Dell Inc.\n', 'Google\n', undefined],
  ['', '', undefined],
])('%j %j is %s', (maker, tag, vendor) => expect(cloudVendor(maker, tag)).toBe(vendor));

test('only the driver of EC2 hands on what its cloud counted', () => {
  expect(['ena', 'gve', 'hv_netvsc', 'virtio_net', ''].filter(countsForCloud)).toEqual(['ena']);
});

test.each([
  ['NIC statistics:\n     bw_in_allowance_exceeded: 3\n     conntrack_allowance_exceeded: 12\n', { exceeded: 12 }],
  [
    '     conntrack_allowance_exceeded: 0\n     conntrack_allowance_available: 136812\n',
    { exceeded: 0, available: 136812 },
  ],
  ['NIC statistics:\n     tx_timeout: 0\n', {}],
  ['', {}],
])('ethtool -S %j', (text, allowance) => expect(parseAllowance(text)).toEqual(allowance));

test('datapaths by their interfaces', () => {
  expect(datapaths(['eth0', 'cilium_host', 'lxc1'])).toEqual([{ name: 'cilium', trace: '/sys/class/net/cilium_host' }]);
  expect(datapaths(['bpfout.cali', 'constructor']).map(({ name }) => name)).toEqual(['calico-ebpf']);
  expect(datapaths(['eth0', 'cali123'])).toEqual([]);
});

describe('iptables-services', () => {
  const file = '/etc/sysconfig/iptables-config';
  test.each([
    ['IPTABLES_MODULES_UNLOAD="yes"\n', { file, line: 1, reapplies: [] }],
    ["# x\nIP6TABLES_MODULES_UNLOAD='yes'\n", { file, line: 2, reapplies: [] }],
    [
      'IPTABLES_MODULES_UNLOAD=yes\nIPTABLES_SYSCTL_LOAD_LIST=".nf_conntrack .bridge-nf"\n',
      { file, line: 1, reapplies: ['.nf_conntrack', '.bridge-nf'] },
    ],
    ['IPTABLES_MODULES_UNLOAD="yes"\nIPTABLES_MODULES_UNLOAD="no"\n', undefined],
    ['#IPTABLES_MODULES_UNLOAD="yes"\n', undefined],
    ['IPTABLES_MODULES="nf_conntrack_ftp"\n', undefined],
    ['', undefined],
  ])('%j', (text, expected) => expect(unloadSwitch(file, text)).toEqual(expected));
});

describe('initramfs', () => {
  const dracut = '/etc/dracut.conf.d/a.conf';
  test.each([
    [INITRAMFS_MODULES, '# list\nnf_conntrack\n', { file: INITRAMFS_MODULES, line: 2 }],
    [INITRAMFS_MODULES, 'nf_conntrack hashsize=65536\n', { file: INITRAMFS_MODULES, line: 1 }],
    [INITRAMFS_MODULES, '# nf_conntrack\next4\n', undefined],
    [dracut, 'force_drivers+=" nf_conntrack "\n', { file: dracut, line: 1 }],
    [dracut, 'add_drivers+=" nf_conntrack "\n', undefined],
    [dracut, '#force_drivers+=" nf_conntrack "\n', undefined],
  ])('%s %j', (file, text, expected) => expect(loadsEarly(file, text)).toEqual(expected));
});
