/**
 * The plan that one process has shown and had agreed to, on its way to the process that carries it out: a file that only
 * root can read and write, never arguments, which everybody can see.
 */
import { lstatSync, readdirSync, unlinkSync } from 'node:fs';
import { posix } from 'node:path';
import { CtfixError } from '../errors.ts';
import { errnoOf } from '../host/sentence.ts';
import type { Facts, Plan, SavedPlan } from '../model.ts';
import { openStateDir, readRecord, writeRecord } from './statedir.ts';

export type Handed = {
  readonly plan: Plan;
  readonly facts: Facts;
  /** the file that the plan came from, when it was a saved one */
  readonly saved?: SavedPlan;
  readonly confirmWithin?: number;
  readonly flags: { readonly color: boolean; readonly verbose?: boolean; readonly output: string };
  readonly views: Readonly<Record<'stdout' | 'stderr', { readonly colour: boolean; readonly unicode: boolean }>>;
};

const pathOf = (stateDir: string, id: string): string => posix.join(stateDir, `handed-${id}.json`);

/** Writes it. @throws CtfixError refused: the state directory cannot be used; the error of node:fs */
export function handOver(stateDir: string, id: string, handed: Handed): void {
  openStateDir(stateDir);
  sweep(stateDir);
  writeRecord(pathOf(stateDir, id), JSON.stringify(handed), 0o600);
}

/** What a process left that was killed before its service began; one of this hour may still be on its way. */
function sweep(stateDir: string): void {
  for (const name of readdirSync(stateDir).filter((each) => each.startsWith('handed-'))) {
    const path = posix.join(stateDir, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat !== undefined && Date.now() - stat.mtimeMs > 3_600_000) unlinkSync(path);
  }
}

/**
 * Reads it and removes it: a plan is carried out once.
 * @throws CtfixError failed: there is none; refused: it could have been written by others
 */
export function takeHanded(stateDir: string, id: string): Handed {
  openStateDir(stateDir);
  const text = /^[0-9a-f-]+$/.test(id) ? readRecord(pathOf(stateDir, id)) : undefined;
  if (text === undefined) throw new CtfixError('failed', `no plan was handed over under the name ${id}`);
  unlinkSync(pathOf(stateDir, id));
  return JSON.parse(text);
}

/** Removes what nobody took. On a disk that cannot be written it stays: that keeps nobody from taking a change back. */
export function dropHanded(stateDir: string, id: string): void {
  try {
    unlinkSync(pathOf(stateDir, id));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}
