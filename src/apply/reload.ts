/** One step of a reload, done and proved. What undoes a reload that stopped anywhere is in reload-recover.ts. */
import { StepFailed } from '../errors.ts';
import type { ReloadStep } from '../model.ts';
import { drainFlows, restoreFlows, saveFlows } from './reload-flows.ts';
import { holdGuard, lowerGuard, raiseGuard } from './reload-guard.ts';
import { loadModule, proveLoaded, unloadModule } from './reload-modules.ts';
import {
  ALONG_LIMIT_MS,
  clearRules,
  loadRules,
  proveDown,
  proveRules,
  recordBase,
  recordOf,
  recordRules,
} from './reload-rules.ts';
import { type ReloadRun, type StepSeen, seconds } from './reload-run.ts';
import { startUnit, stopUnit } from './reload-units.ts';
import { plannedValues, writeBack } from './reload-values.ts';
import { sentenceOf } from './sentence.ts';

export { recoverReload } from './reload-recover.ts';
export type { ReloadRun } from './reload-run.ts';

/**
 * Carries out one step; it has happened, read back from the kernel, when this returns.
 * @param run with the newest record
 * @param step one of `reloadSteps`
 * @returns what was seen, and what the journal must keep
 * @throws StepFailed a sentence that names the unit, the holder or the rules; HostError
 */
export async function performReloadStep(run: ReloadRun, step: ReloadStep): Promise<StepSeen> {
  const begin = run.now();
  const seen = await perform(run, step);
  const took = run.now() - begin;
  return took < WORTH_TELLING_MS ? seen : { ...seen, saw: `${seen.saw} (${seconds(took)})` };
}

/** How long a step must take for its time to be told. */
const WORTH_TELLING_MS = 100;

async function perform(run: ReloadRun, step: ReloadStep): Promise<StepSeen> {
  switch (step.step) {
    case 'record':
      return recordRules(run);
    case 'stop': {
      const saw = await guarded(run, () => stopUnit(run, step.unit));
      return step.along === true ? { saw, record: await recordBase(run) } : { saw };
    }
    case 'clear-rules':
      return { saw: await clearRules(run, step.tool) };
    case 'prove-down':
      return proveDown(run);
    case 'unload':
      return { saw: await unloadModule(run, step.module) };
    case 'load':
      return { saw: await load(run, step.module) };
    case 'write-back':
      return { saw: await writeBack(run, plannedValues(run)) };
    case 'start':
      return { saw: await guarded(run, () => startUnit(run, step.unit, step.name)) };
    case 'load-rules':
      return { saw: await loadRules(run, step.tool) };
    case 'prove-rules': {
      const { full, base } = recordOf(run);
      if (step.along === true) return { saw: await proveRules(run, full, ALONG_LIMIT_MS) };
      return { saw: await proveRules(run, base ?? full) };
    }
    case 'start-along':
      return { saw: await guarded(run, () => startUnit(run, step.unit)) };
    case 'guard-up':
      return raiseGuard(run);
    case 'guard-down':
      return { saw: await lowerGuard(run) };
    case 'save-flows':
      return saveFlows(run);
    case 'drain-flows':
      return { saw: await drainFlows(run) };
    case 'restore-flows':
      return { saw: await restoreFlows(run) };
  }
}

/** Stops or starts a unit, and puts the guard back that went with it, however that ended. */
async function guarded(run: ReloadRun, act: () => Promise<string>): Promise<string> {
  let saw: string;
  try {
    saw = await act();
  } catch (error) {
    const held = await holdGuard(run).catch(sentenceOf);
    throw error instanceof StepFailed ? new StepFailed(joined(error.message, held)) : error;
  }
  return joined(saw, await holdGuard(run));
}

const joined = (saw: string, held: string): string => (held === '' ? saw : `${saw}; ${held}`);

async function load(run: ReloadRun, module: string): Promise<string> {
  const saw = await loadModule(run, module);
  return module === 'nf_conntrack' ? proveLoaded(run) : saw;
}
