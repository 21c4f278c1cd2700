/** Somebody else writes the value: a later file, ufw, tuned, kube-proxy, the kernel command line, iptables-services. Pure. */
import { type Facts, known, type PlanOptions } from '../model.ts';
import { failingLine, isActive, nextBoot } from '../nextboot.ts';
import { type Lost, lostText, type Origin } from '../origin.ts';
import { BUCKETS_KEY, MAX_KEY, OWN } from '../own.ts';
import { remedyFor, ufwSetting } from '../owners.ts';
import { keysOf, type Passed, passedOver, wouldCount } from '../passed-over.ts';
import { isLess } from '../present.ts';
import { grouped } from '../render/numbers.ts';
import type { Finding, Remedy, Seen } from './finding.ts';
import { heldBy, letCtfix, saidOf, type Way, wayOf } from './remedy.ts';

/** Whether a value that is passed over is more than the one that counts, or is one that ctfix promised. */
function matters({ facts }: Seen, { name, boot }: Origin, { value, file }: Lost): boolean {
  const gives = known(boot)?.value;
  const isSize = name === 'max' || name === 'buckets';
  return (
    file === OWN.sysctl ||
    file === OWN.modprobe ||
    !isSize ||
    gives === undefined ||
    isLess(Number(gives), Number(value)) ||
    facts.lastChange?.targets.values[name] === value
  );
}

/** The lines that another line or program beats, with another value; kube-proxy has a rule of its own. */
function beaten(seen: Seen): readonly Passed[] {
  const early = passedOver(seen, 'before-module', 'legacy-spelling').filter((line) => !wouldCount(seen.facts, line));
  return [...passedOver(seen, 'beaten'), ...early].filter(({ origin }) => known(origin.boot)?.by !== 'kube-proxy');
}

/** A value in a file does not count, because something else sets another one later. */
export function anotherOwner(seen: Seen): Finding | undefined {
  // Then a boot has no value at all.
  if (failingLine(seen.facts) !== undefined) return undefined;
  const lines = beaten(seen);
  const bad = lines.filter(({ origin, lost }) => matters(seen, origin, lost));
  const told = bad.length > 0 ? bad : lines;
  const [first] = told;
  if (first === undefined) return undefined;
  const winner = known(first.origin.boot);
  const place = winner?.file === undefined ? (winner?.by ?? 'something') : winner.file;
  return {
    code: CODES[winner?.by ?? ''] ?? 'later-sysctl',
    severity: bad.length > 0 ? 'warning' : 'note',
    keys: keysOf(told),
    what: `another owner writes the value: ${place} wins over ${first.lost.file}`,
    proof: [...told.map(({ origin, lost }) => `${origin.key}: ${lostText(lost)}`), ...notLast(told)],
    remedies: bad.length > 0 ? unique(wantedOf(bad).flatMap((each) => remediesFor(seen, each))) : [TAKE_OUT],
  };
}

const TAKE_OUT: Remedy = {
  say: 'take out the line that does not count, so that nobody takes it for the one that does',
};

/** By what wins; the same names as the refusals of a plan have. */
const CODES: Readonly<Record<string, string>> = {
  ufw: 'ufw-sysctl',
  tuned: 'tuned-profile',
  cmdline: 'cmdline-hashsize',
  modprobe: 'later-modprobe',
  sysctl: 'later-sysctl',
};

/** `99-` is not the last name: letters, `_` and a third digit come after it. */
function notLast(lines: readonly Passed[]): string[] {
  const names = lines.flatMap(({ origin, lost }) => {
    const name = lost.file.slice(lost.file.lastIndexOf('/') + 1);
    const winner = known(origin.boot);
    const isFile = winner?.by === 'sysctl' || winner?.by === 'modprobe';
    return name.startsWith('99') && isFile && winner.file !== lost.file
      ? [`${name} is not the last file: ${winner.file} is read after it`]
      : [];
  });
  return [...new Set(names)];
}

/** One line for each value: that of ctfix, else the one that asks for most. */
function wantedOf(lines: readonly Passed[]): Passed[] {
  const names = [...new Set(lines.map(({ origin }) => origin.name))];
  return names.flatMap((name) => {
    const same = lines.filter(({ origin }) => origin.name === name);
    const own = same.find(({ lost: { file } }) => file === OWN.sysctl || file === OWN.modprobe);
    return own ?? same.reduce((most, each) => (isLess(Number(most.lost.value), Number(each.lost.value)) ? each : most));
  });
}

function remediesFor(seen: Seen, { origin, lost }: Passed): Remedy[] {
  const { facts } = seen;
  const winner = known(origin.boot);
  if (winner?.by === 'cmdline') {
    return [
      {
        say: `set nf_conntrack.hashsize=${lost.value} in the boot loader (GRUB_CMDLINE_LINUX), or take it out, and reboot`,
      },
    ];
  }
  const held = heldBy(seen, origin.name, lost.value);
  const { command, refusals, left } = held === undefined ? NO_WAY : wayOf(facts, held.options);
  if (held === undefined || command === undefined)
    return [...stale(origin, lost), byHand(facts, origin, lost), ...left.map(saidOf)];
  return refusals.length > 0
    ? refusals.map(({ remedy }) => ({ say: remedy, ...(remedy.includes('--take-over') && { command }) }))
    : [{ say: `if ${grouped(Number(held.value))} is meant, let ctfix hold it`, command }];
}

/** Where the line that counts gives more, the other may be of yesterday. */
function stale({ name, boot }: Origin, { value, file, line }: Lost): Remedy[] {
  const gives = known(boot)?.value;
  const isSize = name === 'max' || name === 'buckets';
  if (!isSize || gives === undefined || !isLess(Number(value), Number(gives))) return [];
  return [{ say: `if ${grouped(Number(gives))} is meant, take out line ${line} of ${file}` }];
}

const NO_WAY: Way = { refusals: [], left: [] };

/** What a person does where ctfix sets no such key, would find it set, or must not set it. */
function byHand({ config }: Facts, { key, boot }: Origin, { value }: Lost): Remedy {
  const winner = known(boot);
  if (winner?.file === undefined) return { say: `find what sets another value than ${value}, and end that` };
  const { by, line = 1 } = winner;
  const file = config.links?.[winner.file] ?? winner.file;
  const code = file.startsWith('/etc/') ? '' : (CODES[by] ?? '');
  const setting =
    by === 'ufw' ? ufwSetting(key, value) : by === 'modprobe' ? `hashsize=${value}` : `the value to ${value}`;
  return { say: remedyFor({ code, line, setting, wanted: value, key }, file, false) };
}

function unique(remedies: readonly Remedy[]): Remedy[] {
  return remedies.filter((one, at) => remedies.findIndex(({ say }) => say === one.say) === at);
}

/** `sysctl --system`, run by hand or by a package, gives something else than the boot did. */
export function loadersDisagree(seen: Seen): Finding | undefined {
  const { config, machine } = seen.facts;
  if (!machine.systemd) return undefined;
  const rows = [MAX_KEY, BUCKETS_KEY].flatMap((key) => {
    const boot = config.systemdSysctl.findLast((line) => line.key === key);
    const procps = config.procpsSysctl.findLast((line) => line.key === key);
    if (boot === undefined || procps === undefined || boot.value === procps.value) return [];
    return [{ key, boot, procps }];
  });
  const [first] = rows;
  if (first === undefined) return undefined;
  return {
    code: 'loaders-disagree',
    severity: rows.some(({ boot, procps }) => isLess(Number(procps.value), Number(boot.value))) ? 'warning' : 'note',
    what: '`sysctl --system` gives another value than the boot: it reads /etc/sysctl.conf last, whatever its name',
    proof: rows.map(
      ({ key, boot, procps }) =>
        `${key}: ${procps.value} in ${procps.file}:${procps.line}, ${boot.value} at boot in ${boot.file}:${boot.line}`,
    ),
    remedies: [
      {
        say: `set ${first.key} to ${first.boot.value} on line ${first.procps.line} of ${first.procps.file}, or remove that line`,
      },
    ],
  };
}

/** A restart of iptables-services unloads the module, and its next load does not give what the files ask for. */
export function iptablesUnload({ facts }: Pick<Seen, 'facts'>): Finding | undefined {
  const { unloads = [] } = facts.diagnosis ?? {};
  const active = isActive(facts, 'iptables') || isActive(facts, 'ip6tables');
  const held = unloads.filter(({ reapplies }) => !reapplies.some((word) => MAX_KEY.includes(word)));
  const [first] = held;
  if (!active || first === undefined || facts.module.state === 'builtin') return undefined;
  const [next, past] = [losses(facts), hasLost(facts)];
  if (next.length + past.length === 0) return undefined;
  return {
    code: 'iptables-unload',
    severity: 'warning',
    keys: [MAX_KEY, BUCKETS_KEY],
    what:
      next.length > 0
        ? 'the next restart of iptables unloads nf_conntrack, and what is set now is lost with it'
        : 'a restart of iptables has unloaded nf_conntrack since the boot, and nothing applied the files again',
    proof: [...held.map(({ file, line }) => `${file}:${line} has MODULES_UNLOAD=yes`), ...next, ...past],
    remedies: [
      ...letCtfix(facts, 'let ctfix hold the values at every load of the module', {}, meant(facts)),
      {
        say: `or set it to "no" on line ${first.line} of ${first.file}, or IPTABLES_SYSCTL_LOAD_LIST=".nf_conntrack" there`,
      },
    ],
  };
}

/** What there is now, or what a boot gives where that is more. */
function meant(facts: Facts): PlanOptions {
  const [now, { boot }] = [known(facts.table.max), nextBoot(facts)];
  const more = now === undefined || (boot.max !== undefined && isLess(now, boot.max.value)) ? boot.max?.value : now;
  return more === undefined ? {} : { max: more };
}

/** What there is now is what a load gives, and a boot gives more. */
function hasLost(facts: Facts): string[] {
  const { boot, load } = nextBoot(facts);
  const now = known(facts.table.max);
  if (boot.max === undefined || now === undefined || load.max?.value !== now || !isLess(now, boot.max.value)) return [];
  return [
    `max ${grouped(now)} now, as a load of the module gives it; ${grouped(boot.max.value)} at a boot: ${boot.max.why}`,
  ];
}

function losses(facts: Facts): string[] {
  const { load } = nextBoot(facts);
  return (['max', 'buckets'] as const).flatMap((name) => {
    const [now, next] = [known(facts.table[name]), load[name]];
    if (now === undefined || next === undefined || !isLess(next.value, now)) return [];
    return [`${name} ${grouped(now)} now, ${grouped(next.value)} after the next load: ${next.why}`];
  });
}
