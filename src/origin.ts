/**
 * Where every number of the table comes from: what gave it its value now, what the next boot will give and why, and what
 * files ask for without getting it. Pure.
 */
import { type Facts, isKnown, known, type Maybe } from './model.ts';
import { askedOf, heldAtBoot } from './nextboot.ts';
import { ownValues } from './origin-defaults.ts';
import { type Lost, lostOf } from './origin-lost.ts';
import { type Given, givenBy, nowOf } from './origin-now.ts';
import { keyOf } from './own.ts';

export { type Lost, lostText } from './origin-lost.ts';
export type { Given } from './origin-now.ts';

/** One value of the table. */
export type Origin = {
  /** below net.netfilter.nf_conntrack_: `max`, `buckets`, `tcp_timeout_established` */
  readonly name: string;
  /** the whole sysctl key */
  readonly key: string;
  /** absent where there is no value: the module is not loaded, or this kernel has no such key */
  readonly now?: Maybe<Given>;
  readonly boot: Maybe<Given>;
  /** the value that the configuration asks for, whether or not anything applies it; absent where no line does */
  readonly asked?: Given;
  /** what files ask for and do not get, in reading order */
  readonly lost: readonly Lost[];
};

/**
 * Every value that is live or that a file asks for: max and buckets first, the others by name.
 * @param facts of any host; below --root every `now` is unknown
 */
export function origins(facts: Facts): readonly Origin[] {
  const { table, config } = facts;
  const lines = [...config.systemdSysctl, ...config.procpsSysctl, ...config.ufwSysctl, ...config.tuned];
  const prefix = keyOf('');
  const asked = lines.filter(({ key }) => key.startsWith(prefix)).map(({ key }) => key.slice(prefix.length));
  const names = new Set([...Object.keys(table.values), ...asked].filter((name) => !LISTED_ELSEWHERE.includes(name)));
  return ['max', 'buckets', ...[...names].sort()].map((name) => originOf(facts, name));
}

/** The count is no setting. */
const LISTED_ELSEWHERE = ['count', 'max', 'buckets'];

function originOf(facts: Facts, name: string): Origin {
  const now = nowOf(facts, name);
  const asked = askedOf(facts, keyOf(name));
  return {
    name,
    key: keyOf(name),
    ...(now !== undefined && { now }),
    boot: afterBoot(facts, name, now),
    ...(asked !== undefined && { asked: givenBy(asked, asked.why) }),
    lost: lostOf(facts, name, now === undefined ? undefined : known(now)?.value),
  };
}

function afterBoot(facts: Facts, name: string, now: Maybe<Given> | undefined): Maybe<Given> {
  if (now === undefined && facts.module.state !== 'absent') {
    return { unknown: 'this kernel has no such key, or what brings it is not loaded' };
  }
  const live = now === undefined ? undefined : known(now);
  const held = heldAtBoot(facts, keyOf(name));
  if (held !== undefined && !isKnown(held)) return held;
  if (held !== undefined) return givenBy(held, held.why);
  if (live?.by === 'kernel') return { ...live, how: 'no file sets it' };
  const [only, ...others] = ownValues(name);
  if (only !== undefined && others.length === 0) return { value: only, by: 'kernel', how: 'no file sets it' };
  return { unknown: "no file sets it, and the kernel's own value is not known here" };
}

/** Whether the next boot gives another value than there is now; undefined where one of them is not known. */
export function changesAtBoot({ now, boot }: Origin): boolean | undefined {
  if (now === undefined || !isKnown(now) || !isKnown(boot)) return undefined;
  return now.value !== boot.value;
}
