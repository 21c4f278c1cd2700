import { describe, expect, test } from 'vitest';
import { ipsecPolicies, learnedPorts, speaksXfrm, tunnelOf } from '../../src/facts/tunnels.ts';
import type { Connection } from '../../src/model.ts';
import { type Looks, lookedAt } from '../support/looked-at.ts';

const CONNECTION: Connection = { family: 4, ours: '10.8.0.1', ourPort: 22, theirs: '10.8.0.2', theirPort: 40000 };
const ROUTE = 'ip -o route get 10.8.0.2 from 10.8.0.1';
const via = (device: string) => ({ [ROUTE]: `10.8.0.2 from 10.8.0.1 dev ${device} uid 0 \\    cache \n` });
const device = (name: string, files: Record<string, string>) =>
  Object.fromEntries(Object.entries(files).map(([file, text]) => [`/sys/class/net/${name}/${file}`, text]));

const NETLINK = 'sk               Eth Pid        Groups   Rmem\n000000000 0   0          00000000 0\n';
const XFRM = `${NETLINK}000000001 6   0          00000000 0        0        0     2        0        1028\n`;
const POLICY = `src 10.8.0.0/24 dst 10.8.0.0/24 
\tdir out priority 375423 ptype main 
\ttmpl src 192.0.2.1 dst 192.0.2.2
\t\tproto esp spi 0xc9a2f3 reqid 1 mode tunnel
src 0.0.0.0/0 dst 0.0.0.0/0 
\tsocket in priority 0 ptype main 
`;

describe('tunnelOf', () => {
  test.each<[string, Looks, string | undefined]>([
    [
      'a network card',
      { run: via('eth0'), files: device('eth0', { type: '1\n', uevent: 'INTERFACE=eth0\n' }) },
      undefined,
    ],
    [
      'WireGuard',
      { run: via('wg0'), files: device('wg0', { type: '65534\n', uevent: 'DEVTYPE=wireguard\nINTERFACE=wg0\n' }) },
      'wg0 (wireguard)',
    ],
    [
      'OpenVPN with tun',
      { run: via('tun0'), files: device('tun0', { type: '65534\n', tun_flags: '0x1\n' }) },
      'tun0 (tun or tap)',
    ],
    [
      'OpenVPN with tap',
      { run: via('tap0'), files: device('tap0', { type: '1\n', tun_flags: '0x2\n' }) },
      'tap0 (tun or tap)',
    ],
    ['an xfrm device', { run: via('ipsec0'), files: device('ipsec0', { type: '65534\n' }) }, 'ipsec0 (tun or xfrm)'],
    ['GRE', { run: via('gre1'), files: device('gre1', { type: '778\n' }) }, 'gre1 (gre)'],
    ['L2TP or PPTP', { run: via('ppp0'), files: device('ppp0', { type: '512\n' }) }, 'ppp0 (ppp)'],
    [
      'PPP over Ethernet',
      {
        run: via('ppp0'),
        files: { ...device('ppp0', { type: '512\n' }), '/proc/net/pppoe': 'Id  Address\n00000001 00:11 eth1\n' },
      },
      undefined,
    ],
    [
      'a VLAN on a VXLAN',
      {
        run: via('v5'),
        files: {
          ...device('v5', { type: '1\n', uevent: 'DEVTYPE=vlan\n', 'lower_x0/type': '1\n' }),
          ...device('x0', { type: '1\n', uevent: 'DEVTYPE=vxlan\n' }),
        },
      },
      'x0 (vxlan)',
    ],
    [
      'a bridge beside whose card there are the taps of virtual machines',
      {
        run: via('br0'),
        files: {
          ...device('br0', { type: '1\n', uevent: 'DEVTYPE=bridge\n', 'bridge/x': '', 'lower_vnet0/x': '' }),
          ...device('vnet0', { type: '1\n', tun_flags: '0x5902\n' }),
        },
      },
      undefined,
    ],
    ['no ip', {}, 'a way that cannot be told, because ip (iproute2) is not installed'],
    ['no route', { run: { ip: 2 } }, undefined],
    ['IPsec', { files: { '/proc/net/netlink': XFRM }, run: { ...via('eth0'), 'ip xfrm policy': POLICY } }, 'IPsec'],
    [
      'IPsec to elsewhere',
      {
        files: { '/proc/net/netlink': XFRM },
        run: { ...via('eth0'), 'ip xfrm policy': POLICY.replaceAll('10.8.0', '10.9.0') },
      },
      undefined,
    ],
    [
      'no IPsec: asking would load its module',
      { files: { '/proc/net/netlink': NETLINK }, run: { ...via('eth0'), 'ip xfrm policy': POLICY } },
      undefined,
    ],
  ])('%s', async (_, looks, tunnel) => expect(await tunnelOf(lookedAt(looks), CONNECTION)).toBe(tunnel));
});

/** A bridge with a card, the tap of a virtual machine, that of a VPN, and a VXLAN, as a kernel 6.18 shows them. */
const BRIDGE = {
  ...device('br0', {
    type: '1\n',
    uevent: 'DEVTYPE=bridge\n',
    'bridge/x': '',
    'lower_eth0/x': '',
    'lower_vnet0/x': '',
    'lower_tap0/x': '',
    'lower_vx5/x': '',
  }),
  ...device('eth0', { type: '1\n', uevent: 'INTERFACE=eth0\n' }),
  ...device('vnet0', { type: '1\n', tun_flags: '0x5902\n' }),
  ...device('tap0', { type: '1\n', tun_flags: '0x1802\n' }),
  ...device('vx5', { type: '1\n', uevent: 'DEVTYPE=vxlan\nINTERFACE=vx5\n' }),
};
const MAC = '2e:61:b1:05:a8:4b';
const neigh = (hop: string) => ({ [`ip -o neigh show to ${hop}`]: `${hop} dev br0 lladdr ${MAC} REACHABLE \n` });
const fdb = (port: string) => ({
  'bridge fdb show br br0': `33:33:00:00:00:01 dev br0 self permanent
${MAC} dev ${port} master br0 
9e:0a:27:46:d1:e2 dev vx5 master br0 permanent
00:00:00:00:00:00 dev vx5 dst 10.9.0.9 self permanent
`,
});

describe('of the ports of a bridge it is the one behind which the neighbour is', () => {
  test.each<[string, Record<string, string>, string | undefined]>([
    ['the card', { ...via('br0'), ...neigh('10.8.0.2'), ...fdb('eth0') }, undefined],
    ['the VXLAN', { ...via('br0'), ...neigh('10.8.0.2'), ...fdb('vx5') }, 'vx5 (vxlan)'],
    ['the tap of a VPN', { ...via('br0'), ...neigh('10.8.0.2'), ...fdb('tap0') }, 'tap0 (tun or tap)'],
    ['the tap of a virtual machine', { ...via('br0'), ...neigh('10.8.0.2'), ...fdb('vnet0') }, undefined],
    [
      'the router behind the VXLAN',
      { [ROUTE]: '10.8.0.2 via 10.9.0.1 dev br0 src 10.8.0.1 \\', ...neigh('10.9.0.1'), ...fdb('vx5') },
      'vx5 (vxlan)',
    ],
    ['nobody knows', via('br0'), 'br0, perhaps by its port tap0 (tun or tap)'],
    [
      'forgotten',
      { ...via('br0'), ...neigh('10.8.0.2'), 'bridge fdb show br br0': '' },
      'br0, perhaps by its port tap0 (tun or tap)',
    ],
  ])('%s', async (_, run, tunnel) => expect(await tunnelOf(lookedAt({ run, files: BRIDGE }), CONNECTION)).toBe(tunnel));
});

test('an address of the bridge itself is behind no port, and with VLANs it can be behind several', () => {
  const text = `${MAC} dev a vlan 5 master br0 \n${MAC} dev b vlan 6 master br0 extern_learn \n${MAC} dev c master br0 permanent\n${MAC} dev d dst 10.9.0.9 self \n`;
  expect(learnedPorts(text, MAC)).toEqual(['a', 'b']);
  expect(learnedPorts(text, undefined)).toEqual([]);
});

test('a policy counts when it is for what goes out, and transforms', () => {
  expect(ipsecPolicies(POLICY)).toEqual([{ src: '10.8.0.0/24', dst: '10.8.0.0/24' }]);
  expect(ipsecPolicies(POLICY.replace('dir out', 'dir in'))).toEqual([]);
  expect(ipsecPolicies(POLICY.replace('\ttmpl', '\tno'))).toEqual([]);
  expect([speaksXfrm(XFRM), speaksXfrm(NETLINK), speaksXfrm('')]).toEqual([true, false, false]);
});
