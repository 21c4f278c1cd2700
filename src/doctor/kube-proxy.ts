/** kube-proxy writes max, and what it is told to write is in its cluster, not on this host. Pure. */
import { type Facts, known } from '../model.ts';
import { decidedOutside, isActive, nextBoot } from '../nextboot.ts';
import { MAX_KEY } from '../own.ts';
import { KUBE_PROXY_REMEDY } from '../owners.ts';
import { isLess } from '../present.ts';
import { grouped } from '../render/numbers.ts';
import { type Finding, originOf, type Remedy, type Seen, type Unseen } from './finding.ts';

/** kube-proxy is active, and max is not what the files ask for. */
export function kubeProxy(seen: Seen): Finding | undefined {
  const { facts } = seen;
  const { asked, boot } = nextBoot(facts);
  const live = known(facts.table.max);
  if (!isActive(facts, 'kube-proxy') || live === undefined || asked.max === undefined || asked.max.value === live)
    return undefined;
  const lower = isLess(live, asked.max.value);
  // More than the files ask for is nothing wrong, and whose it is cannot be seen here.
  if (!lower && boot.max === undefined) return undefined;
  if (lower && originOf(seen, 'max')?.lost.some(({ code }) => code === 'before-module')) return undefined;
  return {
    code: 'kube-proxy',
    severity: lower ? 'warning' : 'note',
    keys: [MAX_KEY],
    what: lower
      ? 'kube-proxy is active and max is less than the files ask for: some of its releases lower it whenever they start'
      : 'kube-proxy is active and has raised max above what the files ask for',
    proof: [
      `max ${grouped(live)} now; ${asked.max.why}: ${grouped(asked.max.value)}`,
      ...(boot.unknown === undefined ? [] : [boot.unknown]),
    ],
    remedies: [{ say: KUBE_PROXY_REMEDY, ...configMap(facts, 'edit') }],
  };
}

/** What the next boot gives, where only the settings of kube-proxy tell, and no finding says so. */
export function proxyUnseen(seen: Seen): Unseen[] {
  const { facts } = seen;
  const why = nextBoot(facts).boot.unknown;
  if (why === undefined || decidedOutside(facts) !== undefined || kubeProxy(seen) !== undefined) return [];
  const { command: how = 'conntrack-max-per-core and conntrack-min in the arguments of kube-proxy' } = configMap(
    facts,
    'get -o yaml',
  );
  return [{ what: 'what the next boot gives', why, how }];
}

/** k3s and microk8s carry kube-proxy inside; elsewhere a ConfigMap is its usual configuration. */
function configMap({ firewalls }: Facts, verb: string): Pick<Remedy, 'command'> {
  const inside = firewalls.some(({ unit }) => unit !== undefined && /k3s|microk8s/.test(unit));
  return inside ? {} : { command: `kubectl -n kube-system ${verb} configmap kube-proxy` };
}
