/** `ctfix apply`: makes the change that plan shows. */
import { type Command, Option } from 'commander';
import { parseWithin } from '../duration.ts';
import type { PlanFlags } from '../options.ts';
import type { CommonFlags, Deps } from './deps.ts';
import { examples, outputFlag, sizingFlags } from './flags.ts';
import { type Finish, runs } from './runs.ts';

export type ApplyFlags = CommonFlags &
  PlanFlags & {
    readonly output: string;
    readonly yes?: boolean;
    readonly dryRun?: boolean;
    readonly confirmWithin?: number;
  };

/** Adds the command to the program. */
export function registerApply(program: Command, deps: Deps, finish: Finish): void {
  const command = program
    .command('apply')
    .description('make the change that plan shows, verify it, and keep what is needed to take it back; needs root')
    .argument('[plan]', 'carry out exactly this saved plan (plan --save); without it, a fresh one')
    .option('-y, --yes', 'do not ask; needed where there is no terminal')
    .option('--dry-run', 'show every step and stop; needs no root')
    .addOption(
      new Option(
        '--confirm-within <time>',
        'take it back unless ctfix confirm comes in time, as 90s, 10m, 1h; 0 for never',
      ).argParser(parseWithin),
    );
  outputFlag(sizingFlags(command), ['text', 'json']);
  examples(command, [
    ['ctfix apply --dry-run', 'every step, without doing one'],
    ['sudo ctfix apply', 'ask, then make the change'],
    ['sudo ctfix apply change.json', 'a plan that was saved and reviewed; 4 when stale'],
    ['sudo ctfix apply --yes --precaution', 'for scripts: raise a healthy host as well'],
    ['sudo ctfix apply --confirm-within 10m', 'goes back by itself unless you run sudo ctfix confirm'],
    ['sudo ctfix apply --strategy reload', 'unload and load the module, with the firewall stopped'],
  ]);
  runs<ApplyFlags>(command, finish, async (flags, plan) => {
    if (plan !== undefined) return (await import('./apply-saved.ts')).runApplySaved(plan, flags, deps);
    return (await import('./apply-run.ts')).runApply(flags, deps);
  });
}
