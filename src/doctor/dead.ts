/** Configuration that does nothing, or not what it says. Pure. */
import { longestRatio } from '../demand.ts';
import { averageChain, bucketsKeyIsWritable } from '../kernel.ts';
import { type Facts, known, type ModprobeLine, type StrayKey, type SysctlLine } from '../model.ts';
import { failingLine, nextBoot } from '../nextboot.ts';
import { type Lost, lostText } from '../origin.ts';
import { BUCKETS_KEY, MAX_KEY, placeOf } from '../own.ts';
import { keysOf, leavesGap, passedOver } from '../passed-over.ts';
import { grouped } from '../render/numbers.ts';
import { type Finding, quoted, type Remedy, type Rule, type Seen, type Severity } from './finding.ts';
import { letCtfix, settingOf, wayOf } from './remedy.ts';

/** An options line with which the module cannot be loaded, or not as it reads: spaces around `=`, CR LF, no number. */
export function brokenOption({ facts }: Seen): Finding | undefined {
  const broken = facts.problems.filter(({ file, line }) => line !== undefined && /\/modprobe\.d\/[^/]+$/.test(file));
  const [first] = broken;
  if (first === undefined) return undefined;
  const fails = failingLine(facts);
  const builtin = facts.module.state === 'builtin';
  const proof = broken.map((each) => `${placeOf(each)}: ${each.what}`);
  if (fails === undefined) {
    const does = builtin ? 'has no effect: nf_conntrack is built into this kernel' : 'does not do what it says';
    return { code: 'broken-option', severity: 'note', what: `${placeOf(first)} ${does}`, proof, remedies: [WRITE_IT] };
  }
  return {
    code: 'broken-option',
    severity: 'warning',
    what: `${placeOf(fails)}: nf_conntrack cannot be loaded with this line, and no stateful rule of the firewall without nf_conntrack`,
    proof,
    remedies: [WRITE_IT, ...letCtfix(facts, 'or let ctfix repair it', {})],
  };
}

const WRITE_IT: Remedy = {
  say: 'write it as "options nf_conntrack hashsize=N", without spaces around the "=" and with LF alone',
};

/** Lines of sysctl files that are passed over for what they are: refused, taken back, no assignment. */
export function deadLine(seen: Seen): Finding | undefined {
  const { facts } = seen;
  const lost = passedOver(seen, 'excluded', 'refused');
  const broken = facts.problems.filter(
    ({ file, line, what }) =>
      line !== undefined &&
      /sysctl/.test(file) &&
      /^(keeps systemd-sysctl|not an assignment|the key has|a carriage return)/.test(what),
  );
  const proof = [...broken.map((each) => `${placeOf(each)}: ${each.what}`), ...lost.map((each) => lostText(each.lost))];
  const [first] = [...broken, ...lost.map((each) => each.lost)];
  if (first === undefined) return undefined;
  // A line without a value may be there on purpose: it does harm only where it takes another line back.
  const harms = lost.some(leavesGap) || broken.some(({ what }) => !what.includes('(a line without a value)'));
  return {
    code: 'dead-line',
    severity: harms ? 'warning' : 'note',
    keys: keysOf(lost),
    what: `${placeOf(first)} has no effect, or takes the effect of others away`,
    proof,
    remedies: [{ say: `write the line as "key = number", or take it out: line ${first.line ?? 1} of ${first.file}` }],
  };
}

/** Keys that do not exist. */
export function wrongKey({ facts }: Seen): Finding | undefined {
  const stray = facts.diagnosis?.strayKeys ?? [];
  const [first] = stray;
  if (first === undefined) return undefined;
  const lost = stray.filter(({ meant }) => meant !== undefined && !sets(facts, meant));
  const told = lost[0] ?? first;
  return {
    code: 'wrong-key',
    severity: lost.length > 0 ? 'warning' : 'note',
    what: `${placeOf(told)} sets ${told.key}, which does not exist${told.meant === undefined ? '' : `: ${told.meant} was meant`}`,
    proof: stray.map(({ file, line, key, value, meant, once }) => {
      const means = meant === undefined ? '' : `, ${meant} is the key${sets(facts, meant) ? ', set elsewhere' : ''}`;
      return `${file}:${line} has ${key} = ${value}: ${once ?? 'no kernel has such a key'}${means}`;
    }),
    remedies: rightKey(facts, told),
  };
}

function rightKey(facts: Facts, { file, line, meant, value }: StrayKey): Remedy[] {
  const takeOut = `take out line ${line} of ${file}`;
  if (meant === undefined) return [{ say: takeOut }];
  if (meant === BUCKETS_KEY && !bucketsKeyIsWritable(facts.machine.kernel)) {
    const flags = settingOf('buckets', value);
    return [
      { say: `${takeOut}: before 4.8 the buckets are an option of the module` },
      ...(flags === undefined ? [] : letCtfix(facts, 'let ctfix set that', flags)),
    ];
  }
  const command = `sudo sed -i '${line}s|.*|${meant} = ${plain(value)}|' ${quoted(file)}`;
  return [{ say: `write ${meant} = ${value} on line ${line} of ${file}`, command }];
}

/** A value that may stand in a command to copy: a number; anything else is left to the reader. */
function plain(value: string): string {
  return /^\d+$/.test(value) ? value : 'N';
}

function sets({ config }: Facts, key: string): boolean {
  return [config.systemdSysctl, config.procpsSysctl].flat().some((line) => line.key === key);
}

/** The same key twice in one file, or hashsize in several places, with different values. */
export function duplicates({ facts }: Seen): Finding | undefined {
  const { config } = facts;
  const lines = [...config.procpsSysctl, ...config.systemdSysctl, ...config.ufwSysctl];
  const rows = [...new Set(lines.map(({ file, key }) => `${file}\n${key}`))].flatMap((id) => {
    const same = unique(lines.filter(({ file, key }) => `${file}\n${key}` === id));
    return new Set(same.map(({ value }) => value)).size > 1 ? [rowOf(same)] : [];
  });
  const options = config.modprobe.filter(
    ({ directive, hashsize }) => directive === 'options' && hashsize !== undefined,
  );
  const sizes = new Set(options.map(({ hashsize }) => hashsize)).size > 1 ? [optionRow(options)] : [];
  if (rows.length + sizes.length === 0) return undefined;
  return {
    code: 'duplicate-key',
    severity: 'note',
    what: 'a value is set several times, and the last line counts',
    proof: [...rows, ...sizes],
    remedies: [{ say: 'leave the line that is meant, and take out the others' }],
  };
}

function unique(lines: readonly SysctlLine[]): SysctlLine[] {
  const seen = new Map(lines.map((line) => [line.line, line]));
  return [...seen.values()].sort((a, b) => a.line - b.line);
}

function rowOf(lines: readonly SysctlLine[]): string {
  const values = lines.map(({ line, value }) => `${value} on line ${line}`).join(', ');
  return `${lines[0]?.file ?? ''} sets ${lines[0]?.key ?? ''} more than once: ${values}`;
}

function optionRow(lines: readonly ModprobeLine[]): string {
  return `hashsize is set more than once: ${lines.map((line) => `${line.hashsize} in ${placeOf(line)}`).join(', ')}`;
}

/** hashsize= makes the kernel set max to 8 × it (nf_conntrack_init_start): where nothing sets max afterwards that stays. */
export function hashsizeAlone(seen: Seen): Finding | undefined {
  const { facts } = seen;
  const { boot, asked } = nextBoot(facts);
  if (
    asked.max !== undefined ||
    boot.max === undefined ||
    boot.buckets === undefined ||
    (boot.max.by !== 'modprobe' && boot.max.by !== 'cmdline')
  )
    return undefined;
  const long = boot.max.value / boot.buckets.value > longestRatio(seen);
  const live = known(facts.table.max);
  const max = live === undefined || live === 0 ? boot.buckets.value : live;
  const held = letCtfix(facts, 'set both, one bucket a flow', { max });
  return {
    code: 'hashsize-alone',
    severity: long && live !== boot.max.value ? 'warning' : 'note',
    what: `hashsize is set and max is not: the kernel makes max 8 times as large, ${grouped(boot.max.value)}`,
    proof: [
      `${boot.max.why}; average chain ${grouped(Math.round(averageChain(boot.max.value, boot.buckets.value)))} when the table is full`,
    ],
    remedies: held.length > 0 ? held : [{ say: `set max as well, in a file of /etc/sysctl.d: ${MAX_KEY}` }],
  };
}

/** A line that is passed over for where it stands. */
function misplaced(
  code: Lost['code'],
  finding: (lost: Lost, facts: Facts) => Omit<Finding, 'proof' | 'severity'>,
  most: Severity,
): Rule {
  return (seen) => {
    const lines = passedOver(seen, code);
    const missed = lines.filter(leavesGap);
    const [first] = [...missed, ...lines];
    if (first === undefined) return undefined;
    const proof = lines.map(({ lost }) => lostText(lost));
    return { ...finding(first.lost, seen.facts), severity: missed.length > 0 ? most : 'note', proof };
  };
}

/** modprobe.d is not read for a module that is built in. */
export const builtinOption = misplaced(
  'built-in',
  ({ file, value }, facts) => {
    const { command } = bucketsKeyIsWritable(facts.machine.kernel) ? wayOf(facts, { hashsize: Number(value) }) : {};
    const say = `put nf_conntrack.hashsize=${value} on the kernel command line`;
    return {
      code: 'builtin-option',
      what: `${file} has no effect: nf_conntrack is built into this kernel`,
      remedies:
        command === undefined
          ? [{ say }]
          : [{ say: 'hold the buckets by their sysctl key', command }, { say: `or ${say}` }],
    };
  },
  'warning',
);

/** /etc/sysctl.conf without the link 99-sysctl.conf: procps reads it, the boot does not. */
export const unreadConf = misplaced(
  'not-read',
  ({ file }) => ({
    code: 'unread-sysctl-conf',
    what: `${file} is not read at boot: systemd-sysctl reads /etc/sysctl.d, and no link there leads to it`,
    remedies: [{ say: 'make the link', command: 'sudo ln -s ../sysctl.conf /etc/sysctl.d/99-sysctl.conf' }],
  }),
  'warning',
);

/** ufw's file while ufw is off. */
export const ufwOff = misplaced(
  'ufw-off',
  ({ file }) => ({
    code: 'ufw-off',
    what: `${file} is not applied: ufw is not active`,
    remedies: [{ say: 'set the values in /etc/sysctl.d, or start ufw' }],
  }),
  'note',
);

/** An initramfs that loads the module itself, with a copy of modprobe.d that is older than the file. */
export function staleInitramfs({ facts }: Seen): Finding | undefined {
  const early = facts.diagnosis?.initramfs;
  const newer = known(early?.newer ?? { unknown: '' });
  if (early === undefined || newer === undefined || newer.length === 0) return undefined;
  const debian = early.image.includes('initrd.img');
  return {
    code: 'stale-initramfs',
    severity: 'warning',
    what: 'the initramfs loads nf_conntrack with an old copy of its options',
    proof: [
      `${placeOf(early)} makes ${early.image} load it`,
      ...newer.map((file) => `${file} was changed after the image was made`),
    ],
    remedies: [
      {
        say: 'make the image again',
        // Of every kernel: without -k it is the newest one's alone, and dracut's the running one's (update-initramfs(8)).
        command: debian ? 'sudo update-initramfs -u -k all' : 'sudo dracut -f --regenerate-all',
      },
    ],
  };
}
