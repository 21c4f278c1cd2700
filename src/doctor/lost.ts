/** Values that a boot lost or will lose, and values that somebody changed since. Pure. */

import { bucketsKeyIsWritable } from '../kernel.ts';
import { type Facts, isKnown, known, type PlanOptions } from '../model.ts';
import { heldAtBoot, isActive } from '../nextboot.ts';
import { lostText } from '../origin.ts';
import { keysOf, leavesGap, type Passed, passedOver, wouldCount } from '../passed-over.ts';
import { isLess } from '../present.ts';
import { grouped } from '../render/numbers.ts';
import { type Finding, type Remedy, type Seen, wroteFilesOnly } from './finding.ts';
import { iptablesUnload } from './owners.ts';
import { letCtfix, SEE_PLAN, settingOf } from './remedy.ts';

/** Lines of sysctl files that are read while the keys do not exist: nothing says so anywhere (sysctl.d(5)). */
export function dropInLost(seen: Seen): Finding | undefined {
  const lines = passedOver(seen, 'before-module', 'legacy-spelling').filter((line) => wouldCount(seen.facts, line));
  const bad = lines.filter(leavesGap);
  const told = bad.length > 0 ? bad : lines;
  const [first] = told;
  if (first === undefined) return undefined;
  const before = told.some(({ lost }) => lost.code === 'before-module');
  const was = told.some(({ origin, lost }) => origin.now !== undefined && known(origin.now)?.value !== lost.value);
  return {
    code: 'drop-in-lost',
    severity: bad.length > 0 ? 'warning' : 'note',
    keys: keysOf(told),
    what: `${first.lost.file} ${was ? 'was lost at the boot' : 'will be lost at the next boot'}: it is read before nf_conntrack is loaded`,
    proof: [
      ...told.map(lostRow),
      ...(before
        ? ['nothing loads nf_conntrack before the files are read, and nothing applies them when it is loaded']
        : []),
    ],
    remedies: bad.length > 0 ? keepers(seen, told) : [ASKS_LESS, MODULES_LOAD],
  };
}

function lostRow({ origin, lost }: Passed): string {
  const now = origin.now === undefined ? undefined : known(origin.now);
  return `${origin.key}: ${lostText(lost)}${now === undefined ? '' : `; ${now.value} now (${now.how})`}`;
}

/** ctfix holds sizes and timeouts; for other keys the module has to be there in time. */
function keepers({ facts, sizing }: Seen, lines: readonly Passed[]): Remedy[] {
  const settings = lines.map(({ origin, lost }) => settingOf(origin.name, lost.value));
  const timeouts = Object.assign({}, ...settings.map((each) => each?.timeouts ?? {}));
  const held = Object.keys(timeouts).length > 0 ? { timeouts } : {};
  const all = { ...settings.findLast((each) => each !== undefined && each.timeouts === undefined), ...held };
  const say = 'let ctfix set it now and hold it at every boot and load of the module';
  const none = settings.every((each) => each === undefined);
  const done = none ? [] : letCtfix(facts, say, ...(sizing.verdict === 'needed' ? [held] : []), all);
  const whole = done.some(({ command }) => command !== undefined) && !settings.includes(undefined);
  return [...done, ...(whole ? [] : [MODULES_LOAD])];
}

const ASKS_LESS: Remedy = { say: 'the line asks for less than there is: take it out' };

const MODULES_LOAD: Remedy = {
  say: 'have the module loaded before the files are read',
  command: 'echo nf_conntrack | sudo tee /etc/modules-load.d/nf_conntrack.conf',
};

/** The next boot gives less than there is now, and no file asks for what there is. */
export function nextBootLoses(seen: Seen): Finding | undefined {
  const rows = seen.origins
    .filter(({ name }) => name === 'max' || name === 'buckets')
    .flatMap((origin) => {
      const [now, boot] = [origin.now === undefined ? undefined : known(origin.now), known(origin.boot)];
      const asked = origin.lost.some(({ value }) => value === now?.value);
      if (asked || now === undefined || boot === undefined || !isLess(Number(boot.value), Number(now.value))) return [];
      const text = `${origin.name} ${grouped(Number(now.value))} now (${now.how}), ${grouped(Number(boot.value))} after the next boot: ${boot.how}`;
      return [{ origin, text }];
    });
  if (rows.length === 0) return undefined;
  return {
    code: 'next-boot-loses',
    severity: 'warning',
    keys: keysOf(rows),
    what: 'the next boot gives less than there is now',
    proof: rows.map(({ text }) => text),
    remedies: holding(seen.facts),
  };
}

/** Before 4.8 a module that is built in takes its buckets from the kernel command line alone. */
function holding(facts: Facts): Remedy[] {
  const { module, machine, table } = facts;
  if (module.state !== 'builtin' || bucketsKeyIsWritable(machine.kernel)) {
    const max = known(table.max) ?? 0;
    const held = letCtfix(facts, 'let ctfix hold what there is now', {}, ...(max > 0 ? [{ max }] : []));
    return held.length > 0 ? held : [SEE_PLAN];
  }
  const buckets = known(table.buckets) ?? 'N';
  return [
    { say: `put nf_conntrack.hashsize=${buckets} on the kernel command line; max is then held by a sysctl file` },
  ];
}

/** What is in force at a boot gives more than there is now: somebody lowered it since. */
export function loweredSince({ facts, origins }: Seen): Finding | undefined {
  // Then it is known what lowers it.
  if (isActive(facts, 'kube-proxy') || iptablesUnload({ facts }) !== undefined) return undefined;
  const sized = origins.filter(({ name }) => name === 'max' || name === 'buckets');
  const rows = sized.flatMap((origin) => {
    const held = heldAtBoot(facts, origin.key);
    const now = origin.now === undefined ? undefined : known(origin.now);
    if (held === undefined || !isKnown(held) || now === undefined || held.by === 'kernel') return [];
    // 8 × hashsize, which nobody asked for: see hashsizeAlone.
    if (origin.name === 'max' && (held.by === 'modprobe' || held.by === 'cmdline')) return [];
    if (!isLess(Number(now.value), held.value)) return [];
    const text = `${origin.name} ${grouped(Number(now.value))} now, ${grouped(held.value)} after a boot: ${held.why}`;
    return [{ origin, name: origin.name, value: held.value, text }];
  });
  if (rows.length === 0) return undefined;
  const meant = wroteFilesOnly(facts);
  const raised = letCtfix(facts, 'set what the files ask for, live', ...sizes(rows));
  return {
    code: 'lowered-since',
    // Buckets may wait for the next load of the module; too few of them are another finding.
    severity: rows.some(({ name }) => name === 'max') && !meant ? 'warning' : 'note',
    keys: keysOf(rows),
    what: meant
      ? 'the last change of ctfix wrote files alone: what it set comes with the next load of the module'
      : 'the table is smaller than its configuration makes it at a boot: somebody lowered it since, or wrote the files later',
    proof: [...rows.map(({ text }) => text), ...reloads(facts)],
    remedies: raised.length > 0 ? raised : [{ say: 'a reboot takes what the files ask for' }],
  };
}

/** A plan sees to max by itself, as a rule; buckets are asked for. */
function sizes(rows: readonly { readonly name: string; readonly value: number }[]): PlanOptions[] {
  const asked = rows.flatMap(({ name, value }) => settingOf(name, String(value)) ?? []);
  return rows.some(({ name }) => name === 'max') ? [{}, ...asked] : asked;
}

/** What unloads or writes by itself is the first to be asked. */
function reloads({ firewalls }: Facts): string[] {
  const active = firewalls.filter(({ state }) => known(state) === 'active').map(({ name }) => name);
  return active.length === 0
    ? []
    : [`active here: ${active.join(', ')}; a program of the cloud or of configuration management may do it, too`];
}
