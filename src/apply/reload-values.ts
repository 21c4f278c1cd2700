/** Writes back every conntrack value that the load of the module has reset. */

import { HostError, StepFailed } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { HASHSIZE_PATH } from '../own.ts';
import { isBuckets, isValue } from '../same-value.ts';
import type { ReloadRun } from './reload-run.ts';
import { MAX_PATH, readValue, setValue, targetValues } from './values.ts';

/** The values that a finished reload leaves: those from before, under the planned ones. */
export function plannedValues(run: ReloadRun): Readonly<Record<string, string>> {
  const others = Object.entries(run.live).filter(([path]) => !isBuckets(path));
  return { ...Object.fromEntries(others), ...targetValues(run.targets, true) };
}

/**
 * Makes live values what they should be; buckets and max last, buckets first where they grow.
 * @param values by path; one whose key does not exist any more, or that nothing can write, is told
 * @throws StepFailed when max or the buckets do not take
 */
export async function writeBack(run: ReloadRun, values: Readonly<Record<string, string>>): Promise<string> {
  const wrong: string[] = [];
  let written = 0;
  for (const path of inOrder(Object.keys(values))) {
    const wanted = values[path] ?? '';
    const saw = await readValue(run.host, path);
    if (saw !== undefined && isValue(path, wanted, saw)) continue;
    const failure = saw === undefined ? `${path} does not exist any more` : await write(run.host, path, wanted);
    if (failure === undefined) written += 1;
    else if (path === MAX_PATH || isBuckets(path)) throw new StepFailed(failure);
    else wrong.push(failure);
  }
  const kept = `${Object.keys(values).length - written - wrong.length} were right`;
  return [`${written} values written back, ${kept}`, ...wrong].join('; ');
}

/** Buckets before max: right after a load the table is nearly empty, so that neither order can hurt a flow. */
function inOrder(paths: readonly string[]): readonly string[] {
  const rank = (path: string) => (path === MAX_PATH ? 2 : isBuckets(path) ? 1 : 0);
  return [...paths].filter((path) => path !== '').sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

async function write(host: Host, path: string, value: string): Promise<string | undefined> {
  try {
    await setValue(host, path, value);
    return undefined;
  } catch (error) {
    if (error instanceof HostError || error instanceof StepFailed) return error.message;
    throw error;
  }
}

/** The values from before the change, the buckets under one of their two names only. */
export function formerValues(run: ReloadRun): Readonly<Record<string, string>> {
  const { live } = run;
  const double = HASHSIZE_PATH in live;
  return Object.fromEntries(
    Object.entries(live).filter(([path]) => !double || path === HASHSIZE_PATH || !isBuckets(path)),
  );
}
