/** Stops and starts firewall units and reads what became of them: no return code says so. */
import { StepFailed } from '../errors.ts';
import { parseShow, showArgv } from '../facts/firewalls.ts';
import type { FirewallName } from '../model.ts';
import { complaint, lookUntil, type ReloadRun } from './reload-run.ts';

/**
 * A stop may take the unit's TimeoutStopSec twice (SIGTERM, then SIGKILL) and a start TimeoutStartSec; 90 s each by
 * default. Source: systemd-system.conf(5), DefaultTimeoutStopSec.
 */
const UNIT_LIMIT_MS = 240_000;
/** firewalld's start returns when its D-Bus name is there; its rules take seconds more, on a slow machine a minute. */
const FIREWALLD_LIMIT_MS = 180_000;

export type UnitState = {
  /** active, inactive, failed; or activating, deactivating, reloading when it did not settle in time */
  readonly active: string;
  /** success, timeout, exit-code, signal … Source: org.freedesktop.systemd1(5) */
  readonly result: string;
};

/**
 * The state of a unit once no job of it is queued or running; the last one seen where that takes too long. `unknown` where
 * systemd does not answer: no reason to believe that the unit is down.
 * @param limitMs how long it is waited for; 0: the state at this moment
 */
export async function settledState(run: ReloadRun, unit: string, limitMs = UNIT_LIMIT_MS): Promise<UnitState> {
  const look = async () => {
    const argv = showArgv([unit], ['Id', 'ActiveState', 'Result', 'Job']);
    const ended = await run.host.run(argv);
    const shown = (ended.code === 0 ? [...parseShow(ended.stdout).values()][0] : undefined) ?? {};
    return { active: shown.ActiveState ?? 'unknown', result: shown.Result ?? '', job: shown.Job ?? '' };
  };
  const settled = (seen: { active: string; job: string }) => !/ing$/.test(seen.active) && /^0?$/.test(seen.job);
  const { active, result } = await lookUntil(run, limitMs, look, settled);
  return { active, result };
}

/**
 * Stops a unit.
 * @throws StepFailed when it did not go down, or only half-way: `systemctl stop` returns 0 when systemd killed the stop
 *   program at its time limit. A stop program that ran to its end and complained is let pass; the rules tell.
 */
export async function stopUnit(run: ReloadRun, unit: string): Promise<string> {
  const before = await settledState(run, unit);
  if (before.active === 'unknown') {
    throw new StepFailed(`whether ${unit} is active cannot be told: systemctl show does not answer`);
  }
  if (before.active !== 'active') return `${unit} was not active (${before.active})`;
  const ended = await run.host.perform({ unit: 'stop', name: unit }, { timeoutMs: UNIT_LIMIT_MS });
  const { active, result } = await settledState(run, unit);
  if (active === 'inactive') return `${unit} is stopped`;
  if (active === 'failed' && result === 'exit-code') return `${unit} is stopped; its stop program complained`;
  const why = ended.code === 0 ? '' : `: ${complaint(ended)}`;
  throw new StepFailed(`the stop of ${unit} did not come to its end (${active}, Result: ${result})${why}`);
}

/** Starts a unit, or restarts it. @throws StepFailed when it is not active afterwards */
export async function startUnit(run: ReloadRun, unit: string, name?: FirewallName, how: 'start' | 'restart' = 'start') {
  const ended = await run.host.perform({ unit: how, name: unit }, { timeoutMs: UNIT_LIMIT_MS });
  const { active, result } = await settledState(run, unit);
  if (active !== 'active') {
    throw new StepFailed(`${unit} did not start (${active}, Result: ${result}): ${complaint(ended)}`);
  }
  if (name === 'firewalld') await firewalldRuns(run);
  return `${unit} is active`;
}

async function firewalldRuns(run: ReloadRun): Promise<void> {
  const look = async () => (await run.host.run(['firewall-cmd', '--state'])).stdout.trim();
  const state = await lookUntil(run, FIREWALLD_LIMIT_MS, look, (seen) => seen === 'running');
  if (state !== 'running')
    throw new StepFailed(`firewalld does not run after its start: firewall-cmd --state says ${state}`);
}
