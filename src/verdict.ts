/** Whether anything has to change, with the reasons, and what stands against it. Pure. */
import { type Case, longestRatio } from './demand.ts';
import { averageChain, bucketsKeyIsWritable } from './kernel.ts';
import { billOf } from './memory.ts';
import type { Refusal, Sizing, Verdict } from './model.ts';
import { failingLine, type Held, nextLine } from './nextboot.ts';
import { keyOf, placeOf } from './own.ts';
import { isLess, type Present } from './present.ts';
import { bytes, grouped } from './render/numbers.ts';
import type { Numbers } from './sizing.ts';

/** `table`: max and buckets are planned, not only timeouts. */
type Judged = Pick<Sizing, 'verdict' | 'reasons' | 'refusals' | 'notes'> & { readonly table: boolean };
type Values = Readonly<Record<string, string>>;

/** Verdict, reasons, refusals and notes for a table and timeouts. */
export function judge(it: Case, table: Numbers, values: Values): Judged {
  const needed = [
    ...grown(it, table),
    ...lowered(it, table),
    ...tooShort(it, table),
    ...unloadable(it),
    ...lost(it, table),
  ];
  const asked = requestedTable(it, table);
  const timeouts = requestedTimeouts(it, values);
  const extra = it.options.precaution === true && table.grows;
  const verdict = verdictOf(extra, needed, [...asked, ...timeouts]);
  const reasons = [...needed, ...asked, ...timeouts, ...(extra && needed.length === 0 ? [precaution(it)] : [])];
  return {
    verdict,
    table: needed.length > 0 || asked.length > 0 || extra,
    reasons: verdict === 'nothing' ? nothing(it, table) : reasons,
    refusals: refusalsFor(it, table),
    notes: [...it.evidence.notes, ...heldNotes(it, table), ...memoryNotes(it, table), ...limitNotes(it, table)],
  };
}

function verdictOf(extra: boolean, needed: readonly string[], asked: readonly string[]): Verdict {
  if (needed.length > 0) return 'needed';
  if (asked.length > 0) return 'requested';
  return extra ? 'precaution' : 'nothing';
}

function grown({ demand }: Case, { grows }: Numbers): string[] {
  return grows && demand.value > 0 ? [...demand.why] : [];
}

function tooShort(it: Case, { short, load, buckets }: Numbers): string[] {
  const { working } = it.present;
  if (!short || it.options.hashsize !== undefined) return [];
  const chain = Math.round(averageChain(load, working));
  const limit = it.shortChains ? '; this kernel refuses new flows in chains longer than 8 to 31' : '';
  return [
    `the hash is too short: an average chain of ${grouped(chain)} when ${grouped(load)} flows share ${grouped(working)} buckets ` +
      `(more than ${longestRatio(it)} flows a bucket); ${grouped(buckets)} make it ${Math.round(averageChain(load, buckets))}${limit}`,
  ];
}

/** Less than the files ask for: the boot lost it, or somebody has lowered it since. */
function lowered({ present }: Case, { max }: Numbers): string[] {
  const { asked } = present.next;
  const live = present.live.max;
  if (present.max === undefined || isLess(max, present.max) || asked.max === undefined || live === undefined) return [];
  if (!isLess(live, asked.max.value)) return [];
  return [`${asked.max.why}: max ${limit(asked.max.value)}, but the kernel has ${limit(live)}`];
}

/** The next load of the module fails. */
function unloadable({ facts }: Case): string[] {
  const line = failingLine(facts);
  return line === undefined ? [] : [`${placeOf(line)}: ${line.what}; the next boot would have no nf_conntrack`];
}

/** Values that nothing applies, or that the next boot would lose. */
function lost(it: Case, { max }: Numbers): string[] {
  const { live, next } = it.present;
  const present = it.present.max;
  if (present === undefined || isLess(max, present)) return [];
  const { asked, boot } = next;
  return [
    ...(asked.max !== undefined && boot.max === undefined && boot.unknown === undefined
      ? [`${asked.max.why}: max ${limit(asked.max.value)}, but nothing applies it when the module is loaded`]
      : []),
    // Then it is what is live, and no file of ours keeps more.
    ...(boot.max?.by === 'kube-proxy' ? [] : losing('max', boot.max, present, limit)),
    ...(canHoldBuckets(it) ? losing('buckets', boot.buckets, live.buckets, grouped) : []),
  ];
}

/** Built in before 4.8, nothing but the kernel command line can hold the buckets. */
function canHoldBuckets({ facts, present }: Case): boolean {
  return (
    facts.module.state !== 'builtin' ||
    present.next.boot.buckets?.by !== 'kernel' ||
    bucketsKeyIsWritable(facts.machine.kernel)
  );
}

function losing(
  name: string,
  held: Held | undefined,
  now: number | undefined,
  show: (value: number) => string,
): string[] {
  if (held === undefined || now === undefined || !isLess(held.value, now)) return [];
  return [`the next boot would lose ${name} ${show(now)}: it gives ${show(held.value)} (${held.why})`];
}

/** What was asked for by number and is not so now, or would not be so after a boot or a load. */
function requestedTable({ options, present }: Case, { max, buckets }: Numbers): string[] {
  const { live, next } = present;
  const differs = (want: number, name: 'max' | 'buckets') =>
    (live[name] !== undefined && live[name] !== want) ||
    next.boot[name]?.value !== want ||
    next.load[name]?.value !== want;
  const first = present.max === 0 ? ': the table has no limit now, and gets one' : '';
  return [
    ...(options.max !== undefined && differs(max, 'max') ? [`max ${grouped(max)} was asked for${first}`] : []),
    ...(options.hashsize !== undefined && differs(buckets, 'buckets')
      ? [`${grouped(buckets)} buckets were asked for`]
      : []),
  ];
}

function requestedTimeouts({ facts }: Case, values: Values): string[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const held = (['boot', 'load'] as const).map((when) => nextLine(facts, keyOf(key), when)?.value);
    const now = facts.table.values[key];
    const differs = (now !== undefined && now !== value) || held.some((each) => each !== Number(value));
    return differs ? [`${key} ${value} s was asked for`] : [];
  });
}

function precaution({ formula }: Case): string {
  return `the classic formula gives ${grouped(formula)} for this memory, and it was asked for as a precaution`;
}

function nothing({ present, demand, evidence, shortChains, ratio }: Case, table: Numbers): string[] {
  const max = present.max ?? 0;
  if (table.heldFrom !== undefined && demand.value > 0) {
    return [
      `the table needs ${grouped(table.heldFrom)}, and the memory limit holds it at ${grouped(max)}`,
      ...demand.why,
    ];
  }
  const stands =
    evidence.full.length > 0 && max !== 0 ? ['--max is what it is, although the table was full', ...evidence.full] : [];
  if (present.max === undefined) return ['nothing tells how large the table is here, and nothing was asked for'];
  const flows = present.countKnown ? `${grouped(present.count)} flows` : 'an unknown number of flows';
  const buckets = present.working > 0 ? max / present.working : 0;
  const owner = present.next.boot.max?.by === 'kube-proxy' ? '; kube-proxy owns max' : '';
  const most = longestRatio({ shortChains, ratio });
  const each = `, a full one has ${Math.round(buckets * 100) / 100} for each bucket (up to ${most} is fine)`;
  const hash = buckets > 0 ? each : '';
  return [...stands, `max ${limit(max)} is enough for ${flows}${hash}${owner}${keeps(max, present.next.boot)}`];
}

function keeps(now: number, { max, unknown = 'nothing tells' }: Present['next']['boot']): string {
  if (max === undefined) return `; what the next boot gives is unknown: ${unknown}`;
  return max.value === now
    ? ', and the next boot keeps it'
    : `, and the next boot gives ${limit(max.value)} (${max.why})`;
}

function limit(max: number): string {
  return max === 0 ? 'without limit' : grouped(max);
}

function heldNotes({ prices }: Case, { heldFrom, max }: Numbers): string[] {
  if (heldFrom === undefined) return [];
  return [
    `max is held at ${grouped(max)}, the memory limit of ${bytes(prices.limit)} does not allow ${grouped(heldFrom)}; ` +
      'other ways out: a higher --memory-limit, shorter timeouts (--timeout), no tracking for a busy port ' +
      '(a notrack rule), or spreading the load over more hosts',
  ];
}

function memoryNotes({ prices, present, facts, options }: Case, table: Numbers): string[] {
  if (facts.machine.memTotalKiB <= 0)
    return ['the memory of the host is unknown: neither formula nor memory limit apply'];
  const bill = billOf(prices, table, present.count, facts.machine.memTotalKiB * 1024);
  const kept = options.max === undefined && !table.grows && bill.overLimit;
  return kept
    ? [
        `a full table takes ${bytes(bill.whenFull)}, over the memory limit of ${bytes(bill.limit)}: the present max is kept`,
      ]
    : [];
}

function limitNotes({ present, options }: Case, { max, grows }: Numbers): string[] {
  if (max === 0 && present.max === 0) {
    return ['the table has no limit (max 0): nothing bounds its memory; give --max to set one'];
  }
  const ignored = options.precaution === true && !grows && options.max === undefined;
  return ignored ? ['--precaution adds nothing: the formula is not above the present max'] : [];
}

/** What was asked for and must not be done, each with the way out. */
function refusalsFor(it: Case, table: Numbers): Refusal[] {
  return [...belowCount(it), ...shrinks(it, table), ...overMemory(it, table), ...overRatio(it, table)];
}

function belowCount({ options: { max }, present: { count } }: Case): Refusal[] {
  if (max === undefined || max >= count) return [];
  return [
    {
      code: 'below-count',
      what: `--max ${max} is below the ${grouped(count)} flows that are tracked now: new connections would fail at once`,
      remedy: `give --max ${count} or more, or wait until there are fewer flows`,
    },
  ];
}

function shrinks({ options, present }: Case, { max, buckets }: Numbers): Refusal[] {
  if (options.allowShrink === true) return [];
  const { floor } = present;
  const code = 'shrink';
  const remedy = 'add --allow-shrink if that is meant';
  const smaller = (what: string, from: number, to: number): Refusal => ({
    code,
    what: `${what} would shrink from ${grouped(from)} to ${grouped(to)}`,
    remedy,
  });
  return [
    ...(options.max !== undefined && floor !== undefined && floor !== 0 && max < floor
      ? [smaller('max', floor, max)]
      : []),
    ...(options.hashsize !== undefined && buckets < present.buckets
      ? [smaller('buckets', present.buckets, buckets)]
      : []),
  ];
}

function overMemory({ options, prices, present, facts }: Case, table: Numbers): Refusal[] {
  const { max, hashsize } = options;
  const more =
    (max !== undefined && (present.max === undefined || isLess(present.max, max) || present.max === 0)) ||
    (hashsize !== undefined && table.buckets > present.buckets);
  const bill = billOf(prices, table, present.count, facts.machine.memTotalKiB * 1024);
  if (!more || !bill.overLimit) return [];
  return [
    {
      code: 'over-memory-limit',
      what: `a full table would take ${bytes(bill.whenFull)}, over the memory limit of ${bytes(bill.limit)}`,
      remedy: 'ask for less, or raise --memory-limit if the host has the memory',
    },
  ];
}

function overRatio(it: Case, { load, buckets }: Numbers): Refusal[] {
  const most = it.shortChains ? 2 : 8;
  const planned = buckets > 0 ? load / buckets : 0;
  const ratio = Math.max(it.ratio, planned);
  const asked = it.options.hashsize !== undefined || it.options.max !== undefined || it.options.ratio !== undefined;
  if (!asked || ratio <= most) return [];
  const why = it.shortChains
    ? 'this kernel refuses new flows in chains longer than 8 to 31 (5.15 to 6.2 unless fixed)'
    : 'chains get so long that every packet pays for them, and kernels refuse new flows in the longest ones';
  return [
    {
      code: 'over-ratio',
      what: `${Math.round(ratio * 100) / 100} flows a bucket are more than ${most}: ${why}`,
      remedy: `give --ratio ${most} or less, or --hashsize ${Math.ceil(load / most)} or more`,
    },
  ];
}
