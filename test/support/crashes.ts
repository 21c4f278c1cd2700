/**
 * Every moment at which a process can die, as what it would leave: the world and the records, copied at that moment. What
 * the process would have done afterwards (a `catch`, a `finally`, the next line) has no part in a copy.
 */
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { ApplyDeps } from '../../src/apply/outcome.ts';
import type { JournalLine } from '../../src/model.ts';
import { RECOVERY } from './changes.ts';
import { stateDir } from './state-dir.ts';
import type { World } from './world.ts';
import { hostOver } from './world-host.ts';

/** Told of every call of node:fs that changes the records; the test file that mocks node:fs sets it. */
export type Disk = { at: (call: string) => void };

/** Paths below the state directory with text and mode; a directory has no text, a link (the lock) no mode. */
type Records = ReadonlyMap<string, { readonly text?: string; readonly mode?: number | undefined }>;

/** A world and the records on its disk. */
export type State = { readonly world: World; readonly records: Records };

export type Crash = State & {
  /** which part of the change: its number and what it does, or what comes before and after all steps */
  readonly step: string;
  /** `before do {"unit":"stop",…}`, `fsync` … */
  readonly moment: string;
};

export const NOTHING: Records = new Map();

function recordsIn(dir: string): Records {
  const found = new Map<string, { text?: string; mode?: number }>();
  const root = lstatSync(dir, { throwIfNoEntry: false });
  if (root === undefined) return found;
  for (const name of ['', ...readdirSync(dir, { recursive: true, encoding: 'utf8' })].sort()) {
    const stat = lstatSync(join(dir, name));
    if (stat.isSymbolicLink()) {
      found.set(name, { text: readlinkSync(join(dir, name)) });
      continue;
    }
    const mode = stat.mode & 0o7777;
    found.set(name, stat.isFile() ? { text: readFileSync(join(dir, name), 'utf8'), mode } : { mode });
  }
  return found;
}

/** Puts the records into a new directory. */
function laid(records: Records): string {
  const dir = stateDir();
  for (const [name, { text, mode }] of records) {
    if (text === undefined) mkdirSync(join(dir, name), { mode });
    else if (mode === undefined) symlinkSync(text, join(dir, name));
    else writeFileSync(join(dir, name), text, { mode });
  }
  return dir;
}

const journals = new WeakMap<Records, readonly JournalLine[]>();

/** The lines of the newest journal, a torn one left out; [] where there is none. */
export function journalIn(records: Records): readonly JournalLine[] {
  const known = journals.get(records);
  if (known !== undefined) return known;
  const newest = [...records]
    .filter(([name]) => name.endsWith('.jsonl'))
    .sort()
    .at(-1);
  const lines = (newest?.[1].text ?? '').split('\n').slice(0, -1);
  const parsed = lines.map((line) => JSON.parse(line));
  journals.set(records, parsed);
  return parsed;
}

/** What a journal says is being done. */
function stepOf(lines: readonly JournalLine[]): string {
  const steps = lines.filter((line) => line.line === 'intend');
  const last = lines.at(-1);
  if (last === undefined) return 'before the first line';
  if (lines.some((line) => line.line === 'end')) return 'the end';
  const step = steps.at(-1);
  if (step === undefined) return 'before the first step';
  const { action } = step;
  const what =
    action.do === 'reload' ? Object.values(action.step).join(' ') : 'path' in action ? action.path : 'command';
  return `${step.seq} ${action.do} ${what}`;
}

/** Surroundings of a run over a world; nothing of it plans. */
function depsOver(world: World, dir: string, at?: (moment: string) => void): ApplyDeps {
  let clock = Date.parse('2026-11-24T05:45:12Z');
  return {
    host: hostOver(world, at),
    stateDir: dir,
    // Beside the records, so that a copy has both; after a boot it is nobody’s, which is as good as gone.
    lockPath: join(dir, 'lock'),
    now: () => new Date(clock),
    sleep: async (ms) => {
      clock += ms;
    },
    progress: () => {},
    interrupted: () => false,
    survey: () => Promise.reject(new Error('bug: taking back has asked for a plan')),
    recovery: RECOVERY,
  };
}

/** What came of a run, and what is there after it. */
export type Ran<T> = State & {
  readonly result: T;
  /** what each moment of it would have left, those that leave the same once */
  readonly crashes: readonly Crash[];
};

export type Looks = { readonly every: number; readonly from: number };

const EVERY: Looks = { every: 1, from: 0 };
/** Only what comes of it is wanted. */
export const NEVER: Looks = { every: Number.POSITIVE_INFINITY, from: 1 };

/**
 * Runs something over copies of a world and its records, and keeps what every moment of it would leave.
 * @param looks which moments are kept: every so many, from that one on
 */
export async function watched<T>(
  start: State,
  disk: Disk,
  work: (deps: ApplyDeps, world: World) => Promise<T>,
  looks: Looks = EVERY,
): Promise<Ran<T>> {
  const world = structuredClone(start.world);
  const dir = laid(start.records);
  const crashes: Crash[] = [];
  const seen = new Set<string>();
  let moments = 0;
  const at = (moment: string) => {
    if ((moments++ + looks.from) % looks.every !== 0) return;
    const records = recordsIn(dir);
    const key = fingerprint({ world, records });
    if (seen.has(key)) return;
    seen.add(key);
    crashes.push({ step: stepOf(journalIn(records)), moment, world: structuredClone(world), records });
  };
  disk.at = at;
  const result = await work(depsOver(world, dir, disk.at), world);
  disk.at = () => {};
  const records = recordsIn(dir);
  rmSync(dirname(dir), { recursive: true });
  return { result, world, records, crashes };
}

/** The same for two that differ in random names alone. */
export function fingerprint({ world, records }: State): string {
  const value = (_: string, each: unknown) => (each instanceof Map || each instanceof Set ? [...each] : each);
  const names = [...records].map(([name, { text, mode }]) =>
    name.startsWith('lock')
      ? [name.replace(/[0-9a-f]{8,}/g, 'x')]
      : [name.replace(/\.[0-9a-f]{8}\.tmp$/, '.tmp'), text, mode],
  );
  return JSON.stringify([world, names], value);
}

/** A journal whose last line was torn by the loss of power. */
export function torn(crash: Crash): Crash {
  const records = new Map(crash.records);
  for (const [name, { text, mode }] of crash.records) {
    if (!name.endsWith('.jsonl') || text === undefined) continue;
    const last = text.trimEnd().lastIndexOf('\n') + 1;
    records.set(name, { text: text.slice(0, last + Math.floor((text.length - last) / 2)), mode });
  }
  return { ...crash, moment: `${crash.moment}, the last line torn`, records };
}
