/**
 * What kube-proxy writes into the table whenever it starts, by its default settings. Those of a cluster are in the
 * cluster, not on the disk of the host: a live value that is none of these may come from other settings, or from
 * anybody. Pure.
 */
import { roundBuckets } from './kernel.ts';
import { type Facts, known, type MachineFacts, type Maybe } from './model.ts';
import type { Held, NextValues } from './nextboot.ts';
import { ownValues } from './origin-defaults.ts';
import { grouped } from './render/numbers.ts';

/** conntrack.maxPerCore and conntrack.min. Source: SetDefaults_KubeProxyConfiguration, getConntrackMax in cmd/kube-proxy/app. */
const PER_CORE = 32_768;
const LEAST = 131_072;
/** Kubernetes 1.36 and later never compute more. */
const MOST = 1_048_576;

/**
 * What it can make of max by default; [] where the number of processors is unknown. It counts those that are online
 * (detectNumCPU).
 */
function defaultMax({ cpus }: Pick<MachineFacts, 'cpus'>): readonly number[] {
  if (cpus === undefined) return [];
  const max = Math.max(LEAST, PER_CORE * cpus);
  return [...new Set([max, Math.min(max, MOST)])];
}

/** Where its default comes from, and which it is: part of a sentence. */
function defaultWords(machine: Pick<MachineFacts, 'cpus'>): string {
  const figures = defaultMax(machine);
  if (figures.length === 0) return 'how many processors there are is not known';
  return `its default settings give ${figures.map(grouped).join(' or ')} here`;
}

/**
 * What it makes of other values of the table by default; '' for those that it writes only where its configuration has
 * them. Source: SetDefaults_KubeProxyConfiguration: tcpEstablishedTimeout 24h, tcpCloseWaitTimeout 1h.
 */
const PROXY_VALUES: Readonly<Record<string, string>> = {
  tcp_timeout_established: '86400',
  tcp_timeout_close_wait: '3600',
  udp_timeout: '',
  udp_timeout_stream: '',
  tcp_be_liberal: '',
};

/**
 * max and buckets once it has started: what files and kernel give without it, its own where that is what is live, and
 * otherwise unknown. Releases differ in whether they lower max, too; what is live below the files is their doing only where
 * it is their figure. It raises the buckets to a quarter of max and never lowers them, so that more than a quarter of
 * the live max is nothing of its. Source: setupConntrack, SetMax in cmd/kube-proxy/app/conntrack.go.
 * @param base without it
 */
export function withKubeProxy(facts: Facts, base: NextValues): NextValues {
  const live = known(facts.table.max);
  if (live === undefined) return base;
  const figures = defaultMax(facts.machine);
  const own = figures.includes(live) ? held(live) : undefined;
  const max = base.max?.value === live ? base.max : own;
  const quarters = max?.by === 'kube-proxy' ? [live] : figures;
  const buckets = withQuarter(facts, base.buckets, live, quarters);
  if (max !== undefined && (buckets !== undefined || base.buckets === undefined)) return { max, buckets };
  return { max, buckets, unknown: whose(facts, max === undefined ? base.max : base.buckets, max === undefined) };
}

/** @param figures of max that it may have set; undefined where what is live is neither a quarter of them nor of the files */
function withQuarter(
  { table, machine }: Facts,
  base: Held | undefined,
  max: number,
  figures: readonly number[],
): Held | undefined {
  const now = known(table.buckets);
  const quarter = (figure: number) => roundBuckets(figure / 4, machine);
  const most = max === 0 ? now : Math.min(now ?? 0, quarter(max));
  if (base === undefined || now === undefined || most === undefined || base.value >= most) return base;
  return figures.some((figure) => quarter(figure) === most) ? held(most) : undefined;
}

/** What decides another value once it has started: as for max. @param base without it */
export function valueWithKubeProxy(facts: Facts, name: string, base: Held | undefined): Maybe<Held> | undefined {
  const live = facts.table.values[name];
  const its = PROXY_VALUES[name];
  if (live === undefined || its === undefined || live === String(base?.value ?? '')) return base;
  if (live === its) return held(Number(live));
  return ownValues(name).includes(live) ? base : { unknown: `kube-proxy is active, and ${live} ${MAY_BE}` };
}

const MAY_BE = "may be its own or somebody's";

function held(value: number): Held {
  return { value, by: 'kube-proxy', why: 'kube-proxy sets it whenever it starts' };
}

function whose({ table, machine }: Facts, base: Held | undefined, isMax: boolean): string {
  const live = known(isMax ? table.max : table.buckets) ?? 0;
  const words = `${grouped(live)}${isMax ? '' : ' buckets'} ${MAY_BE}`;
  const without = base === undefined ? '' : `, and the next boot without it ${grouped(base.value)}`;
  return `kube-proxy is active, and ${words}: ${defaultWords(machine)}${without}`;
}
