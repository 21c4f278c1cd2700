/** Whether guard and flow carry can be had here, and what the guard would cut. For root; loads no module. */

import type { ReadHost } from '../host/host.ts';
import type { GuardFacts, SshConnection } from '../model.ts';
import { isInstalled } from '../programs.ts';
import { cutArrival } from './arrival.ts';
import { isInKernel } from './in-kernel.ts';
import { rootPrograms } from './root-programs.ts';
import { sshConnections } from './ssh.ts';
import { networkStorage } from './storage.ts';
import { tunnelOf } from './tunnels.ts';

/** Heartbeats of clusters, and of addresses that wander to another host (VRRP, CARP). */
const CLUSTER = ['corosync', 'pacemakerd', 'pacemaker-remoted', 'heartbeat', 'keepalived', 'vrrpd', 'ucarp'];

/** @param host a live host, as root */
export async function gatherGuard(host: ReadHost): Promise<GuardFacts> {
  const ssh: SshConnection[] = [];
  for (const connection of await sshConnections(host)) {
    const tunnel = await tunnelOf(host, connection);
    ssh.push(tunnel === undefined ? connection : { ...connection, tunnel });
  }
  const arrival = await cutArrival(host);
  return {
    nft: await nftState(host),
    conntrack: await conntrackState(host),
    ssh,
    storage: await networkStorage(host),
    cluster: (await rootPrograms(host, CLUSTER)).map(({ name, pid }) => `${name} (${pid})`),
    ...(arrival !== undefined && { cutArrival: arrival }),
  };
}

/**
 * Whatever nft is asked, it opens a netfilter socket first, for which the kernel loads nfnetlink: it is run only where
 * nf_tables, which needs nfnetlink, is loaded. Source: nft_ctx_new in nftables' src/libnftables.c.
 */
async function nftState(host: ReadHost): Promise<GuardFacts['nft']> {
  if (await isInKernel(host, 'nf_tables')) {
    return (await host.run(['nft', '--version'])).code === 0 ? 'there' : 'no-program';
  }
  if (!(await isInstalled(host, 'nft'))) return 'no-program';
  // Tells what would be loaded, and loads nothing: modprobe(8).
  return (await host.run(['modprobe', '--show-depends', 'nf_tables'])).code === 0 ? 'there' : 'no-kernel';
}

/**
 * An empty file is loaded without a word; before 1.4.7 `-R` is no option. conntrack opens such a socket, too: it is not
 * asked without nfnetlink, nor without nf_conntrack, where there is no flow to carry. The rehearsal that comes before
 * anything is stopped finds out then.
 */
async function conntrackState(host: ReadHost): Promise<GuardFacts['conntrack']> {
  const there = await Promise.all(['nf_conntrack', 'nfnetlink'].map((name) => isInKernel(host, name)));
  if (there.includes(false)) {
    return (await isInstalled(host, 'conntrack')) ? 'loads' : 'no-program';
  }
  const { code } = await host.run(['conntrack', '-R', '/dev/null']);
  return code === 127 ? 'no-program' : code === 0 ? 'loads' : 'too-old';
}
