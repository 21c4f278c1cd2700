/**
 * Brings module, values, units and rules back after a reload that stopped anywhere, from the journal and from what is
 * there now. Every part looks first and does nothing where all is well, so that it can be run again.
 */
import { HostError, StepFailed } from '../errors.ts';
import type { JournalLine, ReloadStep, RulesText } from '../model.ts';
import { compareRules } from '../reload-compare.ts';
import { isRebooted } from './execute.ts';
import { dropNetlink, forgetFlows, restoreFlows } from './reload-flows.ts';
import { endGuard, holdGuard, keepGuard } from './reload-guard.ts';
import { isUnloading, loadModule, moduleInode, STUCK } from './reload-modules.ts';
import { ALONG_LIMIT_MS, proveRules, restoreOrder, rulesNow } from './reload-rules.ts';
import type { ReloadRun } from './reload-run.ts';
import { settledState, startUnit } from './reload-units.ts';
import { formerValues, writeBack } from './reload-values.ts';

export type Recovered = {
  /** everything is as it was before the reload */
  readonly ok: boolean;
  /** what was seen and done, one sentence each */
  readonly saw: string[];
  /** what a person must do */
  readonly todo?: string;
};

type Stop = Extract<ReloadStep, { step: 'stop' }>;

/**
 * Takes a reload back that did not come to its end; the files are as before already.
 * @param run with the newest record of the journal, if there is one
 * @param lines the journal
 * @returns never throws for what the host looks like: what could not be brought back is in `saw` and `todo`
 */
export async function recoverReload(run: ReloadRun, lines: readonly JournalLine[]): Promise<Recovered> {
  const saw: string[] = [];
  const begun = begunSteps(lines);
  if (run.record === undefined || begun.length === 0) return { ok: true, saw: ['nothing had been stopped yet'] };
  if ((await isRebooted(run.host, lines)) === true) {
    return { ok: true, saw: ['the machine was booted since: module, firewall and rules are those of the boot'] };
  }
  const stops = begun.filter((step): step is Stop => step.step === 'stop');
  if (!(await allActive(run, stops, 0))) await hold(run, saw);
  // A stop or start that was cut short goes on in systemd: whoever acts now would act against it.
  if (!(await allActive(run, stops))) await hold(run, saw);
  const guarded = begun.some(({ step }) => step === 'guard-up');
  if (await isUnloading(run)) return stayClosed(run, guarded, [STUCK], down(stops, 'reboot the machine'));
  const todo = await attempt(saw, () => bringModule(run, modulesOf(lines), saw));
  if ((await moduleInode(run)) === undefined) {
    const load = 'load nf_conntrack (modprobe nf_conntrack), then run ctfix rollback';
    return stayClosed(run, guarded, saw, down(stops, load));
  }
  const values = await tell(saw, () => writeBack(run, formerValues(run)));
  const flows = await attempt(saw, () => bringFlows(run, lines, saw));
  const rules = await attempt(saw, () => bringRules(run, stops, saw));
  const guard = await openAgain(run, guarded, rules === undefined, saw);
  const why = [todo, values, flows, rules, guard].filter(isSaid);
  return why.length === 0 ? { ok: true, saw } : { ok: false, saw, todo: `${why.join('; ')}; then run ctfix rollback` };
}

function isSaid(why: string | undefined): why is string {
  return why !== undefined;
}

/** The rules cannot be brought back, so the guard stays; without one, that is said. */
async function stayClosed(run: ReloadRun, guarded: boolean, saw: string[], todo: string): Promise<Recovered> {
  await tell(saw, () => keepGuard(run, guarded));
  return { ok: false, saw, todo };
}

/** Flows that an unload, or the flush before it, has taken; before any rule is back. */
async function bringFlows(run: ReloadRun, lines: readonly JournalLine[], saw: string[]): Promise<undefined> {
  const { flows } = run.record ?? {};
  const taken = begunSteps(lines).some(({ step }) => step === 'drain-flows' || step === 'unload');
  if (flows !== undefined && taken && !isDone(lines, 'restore-flows')) saw.push(await restoreFlows(run));
  await forgetFlows(run);
  if (flows?.netlink === false) await dropNetlink(run);
  return undefined;
}

function isDone(lines: readonly JournalLine[], name: ReloadStep['step']): boolean {
  const seqs = lines.flatMap((line) =>
    line.line === 'intend' && line.action.do === 'reload' && line.action.step.step === name ? [line.seq] : [],
  );
  return lines.some((line) => line.line === 'done' && seqs.includes(line.seq));
}

/**
 * Ends the guard once the rules are as recorded, whatever else is left to do. Until then it stays, also where nobody can
 * tell whether they are; what that means is for a person.
 */
async function openAgain(run: ReloadRun, guarded: boolean, good: boolean, saw: string[]): Promise<string | undefined> {
  const open = good || (await isSameForSure(run, saw));
  return attempt(saw, async () => {
    if (!open) return keepGuard(run, guarded);
    const ended = await endGuard(run, guarded);
    if (ended !== undefined) saw.push(ended);
    return undefined;
  });
}

/** False where the rules cannot be read. */
async function isSameForSure(run: ReloadRun, saw: string[]): Promise<boolean> {
  const { full = {}, base = full } = run.record ?? {};
  const differs = await attempt(saw, async () => ((await isSame(run, base)) ? undefined : 'the rules differ'));
  return differs === undefined;
}

function down(stops: readonly Stop[], what: string): string {
  const units = stops.map(({ unit }) => unit);
  if (units.length === 0) return what;
  // Starting a firewall without the module would leave its policy to drop and none of the rules that let anybody in.
  return `${what}; ${units.join(', ')} stays stopped until then, because without nf_conntrack its start would lock everybody out`;
}

/** Steps that were announced, in their order. */
function begunSteps(lines: readonly JournalLine[]): readonly ReloadStep[] {
  return lines.flatMap((line) => (line.line === 'intend' && line.action.do === 'reload' ? [line.action.step] : []));
}

function modulesOf(lines: readonly JournalLine[]): readonly string[] {
  const begin = lines.find((line) => line.line === 'begin');
  return (begin?.plan.actions ?? []).flatMap((action) =>
    action.do === 'reload' && action.step.step === 'load' ? [action.step.module] : [],
  );
}

/** Runs a part, which may say what is left to do; its failure is told and does not keep the others from coming back. */
async function attempt(saw: string[], part: () => Promise<string | undefined>) {
  try {
    return await part();
  } catch (error) {
    if (!(error instanceof StepFailed || error instanceof HostError)) throw error;
    saw.push(error.message);
    return error.message;
  }
}

/** Runs a part that says what it saw. */
async function tell(saw: string[], part: () => Promise<string>): Promise<string | undefined> {
  return attempt(saw, async () => {
    saw.push(await part());
    return undefined;
  });
}

/** nf_conntrack with the options on disk; without any where those make the load fail, so that rules can come back. */
async function bringModule(run: ReloadRun, modules: readonly string[], saw: string[]): Promise<undefined> {
  if ((await moduleInode(run)) === undefined) {
    const failed = await tell(saw, () => loadModule(run, 'nf_conntrack'));
    if (failed !== undefined) saw.push(`${await loadModule(run, 'nf_conntrack', 'load-plain')} without its options`);
  }
  for (const module of modules.filter((name) => name !== 'nf_conntrack')) await loadModule(run, module);
  return undefined;
}

/**
 * Units first, rules then: a unit that is down is restarted, never only started (a firewall that finds half of its
 * rules believes it runs and changes nothing); the record is the last resort.
 */
async function bringRules(run: ReloadRun, stops: readonly Stop[], saw: string[]): Promise<string | undefined> {
  const { full = {}, base = full } = run.record ?? {};
  const owners = stops.filter(({ along }) => along !== true).reverse();
  const along = stops.filter((stop) => stop.along === true);
  if ((await allActive(run, stops)) && (await isSame(run, full))) {
    // An earlier recovery that was killed may have given back tables, and not yet their order.
    await restoreOrder(run, full);
    saw.push('the firewall is active and the ruleset is the recorded one');
    return undefined;
  }
  await hold(run, saw);
  const start = async ({ unit, name }: Stop, how: 'start' | 'restart') => {
    await tell(saw, () => startUnit(run, unit, how === 'restart' ? name : undefined, how));
    await hold(run, saw);
  };
  for (const owner of owners) if (!(await isActive(run, owner))) await start(owner, 'restart');
  if (!(await isSame(run, base))) for (const owner of owners) await start(owner, 'restart');
  const proved = await tell(saw, () => proveRules(run, base));
  for (const stop of along) if (!(await isActive(run, stop))) await start(stop, 'start');
  const whole = along.length === 0 ? undefined : await tell(saw, () => proveRules(run, full, ALONG_LIMIT_MS));
  return proved ?? whole ?? (await stillDown(run, stops));
}

async function isActive(run: ReloadRun, { unit }: Stop): Promise<boolean> {
  return (await settledState(run, unit)).active === 'active';
}

async function allActive(run: ReloadRun, stops: readonly Stop[], limitMs?: number): Promise<boolean> {
  const states: string[] = [];
  for (const { unit } of stops) states.push((await settledState(run, unit, limitMs)).active);
  return states.every((active) => active === 'active');
}

/** As long as the rules are not back the guard is in force, whatever a unit's stop or start took along. */
async function hold(run: ReloadRun, saw: string[]): Promise<void> {
  await attempt(saw, async () => {
    const held = await holdGuard(run, 'again');
    if (held !== '') saw.push(held);
    return undefined;
  });
}

async function stillDown(run: ReloadRun, stops: readonly Stop[]): Promise<string | undefined> {
  for (const { unit } of stops) {
    const { active } = await settledState(run, unit);
    if (active !== 'active')
      return `${unit} does not start (${active}), look at journalctl -u ${unit}; its rules are back`;
  }
  return undefined;
}

async function isSame(run: ReloadRun, wanted: RulesText): Promise<boolean> {
  return compareRules(wanted, await rulesNow(run), run.record?.survived).missing.length === 0;
}
