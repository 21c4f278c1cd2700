/** A change, every moment at which its process can die, and everything that can take it back from there. */
import { apply } from '../../src/apply/apply.ts';
import { confirm } from '../../src/apply/confirm.ts';
import type { ApplyDeps, Outcome } from '../../src/apply/outcome.ts';
import { recoverAtBoot, recoverKilled, revertUnconfirmed } from '../../src/apply/recover.ts';
import { rollback } from '../../src/apply/rollback.ts';
import type { Plan, PlanOptions } from '../../src/model.ts';
import { survey } from '../../src/survey.ts';
import {
  type Crash,
  type Disk,
  fingerprint,
  journalIn,
  type Looks,
  NEVER,
  NOTHING,
  type Ran,
  type State,
  torn,
  watched,
} from './crashes.ts';
import { templates } from './facts.ts';
import { LINK, UNIT } from './net.ts';
import { booted, killed, started, type World } from './world.ts';
import { hostOver } from './world-host.ts';

export type Case = {
  readonly name: string;
  readonly world: World;
  /** tables that are loaded at boot by what is no unit here */
  readonly atBoot?: readonly string[];
  readonly options: PlanOptions;
  readonly confirmWithin?: number;
};

const surveyOf = (world: World, options: PlanOptions) =>
  survey(hostOver(world), options, { templates, version: '0.1.0', sleep: async () => {} });

/** Makes the plan of a case and carries it out, watched. @param stopAfter a signal comes after so many steps */
export async function applied(
  each: Case,
  disk: Disk,
  stopAfter = Number.POSITIVE_INFINITY,
): Promise<Ran<Outcome> & { plan: Plan }> {
  const { facts, plan } = await surveyOf(each.world, each.options);
  const within = each.confirmWithin === undefined ? {} : { confirmWithin: each.confirmWithin };
  let steps = -1;
  const ran = await watched({ world: each.world, records: NOTHING }, disk, (deps, world) =>
    apply(plan, facts, {
      ...deps,
      ...within,
      // Looking reads only: no moment of it leaves anything.
      survey: () => surveyOf(world, each.options),
      // Asked once before the first step and once before each.
      interrupted: () => steps++ >= stopAfter,
    }),
  );
  return { ...ran, plan };
}

/** Steps of the plan without a death when they were announced, and one when they were done; none, whatever the plan. */
export function stepsMissed({ plan, crashes }: { plan: Plan; crashes: readonly Crash[] }): readonly string[] {
  return plan.actions.flatMap((action, seq) => {
    const last = crashes.map(({ records }) => journalIn(records).at(-1));
    const kinds = last.flatMap((line) => (line !== undefined && 'seq' in line && line.seq === seq ? [line.line] : []));
    return kinds.includes('intend') && kinds.includes('done') ? [] : [`${seq} ${JSON.stringify(action)}`];
  });
}

/** The deaths after the last step that was done: in what ends the change, or takes it back. */
export function afterSteps(ran: Ran<unknown>): readonly Crash[] {
  const done = ({ records }: State) => journalIn(records).filter(({ line }) => line === 'done').length;
  const all = Math.max(...ran.crashes.map(done));
  return ran.crashes.filter((crash) => done(crash) === all);
}

/** What a person would look at afterwards. */
function picture(world: World): Record<string, unknown> {
  const ours = (path: string) => /^\/(etc|run\/ctfix)/.test(path);
  const files = [...world.files].filter(([path]) => ours(path)).sort();
  const empty = (dir: string) => ours(dir) && !files.some(([path]) => path.startsWith(`${dir}/`));
  return {
    files: Object.fromEntries(files),
    dirs: [...world.dirs].filter(empty).sort(),
    values: world.values === undefined ? 'not loaded' : Object.fromEntries(world.values),
    // The place of a table decides which of two chains sees a packet first.
    tables: [...world.tables.values()],
    units: Object.fromEntries(world.units),
    flows: [...world.flows].sort(),
    timers: [...world.timers.keys()].filter((name) => !name.startsWith('fired')),
  };
}

/** What takes over after a death. */
export type Recovery = {
  readonly name: 'person' | 'service' | 'timer' | 'boot';
  /** what the death leaves of the world */
  readonly after: (world: World) => World;
  readonly recover: (deps: ApplyDeps, state: State) => Promise<readonly Outcome[]>;
};

async function one(id: string | undefined, how: typeof recoverKilled, deps: ApplyDeps) {
  return id === undefined ? [] : (await how(id, deps)).map(({ outcome }) => outcome);
}

/** `ctfix rollback`. */
export const PERSON: Recovery = {
  name: 'person',
  after: killed,
  recover: async (deps) => [await rollback(undefined, deps)],
};

/** ExecStopPost of the service that a reload runs in: systemd runs it once, whatever becomes of it. */
export const SERVICE: Recovery = {
  name: 'service',
  after: killed,
  recover: async (deps, { records }) =>
    one(journalIn(records).find((line) => line.line === 'begin')?.id, recoverKilled, deps),
};

/** The timer of --confirm-within, or of a reload, as far as it was started. */
export const TIMER: Recovery = {
  name: 'timer',
  // One that has fired is gone, and what it runs is started again when it is killed.
  after: (world) => ({
    ...killed(world),
    timers: new Map([...world.timers].map(([name, run]) => [name.replace(/^(ctfix-\S+)$/, 'fired $1'), run])),
  }),
  recover: async ({ host, ...deps }, { world }) => {
    const run = [...world.timers.values()][0];
    const uptime = { text: '9000.00 1.00\n', mode: 0o644 };
    const sleep = async (ms: number) => {
      await deps.sleep(ms);
      await host.replaceFile('/proc/uptime', uptime);
    };
    const how = run?.includes('--unconfirmed') === true ? revertUnconfirmed : recoverKilled;
    return one(run?.at(-1), how, { ...deps, host, sleep });
  },
};

/** The unit at boot, as far as it was enabled. */
export const BOOT: Recovery = {
  name: 'boot',
  after: booted,
  recover: async (deps, { world: { files } }) => {
    if (!files.has(UNIT) || !files.has(LINK)) return [];
    return (await recoverAtBoot(deps)).map(({ outcome }) => outcome);
  },
};

/** True when the journal says that the change is complete and need not be confirmed any more. */
function isComplete({ records }: State): boolean {
  const last = journalIn(records).findLast((line) => line.line === 'end' || line.line === 'confirm');
  const final = last?.line === 'end' && last.outcome === 'applied' && last.confirmUntil === undefined;
  return final || last?.line === 'confirm';
}

/**
 * A death in a recovery is looked at for every so many moments of it, each time others; all of them, some ten thousand,
 * where CTFIX_EVERY_DEATH is set.
 */
const STRIDE = process.env.CTFIX_EVERY_DEATH === undefined ? 31 : 1;

function isPending({ records }: State): boolean {
  const last = journalIn(records).findLast((line) => line.line === 'end' || line.line === 'confirm');
  return last?.line === 'end' && last.outcome === 'applied' && last.confirmUntil !== undefined;
}

export type Checked = {
  /** first deaths: (step, moment) of what was done, each with every recovery */
  readonly first: number;
  /** deaths in a recovery from one of those, each with the same once more; after the service it is its timer's turn */
  readonly second: number;
  /** what was neither as before nor as planned, or not whole; empty when all is well */
  readonly wrong: readonly string[];
};

/**
 * Lets every death be recovered in every way, and every death in such a recovery be recovered once more.
 * @param ran what was done, watched; `old` is the world before it
 */
export async function check(
  each: Case,
  ran: Ran<unknown>,
  hows: readonly Recovery[],
  disk: Disk,
  every = STRIDE,
): Promise<Checked> {
  const rest = (world: World) => started(world, each.atBoot);
  const pictures = { old: each.world, done: ran.world };
  const wrong: string[] = [];
  const judge = async (from: State, how: Recovery, words: string, after: Ran<readonly unknown[]>) => {
    const outcome = how.name !== 'person' && isComplete(from) ? 'done' : 'old';
    const still = how.name === 'boot' ? rest : (world: World) => world;
    const wanted = how.name === 'boot' ? rest(booted(pictures[outcome])) : pictures[outcome];
    const all = await differences(still(after.world), wanted, after, how, disk);
    const told = each.options.carry === false ? all.filter((part) => part !== 'flows') : all;
    if (told.length > 0) wrong.push(`${words}: not ${outcome} in ${told.join(', ')}`);
  };
  const lines = ran.crashes.map((crash) => journalIn(crash.records).length);
  const deaths = ran.crashes.flatMap((crash, at) =>
    lines[at] === lines[Math.max(0, at - 1)] ? [crash] : [crash, torn(crash)],
  );
  const seen = new Set<string>();
  let second = 0;
  for (const crash of deaths) {
    // One that waits to be confirmed is for the timer to take back, not for the service that has made it.
    for (const how of hows.filter(({ name }) => name !== 'service' || !isPending(crash))) {
      const words = `${crash.step}, ${crash.moment}, ${how.name}`;
      const back = await recovered(crash, how, disk, { every, from: second });
      await judge(crash, how, words, back);
      const next = how.name === 'service' ? TIMER : how;
      for (const again of back.crashes) {
        const key = how.name + isComplete(crash) + fingerprint(again);
        if (seen.has(key)) continue;
        seen.add(key);
        second += 1;
        await judge(
          again,
          next,
          `${words}, then ${again.step}, ${again.moment}`,
          await recovered(again, next, disk, NEVER),
        );
      }
    }
  }
  return { first: deaths.length, second, wrong };
}

/** Lets the world that a death has left be recovered. */
function recovered(crash: Crash, how: Recovery, disk: Disk, looks: Looks): Promise<Ran<readonly Outcome[]>> {
  const start = { world: how.after(crash.world), records: crash.records };
  return watched(start, disk, (deps) => how.recover(deps, start), looks);
}

/** Where a world differs from another. */
function parts(world: World, wanted: World): readonly string[] {
  const [saw, should] = [picture(world), picture(wanted)];
  return Object.keys(should).filter((part) => JSON.stringify(saw[part]) !== JSON.stringify(should[part]));
}

/** Whatever is not as it should be after a recovery, named. */
async function differences(
  world: World,
  wanted: World,
  after: Ran<readonly unknown[]>,
  how: Recovery,
  disk: Disk,
): Promise<readonly string[]> {
  const wrong = [...parts(withoutUnit(world), withoutUnit(wanted))];
  // Killed before the timer was started, or half-way through enabling or disabling the unit: nothing is done then, and
  // what is left goes with what a person does next.
  const idle = after.result.length === 0 && (how.name !== 'service' || journalIn(after.records).length === 0);
  const tidied = idle ? await tidy({ ...after, world }, disk) : { ...after, world };
  if (isUnitThere(tidied.world)) wrong.push('the boot unit');
  // Whatever is recorded is seen to at the boot, without any person.
  if (how.name === 'boot') wrong.push(...openIn(after));
  return [...wrong, ...recordsLeft(tidied)];
}

async function tidy(state: State, disk: Disk): Promise<State> {
  const complete = isComplete(state);
  return watched(state, disk, (deps) => (complete ? confirm(deps) : rollback(undefined, deps)), NEVER);
}

const isUnitThere = ({ files }: World) => files.has(UNIT) || files.has(LINK);

function withoutUnit(world: World): World {
  const next = structuredClone(world);
  next.files.delete(UNIT);
  next.files.delete(LINK);
  next.dirs.delete(LINK.slice(0, LINK.lastIndexOf('/')));
  return next;
}

/** Locks, half-written records, changes that are still open, and a state.json that tells something else. */
function recordsLeft({ records }: State): readonly string[] {
  const left = [...records.keys()].filter((name) => !/^(|journal|journal\/\S+\.jsonl|state\.json)$/.test(name));
  const end = journalIn(records).findLast((line) => line.line === 'end');
  if (end === undefined) return left;
  const told = JSON.parse(records.get('state.json')?.text ?? '{"changes":[]}').changes.at(-1)?.outcome;
  return [...left, ...openIn({ records }), ...(told === end.outcome ? [] : [`state.json, which says ${told}`])];
}

/** A change that is begun and neither complete nor back. */
function openIn({ records }: Pick<State, 'records'>): readonly string[] {
  const lines = journalIn(records);
  const outcome = lines.findLast((line) => line.line === 'end')?.outcome ?? 'unfinished';
  const isOpen = lines.length > 0 && (outcome === 'unfinished' || outcome === 'stuck');
  return isOpen ? [`a change that is ${outcome}`] : [];
}
