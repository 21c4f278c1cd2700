/** Whether a connection comes through a tunnel, whose outer packets a guard would drop. Reads only. */
import type { ReadHost } from '../host/host.ts';
import type { Connection } from '../model.ts';
import { isWithin } from './sockets.ts';

/** Device types that the kernel names in /sys/class/net/NAME/uevent (SET_NETDEV_DEVTYPE). */
const TYPES = ['wireguard', 'vxlan', 'geneve', 'bareudp', 'gtp', 'l2tpeth'];
/** Hardware types of tunnels: include/uapi/linux/if_arp.h. 65534 is what tun, WireGuard and xfrm devices have. */
const ARPHRD: Readonly<Record<string, string>> = {
  512: 'ppp',
  768: 'ipip',
  769: 'ip6tnl',
  776: 'sit',
  778: 'gre',
  823: 'ip6gre',
  65534: 'tun or xfrm',
};
/** Devices on top of devices (vlan, bond) are followed so far down. */
const DEPTH = 4;
/** IFF_VNET_HDR in include/uapi/linux/if_tun.h: the monitor of a virtual machine asks for it, what bridges a tunnel does not. */
const VNET_HDR = 0x4000;

/** What a connection comes through, `wg0 (wireguard)`; undefined when it is no tunnel. */
export async function tunnelOf(host: ReadHost, connection: Connection): Promise<string | undefined> {
  if (await hasIpsec(host, connection)) return 'IPsec';
  const { theirs, ours } = connection;
  const route = await host.run(['ip', '-o', 'route', 'get', theirs, 'from', ours]);
  if (route.code === 127) return 'a way that cannot be told, because ip (iproute2) is not installed';
  const device = /\bdev (\S+)/.exec(route.stdout)?.[1];
  const hop = /\bvia (?:inet6? )?(\S+)/.exec(route.stdout)?.[1] ?? theirs;
  return device === undefined ? undefined : tunnelDevice(host, device, hop, DEPTH);
}

/** @param hop the neighbour to which the packets go */
async function tunnelDevice(host: ReadHost, name: string, hop: string, depth: number): Promise<string | undefined> {
  const dir = `/sys/class/net/${name}`;
  const read = async (file: string) => (await host.readFile(`${dir}/${file}`).catch(() => undefined)) ?? '';
  const kind = /^DEVTYPE=(\S+)$/m.exec(await read('uevent'))?.[1] ?? '';
  if (TYPES.includes(kind)) return `${name} (${kind})`;
  // Only tun and tap devices have these flags: drivers/net/tun.c.
  if ((await read('tun_flags')) !== '') return `${name} (tun or tap)`;
  const type = ARPHRD[(await read('type')).trim()];
  if (type === 'ppp' && (await hasPppoe(host))) return undefined;
  if (type !== undefined) return `${name} (${type})`;
  const names: readonly string[] = await host.readDir(dir).catch(() => []);
  if (depth === 0) return undefined;
  const lowers = names.flatMap((each) => (each.startsWith('lower_') ? [each.slice('lower_'.length)] : []));
  if (names.includes('bridge')) return tunnelPort(host, name, lowers, hop, depth);
  for (const lower of lowers) {
    const below = await tunnelDevice(host, lower, hop, depth - 1);
    if (below !== undefined) return below;
  }
  return undefined;
}

/**
 * The ports of a bridge are beside each other, and most of them have nothing to do with this connection: it is asked for
 * the one behind which the neighbour is, where one of them is a tunnel. Where it has forgotten that (after five minutes
 * without a packet), that one counts.
 */
async function tunnelPort(
  host: ReadHost,
  bridge: string,
  ports: readonly string[],
  hop: string,
  depth: number,
): Promise<string | undefined> {
  const tunnels = new Map<string, string>();
  for (const port of ports) {
    const flags = (await host.readFile(`/sys/class/net/${port}/tun_flags`).catch(() => undefined)) ?? '0';
    const tunnel = (Number(flags) & VNET_HDR) === 0 ? await tunnelDevice(host, port, hop, depth - 1) : undefined;
    if (tunnel !== undefined) tunnels.set(port, tunnel);
  }
  const [first] = tunnels.values();
  if (first === undefined) return undefined;
  const neighbour = await host.run(['ip', '-o', 'neigh', 'show', 'to', hop]);
  const listed = await host.run(['bridge', 'fdb', 'show', 'br', bridge]);
  const behind = learnedPorts(listed.stdout, /\blladdr (\S+)/.exec(neighbour.stdout)?.[1]);
  if (behind.length === 0) return `${bridge}, perhaps by its port ${first}`;
  return behind.flatMap((port) => tunnels.get(port) ?? [])[0];
}

/**
 * The ports behind which a bridge has seen an address.
 * @param text `bridge fdb show`: `ADDRESS dev PORT [vlan N] master BRIDGE …`; `permanent` are the bridge's own. Source:
 *   bridge/fdb.c of iproute2
 */
export function learnedPorts(text: string, address: string | undefined): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const [mac, dev, port, ...rest] = line.trim().split(/\s+/);
    const learned = dev === 'dev' && rest.includes('master') && !rest.includes('permanent');
    return address !== undefined && mac === address && learned && port !== undefined ? [port] : [];
  });
}

/** PPP over Ethernet is no IP underneath; its sessions are listed after a head line (drivers/net/ppp/pppoe.c). */
async function hasPppoe(host: ReadHost): Promise<boolean> {
  const text = (await host.readFile('/proc/net/pppoe').catch(() => undefined)) ?? '';
  return text.trim().split('\n').length > 1;
}

/** Whether a policy puts what goes back to the other end into IPsec; asked only where its netlink is there already. */
async function hasIpsec(host: ReadHost, { ours, theirs }: Connection): Promise<boolean> {
  const sockets = (await host.readFile('/proc/net/netlink').catch(() => undefined)) ?? '';
  if (!speaksXfrm(sockets)) return false;
  const listed = await host.run(['ip', 'xfrm', 'policy']);
  return ipsecPolicies(listed.stdout).some(({ src, dst }) => isWithin(ours, src) && isWithin(theirs, dst));
}

/** NETLINK_XFRM is 6 (include/uapi/linux/netlink.h); the kernel's own socket is listed once xfrm_user is there. */
export function speaksXfrm(netlink: string): boolean {
  return netlink.split('\n').some((line) => line.trim().split(/\s+/)[1] === '6');
}

/**
 * Outgoing policies that transform.
 * @param text `ip xfrm policy`: `src NET dst NET …`, then indented `dir out …` and, where it transforms, `tmpl …`.
 *   Source: ip/ipxfrm.c of iproute2
 */
export function ipsecPolicies(text: string): readonly { src: string; dst: string }[] {
  const blocks = text.split(/^(?=src )/m);
  return blocks.flatMap((block) => {
    const [, src, dst] = /^src (\S+) dst (\S+)/.exec(block) ?? [];
    const transforms = /^[ \t]+dir out\b/m.test(block) && /^[ \t]+tmpl /m.test(block);
    return src === undefined || dst === undefined || !transforms ? [] : [{ src, dst }];
  });
}
