/** What the last change of ctfix promised and does not hold, as far as no other finding explains it. Pure. */
import type { Finding as Broken } from '../apply/outcome.ts';
import type { PlanOptions } from '../model.ts';
import { keyOf } from '../own.ts';
import { isLess } from '../present.ts';
import { checkTargets } from '../promises.ts';
import type { Finding, Remedy, Seen } from './finding.ts';
import { heldBy, letCtfix } from './remedy.ts';

/**
 * Where `ctfix verify` ends with 2, and nothing that was found tells why.
 * @param found what all other rules found
 */
export function promiseBroken(seen: Seen, found: readonly Finding[]): Finding | undefined {
  const change = seen.facts.lastChange;
  if (change === undefined) return undefined;
  const wrong = found.filter(({ severity }) => severity !== 'note');
  const { findings } = checkTargets(seen.facts, change);
  const untold = findings.filter((broken) => !wrong.some((finding) => tells(finding, broken)));
  if (untold.length === 0) return undefined;
  return {
    code: 'promise-broken',
    severity: 'warning',
    what: `the last change of ctfix, ${change.id}, does not hold ${momentsOf(untold)}`,
    proof: untold.map(({ text }) => text),
    remedies: [...again(seen, untold), { say: 'see everything that it promised', command: 'ctfix verify' }],
  };
}

/** Whether a finding is about what was promised of a key: less than there is says nothing about what there is now, as a rule. */
function tells({ code, keys = [] }: Finding, { item, when, wanted, saw }: Broken): boolean {
  if (!keys.includes(item)) return false;
  if (code === 'lowered-since') return when === 'now';
  const raised = saw !== undefined && isLess(Number(wanted), Number(saw));
  return code !== 'next-boot-loses' || when === 'next-boot' || raised;
}

function momentsOf(broken: readonly Broken[]): string {
  const moments = [...new Set(broken.map(({ when }) => (when === 'now' ? 'now' : 'after the next boot')))];
  return moments.join(', nor ');
}

/** The same values once more; the plan's own where it makes a size more than that. */
function again(seen: Seen, broken: readonly Broken[]): Remedy[] {
  const promised = new Map(broken.map(({ item, wanted }) => [item.slice(keyOf('').length), wanted]));
  const each = [...promised].flatMap(([name, value]) => heldBy(seen, name, value)?.options ?? []);
  const timeouts = Object.assign({}, ...each.map((options) => options.timeouts ?? {}));
  const all: PlanOptions = Object.assign({}, ...each, Object.keys(timeouts).length > 0 ? { timeouts } : {});
  return each.length === 0 ? [] : letCtfix(seen.facts, 'set and hold what it promised', all);
}
