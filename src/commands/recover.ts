/** `ctfix recover`: takes back what nobody else takes back; called by systemd alone: at boot, by a service, by a timer. */
import type { Command } from 'commander';
import { CtfixError, EXIT } from '../errors.ts';
import { errorText } from '../render/error.ts';
import { outcomeText } from '../render/outcome.ts';
import { applyDeps } from './apply-deps.ts';
import type { CommonFlags, Deps } from './deps.ts';
import { examples } from './flags.ts';
import { type Finish, runs } from './runs.ts';

type Flags = CommonFlags & { readonly boot?: boolean; readonly unconfirmed?: boolean };

/** Adds the command to the program, out of sight. */
export function registerRecover(program: Command, deps: Deps, finish: Finish): void {
  const command = program
    .command('recover', { hidden: true })
    .description('take back what was never finished or confirmed; for ctfix itself')
    .argument('[id]', 'the change')
    .option('--boot', 'every change from before this boot')
    .option('--unconfirmed', 'this change, when its time is over');
  examples(command, [
    ['ctfix recover --boot', 'what the unit at boot runs'],
    ['ctfix recover --unconfirmed 20261124-054512-1a2b', 'what the timer runs'],
  ]);
  runs<Flags>(command, finish, (flags, id) => (flags.boot === true ? atBoot(flags, deps) : one(flags, id ?? '', deps)));
}

/** Whatever happens, the boot goes on; what it was is in the journal of the system. */
async function atBoot(flags: Flags, deps: Deps): Promise<number> {
  try {
    await recover(flags, undefined, deps);
  } catch (error) {
    deps.note(errorText(error, `ctfix ${deps.version}`).text);
  }
  return EXIT.ok;
}

async function one(flags: Flags, id: string, deps: Deps): Promise<number> {
  if (!deps.isRoot) throw new CtfixError('notRoot', 'this is for ctfix itself, as root');
  return recover(flags, id, deps);
}

async function recover(flags: Flags, id: string | undefined, deps: Deps): Promise<number> {
  const [{ recoverAtBoot, recoverKilled, revertUnconfirmed }, { dropHanded }] = await Promise.all([
    import('../apply/recover.ts'),
    import('../apply/handed.ts'),
  ]);
  // Told at its end alone: a write to a terminal that is stopped (Ctrl-S) blocks, and the firewall would stay down.
  const surroundings = { ...(await applyDeps(flags, noSurvey, deps, 'goes-on')), progress: () => undefined };
  if (id !== undefined) dropHanded(deps.stateDir, id);
  const how = flags.unconfirmed === true ? revertUnconfirmed : recoverKilled;
  const all = id === undefined ? await recoverAtBoot(surroundings) : await how(id, surroundings);
  for (const { outcome } of all) deps.note(outcomeText('rollback', outcome, deps.view('stderr', flags)));
  const worst = all.find(({ outcome }) => outcome.exit !== 'ok');
  return EXIT[worst?.outcome.exit ?? 'ok'];
}

/** Taking back never plans. */
const noSurvey = (): never => {
  throw new Error('bug: taking back has asked for a plan');
};
