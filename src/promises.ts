/** What a change promised, held against the facts: now, and after the next boot. Pure. */
import type { Finding, VerifyReport } from './apply/outcome.ts';
import type { Promised } from './apply/state.ts';
import { bucketsKeyIsWritable, resizeIsSafe } from './kernel.ts';
import { type Facts, isKnown, known, type Targets } from './model.ts';
import { heldAtBoot } from './nextboot.ts';
import { BUCKETS_KEY, keyOf, MAX_KEY, pathOf } from './own.ts';
import { isLess } from './present.ts';
import { isValue } from './same-value.ts';

/** One promise against what was seen; what it waits for, or is not asked of; or the reason why nothing could be seen. */
type Check = { readonly item: string; readonly when: Finding['when']; readonly wanted: string } & (
  | { readonly saw: string | undefined; readonly why?: string }
  | { readonly waits: string }
  | { readonly unknown: string }
);

export type Checked = Pick<VerifyReport, 'findings' | 'unknown' | 'waits' | 'notes'>;

/** Every promise against the live value and against what the next boot gives. */
export function checkTargets(facts: Facts, promised: Promised): Checked {
  const checks = [...liveChecks(facts, promised), ...bootChecks(facts, promised)];
  return {
    findings: checks.flatMap((check) => finding(check)),
    unknown: [...checks.flatMap((check) => ('unknown' in check ? [unsure(check)] : [])), ...unreadFiles(facts)],
    waits: checks.flatMap((check) => ('waits' in check ? [`${check.item}: ${check.waits}`] : [])),
    notes: checks.flatMap(holding),
  };
}

function promises(targets: Targets): readonly { readonly key: string; readonly wanted: string }[] {
  const values = Object.entries(targets.values).map(([name, wanted]) => ({ key: keyOf(name), wanted }));
  const max = { key: MAX_KEY, wanted: String(targets.max) };
  return [max, { key: BUCKETS_KEY, wanted: String(targets.buckets) }, ...values];
}

function liveChecks(facts: Facts, promised: Promised): Check[] {
  const { module, table } = facts;
  const { targets, strategy } = promised;
  const when = 'now';
  return promises(targets).map(({ key, wanted }): Check => {
    const base = { item: key, when, wanted } as const;
    if (module.state === 'absent') return { ...base, waits: 'the module is not loaded, so that there is no value now' };
    if (key === BUCKETS_KEY && strategy === 'live' && !resizeIsSafe(facts.machine.kernel)) {
      return { ...base, waits: 'a live resize is not safe on this kernel; the next load of the module sets it' };
    }
    if (facts.kind === 'sysroot') return { ...base, waits: 'live values are not looked at below --root' };
    const isSize = key === MAX_KEY || key === BUCKETS_KEY;
    if (!isSize && known(table.namespace) === 'child') return { ...base, unknown: OWN_VALUES };
    const other = table.values[key.slice(keyOf('').length)];
    const seen = key === MAX_KEY ? table.max : key === BUCKETS_KEY ? table.buckets : other;
    if (!isKnown(seen)) return { ...base, ...seen };
    const saw = seen === undefined ? undefined : String(seen);
    if (waits(facts, promised) && !isValue(pathOf(key), wanted, saw)) {
      return { ...base, waits: `only files were written; the next load of the module sets ${wanted}` };
    }
    return { ...base, saw };
  });
}

/** nf_conntrack_init_net: every value but the two sizes is there once for each of them. */
const OWN_VALUES = 'this network namespace has its own; the change was made in the initial one';

/** Files alone change nothing in a module that was loaded when they were written: its values come with the next load. */
function waits({ machine }: Facts, { strategy, before, bootId }: Promised): boolean {
  const loaded = before.max !== undefined || before.buckets !== undefined;
  return strategy === 'persist' && loaded && known(machine.bootId) === bootId;
}

function bootChecks(facts: Facts, promised: Promised): Check[] {
  const kept = keptTable(promised);
  return promises(promised.targets).map(({ key, wanted }): Check => {
    const base = { item: key, when: 'next-boot', wanted } as const;
    const isSize = key === MAX_KEY || key === BUCKETS_KEY;
    const held = heldAtBoot(facts, key);
    if (held !== undefined && !isKnown(held)) return { ...base, ...held };
    if (isSize && kept && held !== undefined && isLess(Number(wanted), held.value)) {
      return { ...base, waits: `will be ${held.value} after the next boot, which is more than now: ${held.why}` };
    }
    if (key === BUCKETS_KEY && !canBeHeld(facts) && held?.value !== Number(wanted)) {
      return {
        ...base,
        waits:
          'no file can hold them: before 4.8 a module that is built in takes them from nf_conntrack.hashsize= on the kernel command line alone',
      };
    }
    if (held === undefined) return { ...base, saw: undefined, why: 'no file sets it' };
    return { ...base, saw: String(held.value), why: held.why };
  });
}

/** Whether a file can set the buckets at a boot: by the module's option, or by the key. */
function canBeHeld({ module, machine }: Facts): boolean {
  return module.state !== 'builtin' || bucketsKeyIsWritable(machine.kernel);
}

/** The table was left as it was, by a change of timeouts alone: what makes it larger breaks no promise. */
function keptTable({ targets, options, before }: Promised): boolean {
  const asked = options.max !== undefined || options.hashsize !== undefined;
  if (asked || Object.keys(targets.values).length === 0) return false;
  const { max = targets.max, buckets = targets.buckets } = before;
  return targets.max === max && targets.buckets === buckets;
}

function finding(check: Check): Finding[] {
  if (!('saw' in check) || isValue(pathOf(check.item), check.wanted, check.saw)) return [];
  const { item, when, wanted, saw, why } = check;
  const is = when === 'now' ? `is ${saw ?? 'absent'} now` : `will be ${saw ?? "the kernel's own"} after the next boot`;
  const text = `${item} ${is} and not ${wanted}${why === undefined ? '' : `: ${why}`}`;
  return [{ item, when, wanted, ...(saw !== undefined && { saw }), text }];
}

function unsure({ item, when, unknown }: Extract<Check, { unknown: string }>): string {
  return `${item} ${when === 'now' ? 'now' : 'after the next boot'}: ${unknown}`;
}

/** A file or directory of the configuration that could not be read may hold the line that wins. */
function unreadFiles({ problems }: Facts): string[] {
  const files = problems.filter(({ file, unread }) => unread === true && !/^\/(proc|sys|dev|var)\//.test(file));
  return [...new Set(files.map(({ file }) => file))].map(
    (file) => `after the next boot: ${file} could not be read, and may set another value`,
  );
}

function holding(check: Check): string[] {
  if (!('saw' in check) || !isValue(pathOf(check.item), check.wanted, check.saw)) return [];
  const when = check.when === 'now' ? 'now' : 'after the next boot';
  return [`${check.item} is ${check.saw} ${when}${check.why === undefined ? '' : `: ${check.why}`}`];
}
