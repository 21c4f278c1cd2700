/** `ctfix plan`: what would change and why; changes nothing. */
import type { Command } from 'commander';
import { type PlanFlags, planOptions } from '../options.ts';
import { json } from '../render/json.ts';
import { planMarkdown } from '../render/plan-markdown.ts';
import { planExit } from '../render/plan-parts.ts';
import { planText } from '../render/plan-text.ts';
import { survey } from '../survey.ts';
import type { CommonFlags, Deps } from './deps.ts';
import { examples, outputFlag, rootFlag, sizingFlags } from './flags.ts';
import { type Finish, runs } from './runs.ts';

type Flags = CommonFlags &
  PlanFlags & { readonly root?: string; readonly output: string; readonly detailedExitcode?: boolean };

/** Adds the command to the program. */
export function registerPlan(program: Command, deps: Deps, finish: Finish): void {
  const command = program
    .command('plan')
    .description('show what this host needs and every change as a diff; changes nothing, needs no root')
    .option('--detailed-exitcode', 'exit with 2 when changes are pending, 0 when there are none');
  outputFlag(rootFlag(sizingFlags(command)), ['text', 'json', 'markdown']);
  examples(command, [
    ['ctfix plan', 'what is wrong here and what would be changed'],
    ['ctfix plan --peak 400000', 'size the table for a peak that you expect'],
    ['ctfix plan --timeout tcp_established=86400', 'shorten a timeout as well'],
    ['ctfix plan -o markdown > change.md', 'for the change ticket'],
    ['ctfix plan -o json --detailed-exitcode', 'for a script: 0 nothing, 2 pending, 3 refused'],
  ]);
  runs<Flags>(command, finish, (flags) => runPlan(flags, deps));
}

async function runPlan(flags: Flags, deps: Deps): Promise<number> {
  const { facts, plan } = await survey(await deps.look(flags), planOptions(flags), deps);
  const report = { plan, facts, now: deps.now() };
  if (flags.output === 'json') deps.write(json(plan));
  else if (flags.output === 'markdown') deps.write(planMarkdown(report));
  else deps.write(planText(report, deps.view('stdout', flags)));
  return planExit(plan, flags.detailedExitcode === true);
}
