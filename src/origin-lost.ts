/** What files ask for and do not get: lines that are read too early, taken back, beaten or not read at all. Pure. */
import { roundBuckets } from './kernel.ts';
import { type Facts, isKnown, type SysctlLine } from './model.ts';
import {
  applier,
  bootOrder,
  decidedOutside,
  filesAtBoot,
  type Held,
  heldOnceLoaded,
  isAlias,
  takes,
  ufwStarts,
} from './nextboot.ts';
import { BUCKETS_KEY, keyOf, placeOf } from './own.ts';

/** A line that has no effect on the value after the next boot. */
export type Lost = {
  readonly value: string;
  readonly file: string;
  readonly line: number;
  /**
   * `before-module`: read while the keys do not exist. `legacy-spelling`: net.nf_conntrack_max, which what applies the
   * files at a load leaves out. `beaten`: another line or program sets it later. `excluded`: systemd-sysctl takes it back
   * because of a later line. `not-read`: it stands in /etc/sysctl.conf, and systemd-sysctl
   * has no link to it. `refused`: this kernel takes no such value. `built-in`: modprobe.d is not read for a module
   * that is built in. `ufw-off`: ufw applies the file and is not enabled.
   */
  readonly code:
    | 'before-module'
    | 'legacy-spelling'
    | 'beaten'
    | 'excluded'
    | 'not-read'
    | 'refused'
    | 'built-in'
    | 'ufw-off';
  /** goes on after `VALUE in FILE:LINE`: `was lost, read before the module was loaded` */
  readonly why: string;
};

/** `500000 in /etc/sysctl.d/90-x.conf:3 was lost, read before the module was loaded`. */
export function lostText(lost: Lost): string {
  return `${lost.value} in ${placeOf(lost)} ${lost.why}`;
}

/**
 * The lines about one value that the next boot passes over, and that ask for something else than it gives; [] where
 * that is decided elsewhere.
 * @param live the value now, undefined where there is none or it is unknown
 */
export function lostOf(facts: Facts, name: string, live: string | undefined): Lost[] {
  if (decidedOutside(facts) !== undefined) return [];
  const key = keyOf(name);
  const held = heldOnceLoaded(facts, key);
  const winner = held === undefined || isKnown(held) ? held : filesAtBoot(facts, key);
  const lines = [...sysctlLost(facts, key, winner, live), ...(key === BUCKETS_KEY ? optionLost(facts, winner) : [])];
  const same = (value: string) => winner !== undefined && rounded(facts, key, value) === winner.value;
  return lines.filter(({ value }) => !same(value));
}

function rounded({ machine }: Facts, key: string, value: string): number {
  return key === BUCKETS_KEY ? roundBuckets(Number(value), machine) : Number(value);
}

/** The lines of sysctl files, in reading order: of the loader that runs at boot, then those that it does not see. */
function sysctlLost(facts: Facts, key: string, winner: Held | undefined, live: string | undefined): Lost[] {
  const order = bootOrder(facts).filter((line) => line.key === key);
  const judged = order.map((line) => lostAs(line, ...reasonFor(facts, { line, last: order.at(-1), winner, live })));
  return [...judged, ...unseen(facts, key, order), ...ufwLost(facts, key, winner)];
}

type Reason = readonly [code: Lost['code'], why: string];

function lostAs({ value, file, line }: SysctlLine, code: Lost['code'], why: string): Lost {
  return { value, file, line, code, why };
}

type Passed = {
  readonly line: SysctlLine;
  readonly last: SysctlLine | undefined;
  readonly winner: Held | undefined;
  readonly live: string | undefined;
};

function reasonFor(facts: Facts, { line, last, winner, live }: Passed): Reason {
  if (!takes(facts, line)) return ['refused', 'has no effect: this kernel does not take it'];
  if (applier(facts, 'boot') === undefined) {
    if (last !== undefined && line !== last) return ['beaten', `does not count: ${placeOf(last)} has ${last.value}`];
    return ['before-module', tooEarly(facts, line.value === live)];
  }
  const byHook = facts.module.state !== 'builtin' && facts.config.modulesLoad.length === 0;
  if (byHook && isAlias(line)) {
    return ['legacy-spelling', 'is not applied when the module is loaded: that takes net.netfilter keys only'];
  }
  return ['beaten', beatenBy(winner)];
}

function tooEarly({ module }: Facts, live: boolean): string {
  return module.state === 'absent' || live
    ? 'will be lost at the next boot, read before the module is loaded'
    : 'was lost, read before the module was loaded';
}

function beatenBy(winner: Held | undefined): string {
  if (winner?.file === undefined) return `does not count: ${winner?.why ?? 'another value is set later'}`;
  return `does not count: ${placeOf({ file: winner.file, line: winner.line })} sets ${winner.value} later`;
}

/** What procps reads and systemd-sysctl does not: /etc/sysctl.conf where no link leads to it, and what it takes back. */
function unseen(facts: Facts, key: string, order: readonly SysctlLine[]): Lost[] {
  const { config, machine } = facts;
  if (!machine.systemd) return [];
  const linked = Object.values(config.links ?? {}).includes(CONF);
  // What an install line runs at a load is `sysctl --system` as a rule, and that reads the file.
  const procpsRuns = config.hooks.some(({ kind }) => kind === 'install');
  const back = config.exclusions?.find((line) => line.key === key);
  return config.procpsSysctl
    .filter((line) => line.key === key && !order.some((each) => each.file === line.file && each.line === line.line))
    .flatMap((line): Lost[] => {
      if (line.file === CONF) {
        return linked || procpsRuns
          ? []
          : [lostAs(line, 'not-read', 'is not read at boot: no link in /etc/sysctl.d leads to that file')];
      }
      return back === undefined ? [] : [lostAs(line, 'excluded', `is taken back by ${placeOf(back)} at boot`)];
    });
}

const CONF = '/etc/sysctl.conf';

function ufwLost(facts: Facts, key: string, winner: Held | undefined): Lost[] {
  const lines = facts.config.ufwSysctl.filter((line) => line.key === key);
  if (!ufwStarts(facts)) return lines.map((line) => lostAs(line, 'ufw-off', 'is not applied: ufw is not active'));
  return lines.map((line) => lostAs(line, 'beaten', beatenBy(winner)));
}

/** hashsize= in modprobe.d. */
function optionLost(facts: Facts, winner: Held | undefined): Lost[] {
  return facts.config.modprobe.flatMap((line): Lost[] => {
    if (line.directive !== 'options' || line.hashsize === undefined || line.hashsize === 0) return [];
    const { file } = line;
    const [code, why]: Reason =
      facts.module.state === 'builtin'
        ? ['built-in', 'has no effect: the module is built in, and modprobe.d is not read for it']
        : ['beaten', beatenBy(winner)];
    return [{ value: String(line.hashsize), file, line: line.line, code, why }];
  });
}
