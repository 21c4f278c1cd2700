/** What gave a value of the table that is live. Pure. */

import { type ChangeRecord, type Facts, isKnown, known, type Maybe } from './model.ts';
import {
  askedLine,
  atLoad,
  byMemory,
  decidedOutside,
  type Held,
  heldAtBoot,
  isActive,
  nextBoot,
  nextLine,
} from './nextboot.ts';
import { ownValues } from './origin-defaults.ts';
import { keyOf, placeOf } from './own.ts';

/** A value and what gives it. */
export type Given = {
  /** as the kernel prints it; max `0` is no limit */
  readonly value: string;
  /**
   * beside what can give a value at a boot: `ctfix`, a change of ours in this boot; `host`, whoever set it outside this
   * network namespace or container; `somebody`, set at a time unknown by what no file tells; `unknown`, nothing can be said
   */
  readonly by: Held['by'] | 'ctfix' | 'host' | 'somebody' | 'unknown';
  /** part of a sentence: `kernel default at load`, `/etc/sysctl.d/x.conf:3` */
  readonly how: string;
  readonly file?: string;
  readonly line?: number;
  /** id of the change, with `ctfix` */
  readonly change?: string;
};

/** The live value and what gave it; undefined where there is none: no module, or no such key. */
export function nowOf(facts: Facts, name: string): Maybe<Given> | undefined {
  const live = liveValue(facts, name);
  if (live === undefined || !isKnown(live)) return live;
  const isSize = name === 'max' || name === 'buckets';
  if (isSize && decidedOutside(facts) !== undefined) return { value: live, by: 'host', how: byHost(facts) };
  return byChange(facts, name, live) ?? (isSize ? sizeGiven(facts, name, live) : valueGiven(facts, name, live));
}

function byHost({ table }: Facts): string {
  return known(table.namespace) === 'child'
    ? 'set outside this network namespace, for all of them'
    : 'set on the host of this container';
}

function liveValue({ kind, module, table }: Facts, name: string): Maybe<string> | undefined {
  if (module.state === 'absent' && kind !== 'sysroot') return undefined;
  if (kind === 'sysroot') return { unknown: 'live kernel values not inspected (--root)' };
  if (name !== 'max' && name !== 'buckets') return table.values[name];
  const value = table[name];
  return isKnown(value) ? String(value) : value;
}

/** The last change of ours, when it is in force and was made in this boot. */
export function changeHere({ lastChange, machine }: Facts): ChangeRecord | undefined {
  return lastChange?.outcome === 'applied' && lastChange.bootId === known(machine.bootId) ? lastChange : undefined;
}

/** A live change of ours in this boot that set the value. */
function byChange(facts: Facts, name: string, live: string): Given | undefined {
  const change = changeHere(facts);
  if (change === undefined || change.strategy === 'persist' || promised(change, name) !== live) return undefined;
  const before = name === 'max' || name === 'buckets' ? change.before[name] : undefined;
  if (before !== undefined && String(before) === live) return undefined;
  return { value: live, by: 'ctfix', how: `ctfix change ${change.id}`, change: change.id };
}

function promised({ targets }: ChangeRecord, name: string): string | undefined {
  if (name === 'max') return String(targets.max);
  return name === 'buckets' ? String(targets.buckets) : targets.values[name];
}

function sizeGiven(facts: Facts, name: 'max' | 'buckets', live: string): Given {
  const { boot, load, asked } = nextBoot(facts);
  const bare = atLoad(facts);
  const own = byMemory(facts);
  const fits = [boot[name], load[name], bare[name], own[name]].find(
    (held) => held !== undefined && String(held.value) === live,
  );
  if (fits !== undefined) {
    const found = given(fits, name);
    return { ...found, how: waits(found.how, fits, boot[name]) };
  }
  const wanted = asked[name];
  if (wanted !== undefined && String(wanted.value) === live) return byHand(wanted);
  const eight = name === 'max' ? timesEight(facts, live) : undefined;
  if (eight !== undefined) return eight;
  if (maybeKubeProxy(facts, name, live)) return somebodyOrProxy(live);
  return own[name] === undefined ? untold(live) : somebody(live);
}

function valueGiven(facts: Facts, name: string, live: string): Given {
  const key = keyOf(name);
  const held = heldAtBoot(facts, key);
  if (held !== undefined && isKnown(held) && String(held.value) === live) return given(held, name);
  const line = nextLine(facts, key, 'boot');
  if (line !== undefined && String(line.value) === live) return given(line, name);
  const own: Held = { value: Number(live), by: 'kernel', why: '' };
  if (ownValues(name).includes(live)) return { value: live, by: 'kernel', how: waits('kernel default', own, line) };
  const asked = askedLine(facts, key);
  if (asked !== undefined && String(asked.value) === live) return byHand(asked);
  if (maybeKubeProxy(facts, name, live)) return somebodyOrProxy(live);
  return ownValues(name).length === 0 ? untold(live) : somebody(live);
}

/** A line that the next boot applies was written since, or the module was loaded again and nothing applied it then. */
function waits(how: string, now: Held, boot: Held | undefined): string {
  const atLoadAlone =
    ['kernel', 'modprobe', 'cmdline'].includes(now.by) && boot?.by === 'sysctl' && now.value !== boot.value;
  return atLoadAlone && boot.file !== undefined
    ? `${how}; ${placeOf({ file: boot.file, line: boot.line })} has not been applied since`
    : how;
}

function given(held: Held, name: string): Given {
  const { by, file, line } = held;
  return givenBy(held, HOW[by](file === undefined ? '' : placeOf({ file, line }), name));
}

/** The value that something decides, with the words for how. */
export function givenBy({ value, by, file, line }: Held, how: string): Given {
  return { value: String(value), by, how, ...(file !== undefined && { file }), ...(line !== undefined && { line }) };
}

const factor = (name: string) => (name === 'max' ? '8 × ' : '');

/** How a value came about, from the place of the line that decides. */
const HOW: Readonly<Record<Held['by'], (place: string, name: string) => string>> = {
  kernel: () => 'kernel default at load',
  modprobe: (place, name) => `${factor(name)}hashsize in ${place}, at load`,
  cmdline: (_place, name) => `${factor(name)}nf_conntrack.hashsize on the kernel command line, at load`,
  sysctl: (place) => place,
  ufw: (place) => `${place}, applied by ufw`,
  tuned: (place) => `${place}, applied by tuned`,
  'kube-proxy': () => 'set by kube-proxy',
};

function byHand(held: Held): Given {
  const { file, line } = held;
  const place = file === undefined ? held.why : placeOf({ file, line });
  return givenBy(held, `${place}, applied by somebody at a time unknown`);
}

/** It is unknown after the next boot because of kube-proxy's settings, which are not here: it never writes 0. */
function maybeKubeProxy(facts: Facts, name: string, live: string): boolean {
  const held = heldAtBoot(facts, keyOf(name));
  return live !== '0' && isActive(facts, 'kube-proxy') && held !== undefined && !isKnown(held);
}

const somebodyOrProxy = (value: string): Given => ({
  value,
  by: 'unknown',
  how: 'set by somebody, or by kube-proxy with settings of its own; no file asks for it',
});

/** max is 8 × the buckets only after a load with hashsize= (nf_conntrack_init_start). */
function timesEight({ table }: Facts, live: string): Given | undefined {
  const buckets = known(table.buckets);
  if (buckets === undefined || buckets === 0 || Number(live) !== 8 * buckets) return undefined;
  return {
    value: live,
    by: 'somebody',
    how: `8 × the buckets: loaded with hashsize=${buckets}, which no file asks for now`,
  };
}

const somebody = (value: string): Given => ({
  value,
  by: 'somebody',
  how: 'set by somebody at a time unknown; no file asks for it',
});

const untold = (value: string): Given => ({
  value,
  by: 'unknown',
  how: "no file sets it; the kernel's own value is not known here",
});
