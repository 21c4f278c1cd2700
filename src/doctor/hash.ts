/** A hash with too few buckets, and inserts that the kernel refuses because a chain is long. Pure. */
import { longestRatio } from '../demand.ts';
import { averageChain, bucketsKeyIsWritable, chainsAreLimited, resizeIsSafe, roundBuckets } from '../kernel.ts';
import { type Facts, known } from '../model.ts';
import { chainDigits, grouped } from '../render/numbers.ts';
import { CHAIN, type CounterSeen, counterOf, type Finding, type Remedy, type Seen, wroteFilesOnly } from './finding.ts';
import { letCtfix, SEE_PLAN, wayOf } from './remedy.ts';

/** Chains are refused from a random limit on: 8 to 31 or, later, 50 to 79; see chainLimitIsShort. */
function limitText({ facts, shortChains }: Pick<Seen, 'facts' | 'shortChains'>): string {
  if (!chainsAreLimited(facts.machine, known(facts.table.counters)))
    return '; this kernel searches chains of any length';
  return `; this kernel refuses new flows in chains longer than ${shortChains ? '8 to 31' : '50 to 79'}`;
}

/** Fewer than that for each minute is the rare long chain that any hash has: no finding. */
const OFTEN = 1;

/** The buckets are too few for a full table, or for the flows that are there; of the next load where there is none now. */
export function hashTooShort(seen: Seen): Finding | undefined {
  const { facts, sizing, present, demand } = seen;
  const [max, buckets] = [present.live.max ?? present.max, present.working];
  const load = max === 0 ? Math.ceil(demand.headroom * demand.need) : max;
  if (load === undefined || buckets === 0 || load / buckets <= longestRatio(seen)) return undefined;
  const refused = counterOf(facts, ...CHAIN);
  const limited = chainsAreLimited(facts.machine, known(facts.table.counters));
  const now = present.live.buckets === undefined ? 0 : averageChain(present.count, buckets);
  const losing = (refused?.rise ?? 0) > 0 || (limited && now >= (seen.shortChains ? 8 : 50));
  const wanted = Math.max(sizing.targets.buckets, roundBuckets(load, facts.machine));
  return {
    code: 'hash-too-short',
    severity: losing ? 'critical' : waits(seen, load) ? 'note' : 'warning',
    what: losing
      ? 'the hash is too short: the kernel refuses new flows although the table is not full'
      : 'the hash is too short for a full table: long before that, packets pay for long chains',
    proof: [
      `average chain ${chainDigits(averageChain(load, buckets))} when ${grouped(load)} flows share ${grouped(buckets)} buckets`,
      ...(present.live.buckets === undefined
        ? ['so it will be when the module is loaded']
        : [`average chain ${chainDigits(now)} now${limitText(seen)}`]),
      ...refusedRows(refused),
    ],
    remedies: waits(seen, load) ? [NEXT_LOAD] : more(seen, wanted),
  };
}

/**
 * The files have enough, and only the next load of the module takes them: before 4.7, or because it was asked for so; a plan
 * has nothing to add.
 */
function waits({ facts, present, ...it }: Seen, load: number): boolean {
  const next = present.next.load.buckets?.value ?? 0;
  const later = !resizeIsSafe(facts.machine.kernel) || wroteFilesOnly(facts);
  const enough = later && next > 0 && load / next <= longestRatio(it);
  return enough && wayOf(facts, {}).command === undefined;
}

const NEXT_LOAD: Remedy = {
  say: 'the next load of the module has more: a live resize is not safe on this kernel, a reboot is',
};

/** The plan takes more buckets by itself; without a limit it has to be told. */
function more({ facts, sizing }: Seen, wanted: number): Remedy[] {
  if (facts.module.state === 'builtin' && !bucketsKeyIsWritable(facts.machine.kernel)) {
    return [{ say: `put nf_conntrack.hashsize=${wanted} on the kernel command line: nothing else sets it here` }];
  }
  const safe = resizeIsSafe(facts.machine.kernel);
  const when = safe ? 'live, no flow is lost' : 'from the next load of the module on';
  const byItself = sizing.targets.buckets >= wanted ? [{}] : [];
  const found = letCtfix(facts, `more buckets, ${when}: ${grouped(wanted)}`, ...byItself, { hashsize: wanted });
  return found.length > 0 ? found : [SEE_PLAN];
}

/** Inserts are refused although there are buckets enough: a short limit of this kernel, or a flood aimed at the hash. */
export function chainRefused(seen: Seen): Finding | undefined {
  const { facts } = seen;
  const refused = counterOf(facts, ...CHAIN);
  const buckets = known(facts.table.buckets);
  if (refused === undefined || buckets === undefined || hashTooShort(seen) !== undefined) return undefined;
  if (refused.rise === 0 && (refused.perMinute ?? 0) < OFTEN) return undefined;
  const now = averageChain(known(facts.table.count) ?? 0, buckets);
  return {
    code: 'chain-refused',
    severity: refused.rise > 0 ? 'critical' : 'warning',
    what: 'the kernel refuses new flows because their chain in the hash is long, although there are buckets enough',
    proof: [...refusedRows(refused), `average chain ${chainDigits(now)} now${limitText(seen)}`],
    remedies: [...update(seen), ...moreBuckets(facts, buckets)],
  };
}

function update({ shortChains }: Seen): Remedy[] {
  return shortChains
    ? [{ say: 'a newer kernel has a limit of 50 to 79: 6.3, 6.1.192, 5.15.215 and later' }]
    : [
        {
          say: 'so long a chain by chance is next to impossible: see whether one source floods the table',
          command: 'sudo ctfix top --by source',
        },
      ];
}

function moreBuckets(facts: Facts, buckets: number): Remedy[] {
  return letCtfix(facts, 'more buckets make shorter chains', { hashsize: roundBuckets(2 * buckets, facts.machine) });
}

function refusedRows(refused: CounterSeen | undefined): string[] {
  if (refused === undefined || refused.total === 0) return [];
  const rise = refused.rise > 0 ? `, ${grouped(refused.rise)} of them in half a second` : ', none just now';
  return [`${grouped(refused.total)} flows were refused for a long chain (chaintoolong)${rise}`];
}
