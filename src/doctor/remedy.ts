/**
 * The command with which ctfix makes a change: decided by planning it with the same flags on the same facts, so that no
 * command is printed that `apply` would refuse, or would find nothing to do for. Pure.
 */
import { CtfixError } from '../errors.ts';
import { type Facts, known, type PlanOptions, type Refusal } from '../model.ts';
import { TIMEOUT_KEYS } from '../options.ts';
import { makePlan } from '../plan.ts';
import { isLess } from '../present.ts';
import { size } from '../sizing.ts';
import { chooseStrategy } from '../strategy.ts';
import type { Templates } from '../template.ts';
import type { Remedy, Seen } from './finding.ts';

/** What is planned does not hang on the wording of the files around it. */
const BARE: Templates = { modprobe: '{{hashsize}}', sysctl: '{{lines}}', udev: '{{sysctl}}', install: '{{apply}}' };

/** What these flags come to on this host: a command that does something, refusals, or neither where all is so already. */
export type Way = {
  /** there only where apply would make a change, with --take-over where it takes that */
  readonly command?: string;
  /** of the plan without --take-over; with a command they are what it takes over */
  readonly refusals: readonly Refusal[];
  /** what --take-over would not end either; none with a command */
  readonly left: readonly Refusal[];
};

/**
 * Plans with these flags, and with --take-over where the plan without it is refused.
 * @param options the flags, without takeOver
 */
export function wayOf(facts: Facts, options: PlanOptions): Way {
  // What stands against it on the host is not to be seen from a namespace of its own.
  if (known(facts.table.namespace) === 'child') return { command: commandOf(options), refusals: [], left: [] };
  const plain = planned(facts, options);
  if (plain.refusals.length === 0) return { ...(plain.changes && { command: commandOf(options) }), ...NONE };
  const taking = { ...options, takeOver: true };
  const { refusals: left, changes } = planned(facts, taking);
  const { refusals } = plain;
  return left.length === 0 && changes ? { command: commandOf(taking), refusals, left } : { refusals, left };
}

const NONE: Pick<Way, 'refusals' | 'left'> = { refusals: [], left: [] };

type Planned = { readonly refusals: readonly Refusal[]; readonly changes: boolean };

/** A number that no table can have, or a timeout that this kernel has not, is no way at all. */
function planned(facts: Facts, options: PlanOptions): Planned {
  try {
    const sizing = size(facts, options);
    const strategy = chooseStrategy(facts, sizing, options);
    const plan = makePlan({ facts, sizing, strategy, options, templates: BARE, version: '' });
    return { refusals: plan.refusals, changes: plan.sizing.verdict !== 'nothing' };
  } catch (error) {
    if (error instanceof CtfixError && error.exit === 'usage') return { refusals: [], changes: false };
    throw error;
  }
}

/**
 * Let ctfix do it, by the first of some sets of flags that makes a change.
 * @param say what the command is for
 * @returns the command; where every set is refused, what the first refusals say is to be done; nothing where all of
 * them would find nothing to do
 */
export function letCtfix(facts: Facts, say: string, ...sets: readonly PlanOptions[]): Remedy[] {
  let refused: readonly Refusal[] = [];
  for (const options of sets) {
    const { command, left } = wayOf(facts, options);
    if (command !== undefined) return [{ say, command }];
    if (refused.length === 0) refused = left;
  }
  return refused.map(saidOf);
}

/** What stands against a change, and what ends that. */
export function saidOf({ what, remedy }: Refusal): Remedy {
  return { say: `${what}: ${remedy}` };
}

/** The flags that set a value; undefined for keys that ctfix does not set. */
export function settingOf(name: string, value: string): PlanOptions | undefined {
  if (!/^[1-9]\d*$/.test(value)) return undefined;
  const number = Number(value);
  if (name === 'max') return { max: number };
  if (name === 'buckets') return { hashsize: number };
  return TIMEOUT_KEYS.includes(name) ? { timeouts: { [name]: number } } : undefined;
}

/**
 * The flags that hold a value: none where the plan of this host makes it more than that by itself, so that a diagnosis
 * has one number for a size and not two.
 * @returns with the value that comes of it; undefined for keys that ctfix does not set
 */
export function heldBy(
  { sizing }: Pick<Seen, 'sizing'>,
  name: string,
  value: string,
): { readonly options: PlanOptions; readonly value: string } | undefined {
  const options = settingOf(name, value);
  const planned = name === 'max' || name === 'buckets' ? sizing.targets[name] : undefined;
  const more = planned !== undefined && sizing.verdict === 'needed' && isLess(Number(value), planned);
  return more ? { options: {}, value: String(planned) } : options && { options, value };
}

/** The command line of some options, as somebody types it. */
function commandOf({ max, hashsize, timeouts = {}, takeOver }: PlanOptions): string {
  const words = [
    ...(max === undefined ? [] : [`--max ${max}`]),
    ...(hashsize === undefined ? [] : [`--hashsize ${hashsize}`]),
    ...Object.entries(timeouts).map(([name, seconds]) => `--timeout ${name.replace('_timeout', '')}=${seconds}`),
    ...(takeOver === true ? ['--take-over'] : []),
  ];
  return ['sudo ctfix apply', ...words].join(' ');
}

/** Where none of our commands does anything, and the plan has the reasons. */
export const SEE_PLAN: Remedy = { say: 'see what can be done', command: 'ctfix plan' };
