/**
 * What the next boot, and the next load of the module, will give for every key, and which line or choice decides it.
 * Pure.
 *
 * At a load the kernel takes hashsize= (command line, then modprobe.d, last value) or chooses by memory, and max follows
 * from that; sysctl files come in only when something applies them while the keys exist; ufw applies its own file
 * whenever it starts, tuned its profile, and kube-proxy its own numbers.
 */
import { bucketsKeyIsWritable, type Defaults, loadDefaults, roundBuckets, zeroMeansNoLimit } from './kernel.ts';
import { valueWithKubeProxy, withKubeProxy } from './kube-proxy.ts';
import { type Facts, known, type Maybe, type Problem, type SysctlLine } from './model.ts';
import { BUCKETS_KEY, keyOf, MAX_KEY, placeOf } from './own.ts';

/** A value that something decides; `file` and `line` where a line of a file does. */
export type Held = {
  readonly value: number;
  readonly by: 'kernel' | 'modprobe' | 'cmdline' | 'sysctl' | 'ufw' | 'tuned' | 'kube-proxy';
  readonly why: string;
  readonly file?: string;
  readonly line?: number;
};

/** max and buckets after a boot or a load; undefined where nothing tells: memory unknown, or for the reason in `unknown`. */
export type NextValues = {
  readonly max: Held | undefined;
  readonly buckets: Held | undefined;
  readonly unknown?: string;
};

export type NextBoot = {
  readonly boot: NextValues;
  readonly load: NextValues;
  /** what the configuration asks for, whether or not anything applies it */
  readonly asked: NextValues;
};

/** When values are taken: at a boot, or when the module is loaded again later. */
export type Moment = 'boot' | 'load';

/** What the next boot and the next load give, and what the configuration asks for. */
export function nextBoot(facts: Facts): NextBoot {
  const outside = decidedOutside(facts);
  if (outside !== undefined) {
    const none = { max: undefined, buckets: undefined, unknown: outside };
    return { boot: none, load: none, asked: none };
  }
  return { boot: nextValues(facts, 'boot'), load: nextValues(facts, 'load'), asked: askedValues(facts) };
}

/**
 * Why nothing that is seen here tells what max and buckets will be: there is one of each for all network namespaces, and
 * what runs in the initial one decides (2671fa4dc010); a container has files of its own, which its host does not read.
 */
export function decidedOutside({ table, machine }: Facts): string | undefined {
  if (known(table.namespace) === 'child') return 'it is decided outside this network namespace';
  return machine.container === undefined ? undefined : 'it is decided on the host of this container';
}

/**
 * A line of modprobe.d with which the next load of the module fails: there is no key then, and no stateful rule; undefined
 * where there is none, or nothing is loaded here.
 */
export function failingLine(facts: Facts): Problem | undefined {
  if (facts.module.state === 'builtin' || decidedOutside(facts) !== undefined) return undefined;
  return facts.problems.find(
    ({ file, line, what }) => line !== undefined && /\/modprobe\.d\/[^/]+$/.test(file) && /cannot be loaded/.test(what),
  );
}

/** What decides a key at the next boot, a size or any other, or why that is unknown; undefined where nothing sets it. */
export function heldAtBoot(facts: Facts, key: string): Maybe<Held> | undefined {
  const failing = failingLine(facts);
  if (failing === undefined) return heldOnceLoaded(facts, key);
  return { unknown: `nf_conntrack cannot be loaded: ${placeOf(failing)}` };
}

/** The same where the module could be loaded after all. */
export function heldOnceLoaded(facts: Facts, key: string): Maybe<Held> | undefined {
  const outside = decidedOutside(facts);
  if (outside !== undefined) return { unknown: `${outside}${askedHere(facts, key)}` };
  if (key !== MAX_KEY && key !== BUCKETS_KEY) return valueAtBoot(facts, key);
  const { max, buckets, unknown = NOTHING_TELLS } = nextValues(facts, 'boot');
  return (key === MAX_KEY ? max : buckets) ?? { unknown };
}

function valueAtBoot(facts: Facts, key: string): Maybe<Held> | undefined {
  const line = nextLine(facts, key, 'boot');
  return isActive(facts, 'kube-proxy') ? valueWithKubeProxy(facts, key.slice(keyOf('').length), line) : line;
}

/** What files and kernel alone make of a key at the next boot, where kube-proxy may do something else. */
export function filesAtBoot(facts: Facts, key: string): Held | undefined {
  if (key === MAX_KEY) return withoutKubeProxy(facts, 'boot').max;
  return key === BUCKETS_KEY ? withoutKubeProxy(facts, 'boot').buckets : nextLine(facts, key, 'boot');
}

const NOTHING_TELLS = "no file sets it, and the kernel's own value is not known here";

function askedHere(facts: Facts, key: string): string {
  const asked = askedOf(facts, key);
  return asked?.file === undefined
    ? ''
    : `; ${placeOf({ file: asked.file, line: asked.line })} asks for ${asked.value}`;
}

/** What the configuration asks a key to be, whether or not anything applies it; undefined where nothing asks. */
export function askedOf(facts: Facts, key: string): Held | undefined {
  return key === BUCKETS_KEY ? askedValues(facts).buckets : askedLine(facts, key);
}

/** The line that decides a sysctl key at that moment, undefined where no line is applied. */
export function nextLine(facts: Facts, key: string, when: Moment): Held | undefined {
  return applied(facts, when).findLast(({ line }) => line.key === key && takes(facts, line))?.held;
}

/**
 * What makes sysctl files count for a module that is not there when they are read: a hook, modules-load.d (at boot
 * only), or that the module is built in. Undefined where nothing does.
 */
export function applier(facts: Facts, when: Moment): string | undefined {
  const { hooks, modulesLoad } = facts.config;
  const [hook, load] = [hooks[0], modulesLoad[0]];
  if (facts.module.state === 'builtin') return 'the module is built in, its keys exist when the files are read';
  if (hook !== undefined) return `${placeOf(hook)} applies the files whenever the module is loaded`;
  return load !== undefined && when === 'boot'
    ? `${placeOf(load)} loads the module before the files are read`
    : undefined;
}

/** Lines of the loader that runs at boot. */
export function bootOrder(facts: Facts): readonly SysctlLine[] {
  return facts.machine.systemd ? facts.config.systemdSysctl : facts.config.procpsSysctl;
}

/** Whether an owner of the firewall or of the table is active. */
export function isActive(facts: Facts, name: Facts['firewalls'][number]['name']): boolean {
  return facts.firewalls.some((owner) => owner.name === name && known(owner.state) === 'active');
}

/** Whether ufw's lines count: not while it, or its unit, is switched off. Without systemd there are none then. */
export function ufwStarts({ firewalls }: Facts): boolean {
  const ufw = firewalls.find(({ name }) => name === 'ufw');
  return ufw === undefined || known(ufw.state) !== 'inactive';
}

/** The legacy spelling: the same value, but hooks match net.netfilter only. */
export function isAlias(line: SysctlLine): boolean {
  return /^[\s-]*net[./]nf_conntrack_max\b/.test(line.raw);
}

type Applied = { readonly line: SysctlLine; readonly held: Held };

function applied(facts: Facts, when: Moment): readonly Applied[] {
  const { modulesLoad, ufwSysctl, tuned } = facts.config;
  const how = applier(facts, when);
  const whole = facts.module.state === 'builtin' || (when === 'boot' && modulesLoad.length > 0);
  const files = how === undefined ? [] : bootOrder(facts).filter((line) => whole || !isAlias(line));
  return [
    ...files.map((line) => hold(line, 'sysctl', how ?? '')),
    ...(ufwStarts(facts) ? ufwSysctl.map((line) => hold(line, 'ufw', 'ufw applies it whenever it starts')) : []),
    ...(when === 'boot' ? tuned.map((line) => hold(line, 'tuned', 'tuned applies its profile when it starts')) : []),
  ];
}

function hold(line: SysctlLine, by: Held['by'], how: string): Applied {
  const why = `${placeOf(line)} sets it; ${how}`;
  return { line, held: { value: Number(line.value), by, why, file: line.file, line: line.line } };
}

/** Whether the kernel takes the value; a line that it refuses changes nothing. */
export function takes(facts: Facts, { key, value }: SysctlLine): boolean {
  if (!/^\d+$/.test(value)) return false;
  if (key === MAX_KEY) return Number(value) > 0 || zeroMeansNoLimit(facts.machine.kernel);
  return key !== BUCKETS_KEY || (Number(value) > 0 && bucketsKeyIsWritable(facts.machine.kernel));
}

function nextValues(facts: Facts, when: Moment): NextValues {
  const base = withoutKubeProxy(facts, when);
  return isActive(facts, 'kube-proxy') ? withKubeProxy(facts, base) : base;
}

/** What files and kernel give. */
function withoutKubeProxy(facts: Facts, when: Moment): NextValues {
  const base = atLoad(facts);
  const line = nextLine(facts, BUCKETS_KEY, when);
  const buckets = line === undefined ? base.buckets : { ...line, value: roundBuckets(line.value, facts.machine) };
  return { max: nextLine(facts, MAX_KEY, when) ?? base.max, buckets };
}

/** What the load itself gives, before any sysctl file. */
export function atLoad(facts: Facts): NextValues {
  const asked = askedHashsize(facts);
  if (asked === undefined) return byMemory(facts);
  const why = `the kernel makes it 8 × hashsize where hashsize is given; ${asked.why}`;
  return { buckets: asked, max: { ...asked, value: 8 * asked.value, why } };
}

/** The hashsize that the next load is given, rounded as the kernel does it; undefined where it chooses by itself. */
function askedHashsize(facts: Facts): Held | undefined {
  const { cmdlineHashsize, modprobe } = facts.config;
  if (cmdlineHashsize !== undefined && cmdlineHashsize > 0) {
    const value = roundBuckets(cmdlineHashsize, facts.machine);
    return { value, by: 'cmdline', why: 'nf_conntrack.hashsize= on the kernel command line', file: '/proc/cmdline' };
  }
  const line = modprobe.findLast((each) => each.directive === 'options' && each.hashsize !== undefined);
  if (line?.hashsize === undefined || line.hashsize === 0 || facts.module.state === 'builtin') return undefined;
  const value = roundBuckets(line.hashsize, facts.machine);
  return { value, by: 'modprobe', why: `${placeOf(line)} asks for it`, file: line.file, line: line.line };
}

/** What a load without hashsize= gives: the kernel's own choice. */
export function byMemory(facts: Facts): NextValues {
  const chosen = defaultsHere(facts);
  if (chosen === undefined) return { max: undefined, buckets: undefined };
  const held = (value: number): Held => ({ value, by: 'kernel', why: chosen.how });
  return { buckets: held(chosen.buckets), max: held(chosen.buckets * chosen.factor) };
}

/**
 * The kernel's own choice. Its figure for the memory is a little off MemTotal, and vendors backport: where the buckets
 * that are live fit one of its choices, they are that choice.
 */
function defaultsHere(facts: Facts): Defaults | undefined {
  const { machine, table } = facts;
  const live = known(table.buckets);
  const max = known(table.max);
  const near = [1, 0.93, 1.07].flatMap((off) => loadDefaults(machine, machine.memTotalKiB * off));
  const fits = near.filter((each) => live !== undefined && within(live, each.buckets, near));
  const same = fits.find((each) => live !== undefined && live * each.factor === max) ?? fits[0];
  return same === undefined || live === undefined ? near[0] : { ...same, buckets: live };
}

/** Small machines get a share of their memory, so a figure in between is the kernel's, too; larger ones a fixed one. */
function within(live: number, buckets: number, near: readonly Defaults[]): boolean {
  const others = near.map((each) => each.buckets).filter((each) => each / buckets < 1.3 && buckets / each < 1.3);
  return live >= Math.min(...others) && live <= Math.max(...others);
}

function askedValues(facts: Facts): NextValues {
  const buckets = askedLine(facts, BUCKETS_KEY);
  const rounded = buckets && { ...buckets, value: roundBuckets(buckets.value, facts.machine) };
  return { max: askedLine(facts, MAX_KEY), buckets: rounded ?? askedHashsize(facts) };
}

/** The last line that asks for a sysctl key, whether or not anything applies it; undefined where none does. */
export function askedLine(facts: Facts, key: string): Held | undefined {
  const { ufwSysctl, tuned } = facts.config;
  const lines: [SysctlLine, Held['by']][] = [
    ...bootOrder(facts).map((line): [SysctlLine, Held['by']] => [line, 'sysctl']),
    ...(ufwStarts(facts) ? ufwSysctl : []).map((line): [SysctlLine, Held['by']] => [line, 'ufw']),
    ...tuned.map((line): [SysctlLine, Held['by']] => [line, 'tuned']),
  ];
  const found = lines.findLast(([line]) => line.key === key && takes(facts, line));
  if (found === undefined) return undefined;
  const [{ file, line, value }, by] = found;
  return { value: Number(value), by, why: `${placeOf({ file, line })} asks for it`, file, line };
}
