/** Puts live values back: in the safe order, never below the count, and read back. */
import type { Host } from '../host/host.ts';
import { resizeIsSafe } from '../kernel.ts';
import { isBuckets, isValue } from '../same-value.ts';
import type { OutcomeLine } from './outcome.ts';
import { conflict, undoValue, type ValueItem } from './undo.ts';
import { limitOf, MAX_PATH, readCount, readValue, setValue } from './values.ts';

/** Growing: buckets before max, so that chains never get long; shrinking: the other way round. */
export async function inSafeOrder(host: Host, items: readonly ValueItem[]): Promise<readonly ValueItem[]> {
  const max = items.find((item) => item.path === MAX_PATH);
  const now = max === undefined ? undefined : await readValue(host, MAX_PATH);
  const shrinks = max !== undefined && now !== undefined && limitOf(max.before) < limitOf(now);
  const rank = (item: ValueItem) => (item === max ? 1 : isBuckets(item.path) ? (shrinks ? 2 : 0) : 3);
  return items.toSorted((a, b) => rank(a) - rank(b));
}

/**
 * Puts one value back, unless somebody else changed it or it has to stay as it is.
 * @param force whatever is there is ours to put back
 * @throws HostError, StepFailed when the kernel does not take it
 */
export async function revertValue(
  host: Host,
  item: ValueItem,
  force: boolean,
  max: ValueItem | undefined,
): Promise<OutcomeLine> {
  const { path, before } = item;
  const now = await readValue(host, path);
  const step = undoValue(item, now);
  if (now === undefined) return { kind: 'already', item: path, text: `${path} is not there: the module is not loaded` };
  if (step === 'already') return { kind: 'already', item: path, text: `${path} is as it was: ${now}` };
  if (step === 'conflict' && !force) return conflict(item, now);
  const reason = await reasonToKeep(host, item, max);
  if (reason !== undefined) return { kind: 'kept', item: path, text: `${path} stays ${now}: ${reason}` };
  return { kind: 'undone', item: path, text: `${path} is ${await setValue(host, path, before)}, was ${now}` };
}

async function reasonToKeep(host: Host, item: ValueItem, max: ValueItem | undefined): Promise<string | undefined> {
  if (isBuckets(item.path)) {
    const kernel = (await readValue(host, '/proc/sys/kernel/osrelease')) ?? '';
    if (!resizeIsSafe(kernel)) return `a resize is not safe on kernel ${kernel}; the next load of the module sets it`;
  }
  const isSize = item.path === MAX_PATH || isBuckets(item.path);
  if (!isSize || max === undefined || isValue(MAX_PATH, max.before, await readValue(host, MAX_PATH))) return undefined;
  const count = await readCount(host);
  if (limitOf(max.before) >= count) return undefined;
  return `${count} flows are in the table, more than ${max.before}; run ctfix rollback again when there are fewer`;
}
