/** Flows that are lost to races, and flows that nobody uses any more. Pure. */

import { isEnding } from '../facts/flow-sample.ts';
import { clashesAreDrops } from '../kernel.ts';
import { type Facts, type FlowSample, known } from '../model.ts';
import { grouped, percent } from '../render/numbers.ts';
import { CHAIN, counterOf, type Finding, type Remedy, type Seen } from './finding.ts';
import { letCtfix, SEE_PLAN } from './remedy.ts';

/** Rarer races than one a minute are part of every busy host. */
const OFTEN = 1;

type Races = {
  /** flows that were not inserted, without those whose chain was too long */
  readonly failed: number;
  /** how many of these were lost, at most, and how many of them between the two looks */
  readonly lost: number;
  readonly rise: number;
  readonly perMinute: number;
};

/** A race that is resolved loses nothing, and was counted in insert_failed all the same before 5.10: see unclashedDrops. */
function racesOf(facts: Facts): Races | undefined {
  const failed = counterOf(facts, 'insert_failed');
  const chain = counterOf(facts, ...CHAIN);
  if (failed === undefined) return undefined;
  const most = clashesAreDrops(facts.machine.kernel) ? counterOf(facts, 'drop') : undefined;
  const races = failed.total - (chain?.total ?? 0);
  const lost = Math.min(races, most?.total ?? races);
  const rise = Math.min(failed.rise - (chain?.rise ?? 0), most?.rise ?? failed.rise);
  const perMinute = failed.total === 0 ? 0 : ((failed.perMinute ?? 0) * lost) / failed.total;
  return { failed: races, lost, rise, perMinute };
}

/**
 * Two packets made the same new flow at once, and one of them was dropped: mostly DNS, whose resolver sends two questions
 * from one socket. Refused chains are counted in the same column (nf_conntrack_confirm), and have a rule of their own.
 */
export function insertRaces({ facts }: Seen): Finding | undefined {
  const races = racesOf(facts);
  if (races === undefined || (races.rise <= 0 && races.perMinute < OFTEN)) return undefined;
  const { failed, lost, rise, perMinute } = races;
  const upTo = lost < failed ? 'up to ' : '';
  const some = lost < failed ? `, up to ${grouped(lost)} of them lost` : '';
  const often = perMinute >= OFTEN ? `, ${upTo}${grouped(Math.round(perMinute))} a minute on average` : '';
  const now = rise > 0 ? `, ${upTo}${grouped(rise)} in half a second` : ', none just now';
  const sample = known(facts.diagnosis?.sample ?? { unknown: '' });
  return {
    code: 'insert-races',
    severity: rise > 0 ? 'warning' : 'note',
    what: 'new flows are lost in races with each other, not for want of room: a larger table does not help',
    proof: [
      `insert_failed ${grouped(failed)}${some}${often}${now}`,
      ...(sample !== undefined && sample.dns > 0 && sample.flows > 0
        ? [`${percent(sample.dns / sample.flows)} of ${grouped(sample.flows)} flows looked at are DNS`]
        : []),
    ],
    remedies: [
      {
        say: 'DNS over UDP is the usual cause: have glibc use a socket for each question, with "options single-request-reopen" in /etc/resolv.conf, on this host and in its containers. Where a program writes that file, the option goes into its configuration (NetworkManager: ipv4.dns-options, resolvconf: resolv.conf.d/tail); see whether one does',
        command: 'readlink -f /etc/resolv.conf; head -n 5 /etc/resolv.conf',
      },
      { say: 'or run a DNS cache on this host, which needs no tracking (a notrack rule for port 53)' },
      { say: 'with SNAT or MASQUERADE, --random-fully (iptables) or fully-random (nft) ends races for a port' },
    ],
  };
}

/** From that fill on it matters who is in the table. */
const FILLED = 0.5;
/** From that fill on it is more than a note: a busy host may well live with many ended flows. */
const PRESSING = 0.8;
/** From that share on one kind of flow is the story. */
const MOST = 0.5;
const ENOUGH = 200;

/** Most of the table is flows that have ended, were never answered, or have been silent for a day. */
export function deadEntries({ facts, evidence }: Seen): Finding | undefined {
  const [count = 0, max = 0] = [known(facts.table.count), known(facts.table.max)];
  const sample = known(facts.diagnosis?.sample ?? { unknown: '' });
  if (sample === undefined || max === 0 || count < FILLED * max) return undefined;
  const expired = sample.whole ? Math.max(0, count - sample.flows) : 0;
  const kinds = deadKinds(facts, sample);
  const dead = kinds.reduce((sum, { flows }) => sum + flows, 0);
  const seen = sample.flows + expired;
  if (seen < ENOUGH || dead + expired < MOST * seen) return undefined;
  return {
    code: 'dead-entries',
    severity: evidence.full.length > 0 || count >= PRESSING * max ? 'warning' : 'note',
    what: `the count is inflated: ${percent((dead + expired) / seen)} of the flows are dead, and raising max would only hide them`,
    proof: [
      `${grouped(count)} of ${grouped(max)} flows (${percent(count / max)})`,
      ...(expired > 0
        ? [`${grouped(expired)} have expired, and the kernel has not taken them out of the count yet`]
        : []),
      ...kinds.filter(({ flows }) => flows > 0).map(({ what, flows }) => `${percent(flows / seen)} ${what}`),
      ...(sample.whole ? [] : [`by ${grouped(sample.flows)} flows, taken as they lie in the hash`]),
    ],
    remedies: [
      ...kinds.filter(({ flows }) => flows >= dead / 3 && flows > 0).flatMap(({ remedies }) => remedies()),
      { say: 'see whose they are', command: 'sudo ctfix top' },
    ],
  };
}

type Kind = { readonly what: string; readonly flows: number; remedies(): Remedy[] };

/** Every flow is of one kind at most. */
function deadKinds(facts: Facts, { kinds, unreplied, silent }: FlowSample): Kind[] {
  const ending = Object.entries(kinds).reduce((sum, [kind, flows]) => sum + (isEnding(kind) ? flows : 0), 0);
  return [
    {
      what: 'are TCP connections that have ended (TIME_WAIT, CLOSE, …)',
      flows: ending,
      remedies: () =>
        sooner(facts, 'forget ended connections sooner', 30, 'tcp_timeout_time_wait', 'tcp_timeout_close_wait'),
    },
    {
      what: 'were never answered: a scan, a flood, or a service that is down',
      flows: unreplied,
      remedies: () => [{ say: 'see who sends what nobody answers', command: 'sudo ctfix top --by source' }],
    },
    {
      what: 'are established TCP connections without a packet for a day: their ends are gone, or keepalives are off',
      flows: silent,
      remedies: () =>
        sooner(
          facts,
          'forget silent connections after a day (what must live longer in silence needs keepalives); --what-if of ctfix top tells how many that frees',
          86_400,
          'tcp_timeout_established',
        ),
    },
  ];
}

/** Shorter timeouts, those of them that are longer here. */
function sooner(facts: Facts, say: string, seconds: number, ...names: readonly string[]): Remedy[] {
  const longer = names.filter((name) => Number(facts.table.values[name]) > seconds);
  if (longer.length === 0) return [];
  return letCtfix(facts, say, { timeouts: Object.fromEntries(longer.map((name) => [name, seconds])) });
}

/** A table without a limit (max 0, before 6.19). */
export function noLimit({ facts, formula, demand }: Seen): Finding | undefined {
  if (known(facts.table.max) !== 0) return undefined;
  const max = Math.max(formula, Math.ceil(demand.headroom * demand.need));
  const limits = letCtfix(facts, `set one: ${grouped(max)} is what this memory and its flows suggest`, { max });
  return {
    code: 'no-limit',
    severity: 'note',
    what: 'the table has no limit (max 0): nothing bounds its memory',
    proof: ['net.netfilter.nf_conntrack_max is 0'],
    remedies: limits.length > 0 ? limits : [SEE_PLAN],
  };
}
