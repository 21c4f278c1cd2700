/**
 * Who else writes the numbers of the table, and what to change there so that another value holds: one set of words for
 * plans and diagnoses. Pure.
 */
import type { Clash } from './conflicts.ts';
import { BUCKETS_KEY, MAX_KEY } from './own.ts';

/**
 * What to do about a line that wins with another value.
 * @param real the file that has the line, links followed
 * @param possible whether --take-over can edit it
 */
export function remedyFor(
  { code, line, setting, wanted, key }: Omit<Clash, 'file' | 'what'>,
  real: string,
  possible: boolean,
): string {
  if (code === 'tuned-profile' && !possible) return ownProfile(real, key ?? MAX_KEY, wanted);
  const also = possible ? '; --take-over does that, and rollback takes it back' : '';
  return `set ${setting} on line ${line} of ${real}, or remove that line${also}${inNodePool(real, key, wanted)}`;
}

/**
 * What AKS writes on a node comes from the node pool, and comes again with every new node. Source: AKS, custom node
 * configuration, sysctls of linuxOSConfig; the file is written by cse_config.sh in Azure/AgentBaker.
 */
function inNodePool(file: string, key: string | undefined, wanted: string): string {
  const name = { [MAX_KEY]: 'netNetfilterNfConntrackMax', [BUCKETS_KEY]: 'netNetfilterNfConntrackBuckets' }[key ?? ''];
  if (!file.endsWith('/999-sysctl-aks.conf') || name === undefined) return '';
  return `; every new node of the pool has the old value again until its --linux-os-config says "${name}": ${wanted}`;
}

/** ufw's own file has keys with slashes, without spaces (ufw-framework(8)). */
export function ufwSetting(key: string, wanted: string): string {
  return `${key.replaceAll('.', '/')}=${wanted}`;
}

/**
 * A profile of the vendor is not edited: one of the same host's own includes it. Source: tuned-profiles(7), include=;
 * plugin_net.py, nf_conntrack_hashsize.
 */
function ownProfile(file: string, key: string, wanted: string): string {
  const parts = file.split('/');
  const name = parts.at(-2) ?? '';
  const own = `${name}-conntrack`;
  const place = parts.includes('profiles') ? '/etc/tuned/profiles' : '/etc/tuned';
  const setting = key === BUCKETS_KEY ? `[net] nf_conntrack_hashsize=${wanted}` : `[sysctl] ${key}=${wanted}`;
  return `make ${place}/${own}/tuned.conf with "[main] include=${name}" and "${setting}", a line for each part, then switch to it: tuned-adm profile ${own}`;
}

/**
 * kube-proxy leaves max alone when it is told no number for a core.
 * Source: kube-proxy(8), --conntrack-max-per-core: 0 leaves the limit as it is; getConntrackMax in cmd/kube-proxy/app.
 */
export const KUBE_PROXY_REMEDY =
  'let kube-proxy leave max alone: conntrack.maxPerCore: 0 in its configuration (--conntrack-max-per-core=0; ' +
  'k3s: kube-proxy-arg: ["conntrack-max-per-core=0"] in /etc/rancher/k3s/config.yaml), and restart it';
