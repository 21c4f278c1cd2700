/**
 * The files that make values hold: the module's option, a sysctl drop-in, and a hook that applies the drop-in whenever
 * the module is loaded. They belong together: hashsize= makes the kernel set max to 8 times it, and a sysctl file that is
 * read before the module is there is lost without a word (sysctl.d(5)). What holds already is not written again. Pure.
 */
import { exclusions, type FileEdit, fileClashes, ownerClashes, settle, type Wanted, winners } from './conflicts.ts';
import { assignment, lineOf, withKeys } from './drop-ins.ts';
import { bucketsKeyIsWritable, eventComesAfterKeys, roundBuckets } from './kernel.ts';
import { type Facts, known, type PlanOptions, type Refusal, type Sizing, type SysctlLine } from './model.ts';
import { failingLine, isActive, isAlias, type Moment, nextBoot, nextLine } from './nextboot.ts';
import { BUCKETS_KEY, keyOf, MAX_KEY, OWN, placeOf } from './own.ts';
import { KUBE_PROXY_REMEDY } from './owners.ts';
import { type Files, modprobeFiles } from './plan-modprobe.ts';
import { asItIs, isLess, presentOf } from './present.ts';
import { fill, type Templates } from './template.ts';

const MOMENTS: readonly Moment[] = ['boot', 'load'];
const NOTHING: Files = { edits: [], refusals: [], unchanged: [] };

/** What has to be held by files. */
type Needs = {
  /** max and buckets are planned: not only timeouts */
  readonly table: boolean;
  /** the module's own option */
  readonly option: boolean;
  /** sysctl keys that have to be applied at a boot or load */
  readonly keys: readonly Wanted[];
};

/** The files to write, in the order of apply, and what stands against them. */
export function planFiles(facts: Facts, sizing: Sizing, options: PlanOptions, templates: Templates): Files {
  const needs = needsOf(facts, sizing, options);
  const takeOver = options.takeOver === true;
  const { targets } = sizing;
  const parts = [
    needs.option ? modprobeFiles(facts, targets.buckets, templates, takeOver) : NOTHING,
    sysctlFiles(facts, needs.keys, templates, takeOver),
    needs.keys.length > 0 ? hookFiles(facts, templates) : NOTHING,
  ];
  const edits = parts.flatMap((part) => part.edits);
  return {
    edits,
    refusals: [
      ...parts.flatMap(({ refusals }) => refusals),
      ...unreadable(facts, edits),
      ...(needs.table ? kubeProxy(facts, targets.max) : []),
    ],
    unchanged: parts.flatMap(({ unchanged }) => unchanged),
  };
}

function needsOf(facts: Facts, { targets }: Sizing, options: PlanOptions): Needs {
  const present = presentOf(facts);
  const { boot, load } = present.next;
  const builtin = facts.module.state === 'builtin';
  const now = asItIs(present);
  const failing = failingLine(facts) !== undefined;
  const table =
    options.max !== undefined ||
    options.hashsize !== undefined ||
    failing ||
    now.max !== targets.max ||
    now.buckets !== targets.buckets ||
    (boot.max !== undefined && isLess(boot.max.value, targets.max)) ||
    (boot.buckets !== undefined && boot.buckets.value < targets.buckets);
  const holds = (name: 'max' | 'buckets') => boot[name]?.value === targets[name] && load[name]?.value === targets[name];
  const buckets = table && (failing || !holds('buckets'));
  const option = buckets && !builtin;
  const max = table && (option || !holds('max'));
  const timeouts = Object.entries(targets.values).flatMap(([name, value]) => timeout(facts, name, Number(value)));
  // A hook wakes every line that nothing has applied so far: those that say something else must not win by that.
  const wakes = (max || timeouts.length > 0) && !builtin && facts.config.hooks.length === 0;
  const byKey =
    bucketsKeyIsWritable(facts.machine.kernel) &&
    ((buckets && builtin) || (isSet(facts, BUCKETS_KEY) && (buckets || wakes)));
  return {
    table,
    option,
    keys: [
      ...(max || (wakes && isSet(facts, MAX_KEY)) ? [exactly(MAX_KEY, targets.max)] : []),
      ...(byKey ? [rounded(facts, targets.buckets)] : []),
      ...timeouts,
    ],
  };
}

/** Whether somebody sets the key, applied or not. */
function isSet({ config }: Facts, key: string): boolean {
  return [config.systemdSysctl, config.procpsSysctl, config.ufwSysctl, config.tuned]
    .flat()
    .some((line) => line.key === key);
}

function exactly(key: string, value: number): Wanted {
  return { key, value: String(value), wants: (text) => Number(text) === value };
}

function rounded({ machine }: Facts, buckets: number): Wanted {
  return {
    key: BUCKETS_KEY,
    value: String(buckets),
    wants: (text) => roundBuckets(Number(text), machine) === buckets,
  };
}

function timeout(facts: Facts, name: string, value: number): Wanted[] {
  const held = MOMENTS.every((when) => nextLine(facts, keyOf(name), when)?.value === value);
  return held ? [] : [exactly(keyOf(name), value)];
}

function sysctlFiles(facts: Facts, keys: readonly Wanted[], templates: Templates, takeOver: boolean): Files {
  const before = facts.config.own[OWN.sysctl];
  const isOurs = ({ key }: Wanted) => before !== undefined && lineOf(before, key) !== undefined;
  // The legacy spelling counts only where the key is there when the files are read: no hook applies it at a load.
  const counts = (line: SysctlLine) => facts.module.state === 'builtin' || !isAlias(line);
  const right = (wanted: Wanted) =>
    winners(facts, wanted.key).every((line) => line !== undefined && counts(line) && wanted.wants(line.value));
  const written = keys.filter((wanted) => isOurs(wanted) || !right(wanted));
  const files = keys.filter((wanted) => !right(wanted)).flatMap((wanted) => fileClashes(facts, wanted));
  const clashes = [...files, ...keys.flatMap((wanted) => ownerClashes(facts, wanted))];
  const settled = settle(facts, clashes, takeOver);
  return {
    edits: [...ownEdit(before, written, templates), ...settled.edits],
    refusals: [...settled.refusals, ...keys.flatMap((wanted) => exclusions(facts, wanted))],
    unchanged: keys.filter((wanted) => !written.includes(wanted) || right(wanted)).map((wanted) => kept(facts, wanted)),
  };
}

function ownEdit(before: string | undefined, keys: readonly Wanted[], templates: Templates): FileEdit[] {
  if (keys.length === 0) return [];
  const values = Object.fromEntries(keys.map(({ key, value }) => [key, value]));
  const lines = Object.entries(values).map(([key, value]) => assignment(key, value));
  const after = before === undefined ? fill(templates.sysctl, { lines: lines.join('\n') }) : withKeys(before, values);
  const why = `holds ${Object.keys(values).join(', ')} at every boot and load`;
  return after === before ? [] : [{ path: OWN.sysctl, before, after, why }];
}

function kept(facts: Facts, { key, value }: Wanted): Files['unchanged'][number] {
  const line = winners(facts, key)[0];
  return {
    item: `file for ${key}`,
    why: line === undefined ? `${value} holds` : `${placeOf(line)} sets ${value} already`,
  };
}

/**
 * What applies the drop-in when the module is loaded: a udev rule, or an install line where there is no udev or where
 * the module's event can come before its keys.
 */
function hookFiles(facts: Facts, templates: Templates): Files {
  const { machine, module, config } = facts;
  const [hook] = config.hooks;
  if (module.state === 'builtin') return NOTHING;
  if (hook !== undefined) {
    return {
      ...NOTHING,
      unchanged: [{ item: 'hook at module load', why: `${placeOf(hook)} applies the sysctl files already` }],
    };
  }
  const { systemdSysctl } = machine;
  if (machine.udev && systemdSysctl !== undefined && eventComesAfterKeys(machine.kernel)) {
    const why = 'the kernel forgets max with every load of the module; udev sets it again';
    return written(facts, OWN.udev, fill(templates.udev, { sysctl: systemdSysctl }), why);
  }
  const foreign = config.modprobe.find((line) => line.directive === 'install');
  if (foreign !== undefined) return { ...NOTHING, refusals: [foreignInstall(foreign)] };
  const apply =
    systemdSysctl === undefined
      ? "/sbin/sysctl -q --pattern '^net[.]netfilter[.]nf_conntrack' --system"
      : `${systemdSysctl} --prefix=/net/netfilter`;
  const why = 'the kernel forgets max with every load of the module; modprobe sets it again';
  return written(facts, OWN.install, fill(templates.install, { apply }), why);
}

function written({ config }: Facts, path: string, after: string, why: string): Files {
  const before = config.own[path];
  return before === after ? NOTHING : { ...NOTHING, edits: [{ path, before, after, why }] };
}

function foreignInstall({ file, line }: { file: string; line: number }): Refusal {
  return {
    code: 'foreign-install',
    what: 'an install line for nf_conntrack is there, modprobe takes only one, and it does not apply the sysctl files',
    remedy:
      "let that line run `sysctl -q --pattern '^net[.]netfilter[.]nf_conntrack' --system` after the module is loaded, or remove it",
    file,
    line,
  };
}

/** What stands where a file of ours is to be made, and is none that could be read: never written over. */
function unreadable({ problems }: Facts, edits: readonly FileEdit[]): Refusal[] {
  const made = edits.filter(({ path, before }) => before === undefined && path !== OWN.modprobe);
  return problems
    .filter(({ file, line }) => line === undefined && made.some(({ path }) => path === file))
    .map(({ file, what }) => ({
      code: 'unreadable-file',
      what,
      remedy: `make ${file} a readable text file, or move it away`,
      file,
    }));
}

/**
 * kube-proxy raises a max that is lower than its own figure whenever it starts (cmd/kube-proxy/app/conntrack.go). Whether
 * what is live is that figure cannot always be seen.
 */
function kubeProxy(facts: Facts, max: number): Refusal[] {
  const live = known(facts.table.max);
  if (!isActive(facts, 'kube-proxy') || live === undefined || max === 0 || (live !== 0 && max >= live)) return [];
  return [
    {
      code: 'kube-proxy',
      what:
        nextBoot(facts).boot.max?.by === 'kube-proxy'
          ? `kube-proxy runs here and raises max whenever it starts: ${max} would not last`
          : `kube-proxy runs here and may raise max whenever it starts: ${max} may not last`,
      remedy: KUBE_PROXY_REMEDY,
    },
  ];
}
