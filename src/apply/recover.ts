/**
 * Takes changes back that nobody else takes back any more: at boot, after a reload was killed, and when nobody confirmed.
 * Each finds the change, asks whether it really is such a one, and then does what `ctfix rollback` does.
 */
import { CtfixError, HostError } from '../errors.ts';
import { errnoOf } from '../host/sentence.ts';
import type { ChangeRecord } from '../model.ts';
import { isBusy } from './lock.ts';
import { isAwaited, MOTD, takeInNet } from './net.ts';
import type { ApplyDeps, Outcome } from './outcome.ts';
import { takeBackUnattended, tidyUp } from './rollback.ts';
import { sentenceOf } from './sentence.ts';
import { isOpen, recordsIn } from './state.ts';
import { hasStateDir } from './statedir.ts';
import { bootIdOf, secondsLeft } from './values.ts';

/** Between two looks at a change that is still being made, or that may still be confirmed. */
const LOOK_EVERY_S = 1;

/** What became of a change. */
export type Recovered = { readonly id: string; readonly outcome: Outcome };

/**
 * At boot: every change that was begun before this boot and is neither complete nor back. A change of this boot is
 * somebody's who is at work, or waits for its time: systemd starts this unit again whenever it looks at its target anew.
 */
export async function recoverAtBoot(deps: ApplyDeps): Promise<readonly Recovered[]> {
  if (!hasStateDir(deps.stateDir)) {
    // The power went before the directory for the records was on the disk.
    await takeInNet(deps);
    return [];
  }
  const now = await bootIdOf(deps.host);
  const all: Recovered[] = [];
  for (const change of recordsIn(deps.stateDir).filter(isOpen).toReversed()) {
    if (change.bootId === now && !(await isForsaken(change, deps))) continue;
    all.push(await takeBack(change, 'the machine was booted', deps));
  }
  await tidyUp(deps);
  return all;
}

/**
 * A change of this boot that nobody is at work on and that nothing waits for any more: a soft reboot ends every process and
 * every timer, under the same kernel and the same boot id (systemd-soft-reboot.service(8)). One that needs a person waits
 * for that person.
 */
async function isForsaken({ id, outcome }: ChangeRecord, deps: ApplyDeps): Promise<boolean> {
  if (outcome === 'stuck' || (await isBusy(deps))) return false;
  return !(await isAwaited(deps.host, id));
}

/**
 * After the process that made a change has ended, which is waited for, as is every other that is at work: nothing, unless it
 * was killed in the middle; where it was killed between the last line of the change and its end, what it had left to do.
 */
export async function recoverKilled(id: string, deps: ApplyDeps): Promise<readonly Recovered[]> {
  const change = await leftBehind(id, deps);
  if (change === undefined) {
    if (hasStateDir(deps.stateDir)) await tidyUp(deps);
    return [];
  }
  if (change.outcome !== 'unfinished') {
    await tidyUp(deps, isOpen(change) ? undefined : id);
    return [];
  }
  return [await takeBack(change, 'the process that made it was killed', deps, waitIn(deps))];
}

/** The change as whoever is at work leaves it. */
async function leftBehind(id: string, deps: ApplyDeps): Promise<ChangeRecord | undefined> {
  for (;;) {
    // First this: what is recorded afterwards is what the one who was at work has left.
    const busy = await isBusy(deps);
    const change = find(id, deps);
    if (!busy || change?.outcome !== 'unfinished') return change;
    await waitIn(deps)();
  }
}

/** When the time to confirm is over: waits for what is left of it, and for a change that is still being made. */
export async function revertUnconfirmed(id: string, deps: ApplyDeps): Promise<readonly Recovered[]> {
  const wait = waitIn(deps);
  for (;;) {
    // In this order, as above.
    const busy = await isBusy(deps);
    const change = find(id, deps);
    if (change === undefined) return [];
    if (!isOpen(change)) {
      await tidyUp(deps);
      return [];
    }
    const { pendingConfirm } = change;
    const left = pendingConfirm === undefined ? 0 : await secondsLeft(deps.host, pendingConfirm);
    if (!busy && left <= 0) return [await takeBack(change, 'nobody confirmed it in time', deps, wait)];
    await (busy ? wait() : deps.sleep(Math.min(left, 60) * 1000));
  }
}

function find(id: string, { stateDir }: ApplyDeps): ChangeRecord | undefined {
  return hasStateDir(stateDir) ? recordsIn(stateDir).find((change) => change.id === id) : undefined;
}

const waitIn = (deps: ApplyDeps) => () => deps.sleep(LOOK_EVERY_S * 1000);

/** @param wait absent at boot: units that somebody who is at work has started may wait for the end of this one */
async function takeBack(change: ChangeRecord, why: string, deps: ApplyDeps, wait?: Wait): Promise<Recovered> {
  const { id } = change;
  const outcome = await attempt(id, why, deps, wait);
  if (outcome.id !== undefined) await tellPeople(id, why, outcome, deps);
  return { id, outcome };
}

type Wait = () => Promise<void>;

async function attempt(id: string, why: string, deps: ApplyDeps, wait?: Wait): Promise<Outcome> {
  try {
    return await takeBackUnattended(id, why, deps, wait);
  } catch (error) {
    if (!(error instanceof CtfixError || error instanceof HostError) && errnoOf(error) === undefined) throw error;
    // Where somebody has begun to work on it meanwhile, no person needs to be called.
    const busy = await isBusy(deps).catch(() => false);
    return { exit: 'stuck', ...(!busy && { id }), lines: [{ kind: 'failed', text: sentenceOf(error) }] };
  }
}

/** On every terminal now, and for the next one who logs in; history and every command of ctfix tell it as well. */
async function tellPeople(id: string, why: string, { exit, lines }: Outcome, { host, now }: ApplyDeps): Promise<void> {
  const how = exit === 'ok' ? 'was taken back' : 'could not be taken back whole, a person is needed';
  // Of what is back there is nothing to do but to close its record, where that could not be written.
  const todo = exit === 'ok' ? lines.flatMap(({ kind, text }) => (kind === 'todo' ? [`${text}. `] : [])).join('') : '';
  const text = `ctfix: the change ${id} of the connection tracking table ${how}: ${why}. ${todo}See: ctfix history ${id}`;
  await host.perform({ wall: text });
  try {
    await host.replaceFile(MOTD, { text: `${text} (${now().toISOString()})\n`, mode: 0o644 });
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
  }
}
