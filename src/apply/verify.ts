/** Whether a host has what the last change promised: now, and after the next boot. */
import { gather } from '../facts/gather.ts';
import { STATE } from '../facts/state.ts';
import type { ReadHost } from '../host/host.ts';
import { checkTargets } from '../promises.ts';
import type { VerifyReport } from './outcome.ts';

/**
 * Gathers the facts and holds them against the last applied change. A demand that has grown since is no finding here.
 * @param host the machine, or a tree below --root; its own record of changes is read
 */
export async function verify(host: ReadHost, deps: { sleep(ms: number): Promise<void> }): Promise<VerifyReport> {
  const facts = await gather(host, deps);
  const change = facts.lastChange;
  if (change === undefined) {
    const unknown = facts.problems.flatMap(({ file, what }) => (file === STATE ? [`${file}: ${what}`] : []));
    return { exit: unknown.length > 0 ? 'failed' : 'ok', findings: [], unknown, waits: [], notes: [] };
  }
  const checked = checkTargets(facts, change);
  const unsure = checked.unknown.length > 0 ? 'failed' : 'ok';
  return { exit: checked.findings.length > 0 ? 'pending' : unsure, change, ...checked };
}
