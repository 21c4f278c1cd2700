/** How a change is carried out, why, and what the other ways would cost. Pure. */
import { resizeIsSafe } from './kernel.ts';
import {
  type Facts,
  isKnown,
  known,
  type PlanOptions,
  type Refusal,
  type Sizing,
  type Strategy,
  type StrategyChoice,
} from './model.ts';
import { reloadCost, reloadRefusals } from './reload.ts';
import { grouped } from './render/numbers.ts';

/**
 * The strategy: `auto` takes `live` where the module is there and `persist` where it is not, never `reload` or `unload`.
 * Where nothing has to change nothing is refused, but for a strategy that does not exist.
 */
export function chooseStrategy(facts: Facts, sizing: Sizing, options: PlanOptions): StrategyChoice {
  const { taken, why } = take(facts, options.strategy ?? 'auto');
  const quiet = sizing.verdict === 'nothing' && taken !== 'unload';
  return {
    taken,
    why,
    others: (['live', 'persist', 'reload', 'unload'] as const)
      .filter((strategy) => strategy !== taken)
      .map((strategy) => ({ strategy, ...costOf(facts, strategy, options) })),
    refusals: quiet ? [] : [...hostRefusals(facts, taken), ...strategyRefusals(facts, taken, options)],
  };
}

function take(facts: Facts, asked: 'auto' | Strategy): { taken: Strategy; why: string } {
  if (asked !== 'auto') return { taken: asked, why: 'it was asked for' };
  if (facts.kind === 'sysroot')
    return { taken: 'persist', why: 'this is a directory tree, there is no kernel behind it' };
  const { state } = facts.module;
  if (state === 'absent')
    return { taken: 'persist', why: 'the module is not loaded: files now, values with its next load' };
  const there = state === 'builtin' ? 'the module is built in' : 'the module is loaded';
  const how = resizeIsSafe(facts.machine.kernel)
    ? 'the table grows in place, no flow is lost and the firewall is not touched'
    : 'max is raised in place; before 4.7 a resize is not safe under traffic, so the buckets wait for the next load';
  return { taken: 'live', why: `${there}: ${how}` };
}

function costOf(facts: Facts, strategy: Strategy, options: PlanOptions): { cost: string; blockedBy: string[] } {
  switch (strategy) {
    case 'live':
      return {
        cost: `no flow lost${moving(facts)}`,
        blockedBy: strategyRefusals(facts, 'live', options).map(({ what }) => what),
      };
    case 'persist':
      return { cost: 'nothing now; the values come with the next load of the module or the next boot', blockedBy: [] };
    case 'reload':
      return reloadCost(facts, options);
    case 'unload':
      return { cost: 'every rule that needs tracking stops working', blockedBy: ['not available yet'] };
  }
}

/** Measured: about a second for 500,000 flows on an emulated processor; every node is moved once. */
function moving({ table }: Facts): string {
  const count = known(table.count);
  return count === undefined || count === 0
    ? ''
    : `; ${grouped(count)} flows are moved at once, well under a second a million`;
}

/** What no strategy can do here. */
function hostRefusals({ machine, table, module }: Facts, taken: Strategy): Refusal[] {
  const remedy = 'run ctfix on the host that this runs on, in its initial network namespace';
  if (machine.container !== undefined) {
    return [
      { code: 'container', what: `this is a container (${machine.container}): the table belongs to its host`, remedy },
    ];
  }
  if (known(table.namespace) === 'child') {
    return [
      {
        code: 'child-namespace',
        what: 'this is not the initial network namespace: the table cannot be changed from here',
        remedy,
      },
    ];
  }
  if (known(table.writable) === false && taken !== 'persist' && module.state !== 'absent') {
    return [
      {
        code: 'read-only-kernel',
        what: '/proc/sys or /sys is mounted read-only here: no value can be written',
        remedy: 'run ctfix where they are writable, or write only the files: --strategy persist',
      },
    ];
  }
  return [];
}

function strategyRefusals(facts: Facts, taken: Strategy, options: PlanOptions): Refusal[] {
  switch (taken) {
    case 'persist':
      return [];
    case 'unload':
      return [
        {
          code: 'unload-not-available',
          what: '--strategy unload is not available yet: this version never takes the module away for good',
          remedy: 'use --strategy live, persist or reload',
        },
      ];
    case 'reload':
      return loadedRefusals(facts, 'reload').concat(
        facts.module.state === 'loaded' ? reloadRefusals(facts, options) : [],
      );
    case 'live':
      return loadedRefusals(facts, 'live').concat(unreadable(facts));
  }
}

function loadedRefusals({ module, kind }: Facts, strategy: 'live' | 'reload'): Refusal[] {
  if (kind === 'sysroot') {
    return [
      {
        code: 'no-kernel',
        what: `--strategy ${strategy} needs a running kernel, this is a directory tree`,
        remedy: 'use --strategy persist',
      },
    ];
  }
  if (module.state === 'unloading') {
    return [
      {
        code: 'unloading',
        what: 'nf_conntrack is being unloaded just now: nothing can be changed until that has ended',
        remedy: 'wait; if it never ends, a packet still holds a flow (a stalled qdisc or nfqueue): free it, or reboot',
      },
    ];
  }
  if (module.state === 'absent') {
    return [
      {
        code: 'not-loaded',
        what: `--strategy ${strategy} needs the module, and nf_conntrack is not loaded`,
        remedy: 'use --strategy persist, or load the module first',
      },
    ];
  }
  if (strategy === 'reload' && module.state === 'builtin') {
    return [
      {
        code: 'builtin',
        what: 'nf_conntrack is built into this kernel: it cannot be loaded again',
        remedy: 'use --strategy live',
      },
    ];
  }
  return [];
}

function unreadable({ table, module, kind }: Facts): Refusal[] {
  if (kind === 'sysroot' || module.state === 'absent' || module.state === 'unloading') return [];
  const missing = (['max', 'buckets'] as const).find((name) => !isKnown(table[name]));
  if (missing === undefined) return [];
  const value = table[missing];
  const why = isKnown(value) ? '' : value.unknown;
  return [
    {
      code: 'unreadable',
      what: `the present ${missing} cannot be read (${why}): a change could not be taken back`,
      remedy: 'run ctfix as root on the host itself, with /proc mounted',
    },
  ];
}
