/**
 * The difference between what is and what should be, as actions. Pure.
 *
 * The order of the actions is the order of apply: files first (modprobe.d, sysctl.d and what is taken over, the hook),
 * then what makes their readers see them (`refresh`), then the live values. Growing, buckets come before max, so that
 * no moment has long chains; shrinking, max comes before buckets, for the same reason. A reload stands in the place of
 * the live values. Where nothing has to change there is no action at all, not even a file.
 */
import type { FileEdit } from './conflicts.ts';
import { evidenceOf } from './evidence.ts';
import { bucketsKeyIsWritable, resizeIsSafe } from './kernel.ts';
import {
  type Action,
  type Facts,
  known,
  type Plan,
  type PlanOptions,
  type Sizing,
  type StrategyChoice,
} from './model.ts';
import { BUCKETS_KEY, HASHSIZE_PATH, keyOf, MAX_KEY, OWN, pathOf } from './own.ts';
import { planFiles } from './plan-files.ts';
import { notesOf, unchangedOf, unknownsOf } from './plan-words.ts';
import { isLess } from './present.ts';
import { reloadSteps } from './reload.ts';
import { reloadNotes, reloadWhy } from './reload-why.ts';
import type { Templates } from './template.ts';

export type PlanInput = {
  readonly facts: Facts;
  readonly sizing: Sizing;
  readonly strategy: StrategyChoice;
  readonly options: PlanOptions;
  readonly templates: Templates;
  /** of ctfix */
  readonly version: string;
};

/** The plan; a value without `undefined`, so that what is saved is what was made. */
export function makePlan({ facts, sizing, strategy, options, templates, version }: PlanInput): Plan {
  const { machine } = facts;
  const quiet = sizing.verdict === 'nothing';
  const files = quiet ? undefined : planFiles(facts, sizing, options, templates);
  const edits = files?.edits ?? [];
  const live = quiet ? [] : liveActions(facts, sizing, strategy, options);
  const actions = [...edits.map(writeFile), ...refreshes(edits), ...live];
  const refusals = [...sizing.refusals, ...strategy.refusals, ...(files?.refusals ?? [])];
  return {
    schema: 'ctfix.plan/v1',
    ctfix: version,
    host: { machineId: machine.machineId, bootId: machine.bootId, kernel: machine.kernel, os: machine.os.name },
    options,
    sizing: actions.length + refusals.length > 0 ? sizing : settled(sizing),
    strategy,
    actions,
    refusals,
    unchanged: [...unchangedOf(facts, sizing, live), ...(files?.unchanged ?? [])],
    notes: [...notesOf(facts, sizing, strategy, live), ...reloadNotes(facts, options, live)],
    unknowns: [...evidenceOf(facts).unknowns, ...unknownsOf(facts)],
  };
}

/** What is needed is all on its way: with the next load of the module, by files that are there. */
function settled(sizing: Sizing): Sizing {
  if (sizing.verdict === 'nothing') return sizing;
  const reason =
    'everything is written already; what is missing comes with the next load of the module or the next boot';
  return { ...sizing, verdict: 'nothing', reasons: [reason, ...sizing.reasons] };
}

function writeFile({ path, before, after, why }: FileEdit): Action {
  return { do: 'write-file', path, ...(before === undefined ? {} : { before }), after, mode: 0o644, why };
}

function refreshes(edits: readonly FileEdit[]): Action[] {
  if (!edits.some(({ path }) => path === OWN.udev)) return [];
  return [{ do: 'refresh', command: { udev: 'reload' }, why: 'udev takes the new rule' }];
}

function liveActions(facts: Facts, sizing: Sizing, { taken }: StrategyChoice, options: PlanOptions): Action[] {
  if (facts.kind === 'sysroot' || (taken !== 'live' && taken !== 'reload')) return [];
  const values = valueActions(facts, sizing);
  if (taken === 'live' || values.length === 0) return values;
  return reloadSteps(facts, sizing.targets, options).map((step) => ({
    do: 'reload',
    step,
    why: reloadWhy(step, facts),
  }));
}

type SetValue = Extract<Action, { do: 'set-value' }>;

function valueActions(facts: Facts, { targets, present }: Sizing): SetValue[] {
  const now = { max: known(present.max), buckets: known(present.buckets) };
  const buckets = resizeIsSafe(facts.machine.kernel) ? setBuckets(facts, now.buckets, targets.buckets) : [];
  const shrinks = now.max !== undefined && isLess(targets.max, now.max);
  const fits = shrinks ? 'fewer flows fit; those that are there stay' : 'more flows fit';
  const max = setValue(pathOf(MAX_KEY), MAX_KEY, now.max, targets.max, fits);
  const timeouts = Object.entries(targets.values).flatMap(([name, value]): SetValue[] => {
    const before = facts.table.values[name];
    const key = keyOf(name);
    const why = 'flows leave the table sooner or later, from their next packet on';
    return before === undefined || before === value
      ? []
      : [{ do: 'set-value', path: pathOf(key), name: key, before, after: value, why }];
  });
  return [...(shrinks ? max : buckets), ...(shrinks ? buckets : max), ...timeouts];
}

function setBuckets({ machine }: Facts, now: number | undefined, target: number): SetValue[] {
  const why = 'the hash is resized in place: no flow is lost';
  const byKey = bucketsKeyIsWritable(machine.kernel);
  return byKey
    ? setValue(pathOf(BUCKETS_KEY), BUCKETS_KEY, now, target, why)
    : setValue(HASHSIZE_PATH, 'nf_conntrack hashsize', now, target, why);
}

function setValue(path: string, name: string, before: number | undefined, after: number, why: string): SetValue[] {
  if (before === undefined || before === after) return [];
  return [{ do: 'set-value', path, name, before: String(before), after: String(after), why }];
}
