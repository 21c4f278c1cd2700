/**
 * The net below a change: what takes it back when the process that makes it is killed, the machine loses power, or nobody
 * confirms it. Spread before anything else is written, taken in when the change is complete or back.
 */
import { HostError, StepFailed } from '../errors.ts';
import type { Host, ReadHost } from '../host/host.ts';
import type { BeginLine, Plan } from '../model.ts';
import { placeBootUnit, removeBootUnit } from './boot-unit.ts';
import type { ApplyDeps, OutcomeLine } from './outcome.ts';
import { whyNotNow } from './program.ts';
import { sentenceOf } from './sentence.ts';
import { isOpen, rebuildState, recordsIn } from './state.ts';

/** True for a change that takes the firewall down: it is never begun without the net. */
function isReload(plan: Plan): boolean {
  return plan.actions.some((action) => action.do === 'reload');
}

/** Why a reload or a change that is to be confirmed cannot be begun here; [] when it can, and for every other change. */
export async function missingNet(
  plan: Plan,
  deps: Pick<ApplyDeps, 'recovery' | 'confirmWithin'> & { readonly host: ReadHost },
): Promise<OutcomeLine[]> {
  const what = isReload(plan) ? 'a reload' : deps.confirmWithin === undefined ? undefined : '--confirm-within';
  if (what === undefined) return [];
  const reason = await whyNotNow(deps.host, deps.recovery.argv);
  if (reason === undefined) return [];
  const needs = `${what} needs a ctfix that systemd can run when nobody else can, and ${reason}`;
  return [{ kind: 'refused', item: deps.recovery.argv[0], text: `${needs}; ${remedy(what)}` }];
}

function remedy(what: string): string {
  const install = 'install ctfix as /usr/sbin/ctfix, owned by root and writable by nobody else';
  return what === 'a reload' ? `${install}, or take another strategy` : `${install}, or go without it`;
}

/**
 * Puts the boot unit in place, before the record of the change is begun: whatever is recorded is seen to at the next boot.
 * Where there is no record then, the unit removes itself.
 * @param id of the change
 * @returns a note where the change goes without recovery at boot
 * @throws StepFailed when a change that must not be begun without it cannot have it
 */
export async function spreadNet(plan: Plan, deps: ApplyDeps, id: string): Promise<OutcomeLine[]> {
  const reason = await withoutBoot(deps, id);
  const must = isReload(plan) || deps.confirmWithin !== undefined;
  if (must && reason !== undefined) throw new StepFailed(`the recovery at boot could not be prepared: ${reason}`);
  if (reason === undefined) return [];
  const text = `after a power cut in the middle of this change, ctfix rollback must be run by hand: ${reason}`;
  return [{ kind: 'note', text }];
}

/** Shown by pam_motd(8) to whoever logs in next; /run is empty after a boot. */
export const MOTD = '/run/motd.d/ctfix';

/** What was told of an earlier change is no news any more. */
export async function forgetLast(host: Host): Promise<void> {
  try {
    if ((await host.stat(MOTD)) !== undefined) await host.replaceFile(MOTD, undefined);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
  }
}

/** Puts the boot unit of a change in place; gives the reason where the host goes without it. */
export async function withoutBoot({ host, recovery }: ApplyDeps, id: string): Promise<string | undefined> {
  try {
    return await placeBootUnit(host, recovery, id);
  } catch (error) {
    if (error instanceof HostError) return error.message;
    throw error;
  }
}

/**
 * Removes the boot unit when no change needs it any more.
 * @param closed the change that is complete or back, whatever its journal could still be told of that
 * @returns a note where it could not be removed; it does nothing at a boot with nothing to take back
 */
export async function takeInNet(deps: Pick<ApplyDeps, 'host' | 'stateDir'>, closed?: string): Promise<OutcomeLine[]> {
  if (recordsIn(deps.stateDir).some((change) => change.id !== closed && isOpen(change))) return [];
  try {
    await removeBootUnit(deps.host);
    return [];
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return [{ kind: 'note', text: `the unit for the recovery at boot stays: ${error.message}` }];
  }
}

const timerOf = (id: string): string => `ctfix-revert-${id}`;

/**
 * The recovery of a killed reload is run by its service once, whatever becomes of it (systemd.service(5), ExecStopPost). So
 * much later a timer runs it too, waits for the end of whoever is at work, and is started again when it is killed.
 */
const AGAIN_S = 60;

/**
 * Starts the timer of a change that is to be confirmed, or that takes the firewall down, before the first effect: a process
 * that dies in the middle is made up for as well. Any other change has none. @throws StepFailed
 */
export async function startTimer({ host, recovery }: ApplyDeps, begin: BeginLine): Promise<void> {
  if (!hasTimer(begin)) return;
  const { id, confirmWithin } = begin;
  const words = confirmWithin === undefined ? [id] : ['--unconfirmed', id];
  const run = [...recovery.argv, 'recover', ...words] as const;
  const { code, stderr } = await host.perform({ timer: timerOf(id), seconds: confirmWithin ?? AGAIN_S, run });
  if (code !== 0) throw new StepFailed(`the timer that would take it back could not be started: ${stderr.trim()}`);
}

function hasTimer({ plan, confirmWithin }: BeginLine): boolean {
  return confirmWithin !== undefined || isReload(plan);
}

/**
 * Lets the time of a change begin anew, now that there is something to confirm. A timer that has fired during a slow
 * change is gone (systemd-run(1): transient timers go with their last run): another is started, unless what it ran still
 * waits for the end of the change, and for the new time then.
 * @throws StepFailed
 */
export async function restartTimer(deps: ApplyDeps, begin: BeginLine): Promise<void> {
  const { id } = begin;
  const { code } = await deps.host.perform({ unit: 'restart', name: `${timerOf(id)}.timer` });
  if (code === 0) return;
  const waits = await deps.host.run(['systemctl', 'is-active', '--quiet', `${timerOf(id)}.service`]);
  if (waits.code !== 0) await startTimer(deps, begin);
}

/** Ends the timer of a change, if it has one; one that has run out or died with a reboot is no error. */
export async function stopTimer(host: Host, begin: BeginLine): Promise<void> {
  if (hasTimer(begin)) await host.perform({ unit: 'stop', name: `${timerOf(begin.id)}.timer` });
}

/** True while systemd waits for the time of a change, or does what was to be done then. */
export async function isAwaited(host: ReadHost, id: string): Promise<boolean> {
  const units = [`${timerOf(id)}.timer`, `${timerOf(id)}.service`];
  return (await host.run(['systemctl', 'is-active', '--quiet', ...units])).code === 0;
}

/**
 * What the end of a change has to do besides its record: the unit goes, and state.json is written anew. Neither keeps the
 * other from being done, and none undoes a change that is complete when it fails.
 * @param closed as for takeInNet
 * @returns notes of what could not be done
 */
export async function tidy(deps: Pick<ApplyDeps, 'host' | 'stateDir'>, closed?: string): Promise<OutcomeLine[]> {
  const lines: OutcomeLine[] = [];
  try {
    lines.push(...(await takeInNet(deps, closed)));
  } catch (error) {
    lines.push({ kind: 'note', text: `the unit for the recovery at boot stays: ${sentenceOf(error)}` });
  }
  try {
    rebuildState(deps.stateDir);
  } catch (error) {
    lines.push({ kind: 'note', text: `state.json could not be written: ${sentenceOf(error)}` });
  }
  return lines;
}
