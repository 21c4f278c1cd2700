/** `ctfix plan`: what would change and why; changes nothing. */
import { type Command, Option } from 'commander';
import { type PlanFlags, planOptions } from '../options.ts';
import { planExit } from '../render/plan-parts.ts';
import { survey } from '../survey.ts';
import type { CommonFlags, Deps } from './deps.ts';
import { examples, fileName, outputFlag, rootFlag, sizingFlags } from './flags.ts';
import { planProse } from './plan-prose.ts';
import { type Finish, runs } from './runs.ts';

type Flags = CommonFlags &
  PlanFlags & {
    readonly root?: string;
    readonly output: string;
    readonly detailedExitcode?: boolean;
    readonly save?: string;
    readonly show?: string;
  };

/** Adds the command to the program. */
export function registerPlan(program: Command, deps: Deps, finish: Finish): void {
  const command = program
    .command('plan')
    .description('show what this host needs and every change as a diff; changes nothing, needs no root')
    .option('--detailed-exitcode', 'exit with 2 when changes are pending, 0 when there are none')
    .addOption(new Option('--save <file>', 'also keep the plan in this file, for ctfix apply FILE').argParser(fileName))
    .addOption(new Option('--show <file>', 'show a plan that was saved, and what has moved since').argParser(fileName));
  outputFlag(rootFlag(sizingFlags(command)), ['text', 'json', 'markdown']);
  examples(command, [
    ['ctfix plan', 'what is wrong here and what would be changed'],
    ['ctfix plan --peak 400000', 'size the table for a peak that you expect'],
    ['ctfix plan --timeout tcp_established=86400', 'shorten a timeout as well'],
    ['ctfix plan -o markdown > change.md', 'for the change ticket'],
    ['ctfix plan --save change.json', 'for a review, and for ctfix apply change.json'],
    ['ctfix plan --show change.json', 'that plan again, and whether it still holds'],
    ['ctfix plan -o json --detailed-exitcode', 'for a script: 0 nothing, 2 pending, 3 refused'],
  ]);
  runs<Flags>(command, finish, (flags) => runPlan(flags, deps));
}

async function runPlan(flags: Flags, deps: Deps): Promise<number> {
  const options = planOptions(flags);
  if (flags.show !== undefined) {
    return (await import('./plan-show.ts')).showPlan(flags.show, { ...flags, options }, deps);
  }
  const host = await deps.look(flags);
  const { facts, plan: made } = await survey(host, options, deps);
  const plan =
    options.timeouts === undefined ? made : await (await import('./plan-estimate.ts')).withEstimate(host, facts, made);
  const report = { plan, facts, now: deps.now() };
  const keeps = flags.output === 'json' || flags.save !== undefined;
  if (keeps) (await import('./plan-save.ts')).keepPlan(report, flags, deps);
  if (flags.output !== 'json') deps.write(planProse(report, flags, deps));
  return planExit(plan, flags.detailedExitcode === true);
}
