/** `ctfix perform ID`: carries out a plan that another ctfix has handed over; called by the service of a reload alone. */
import type { Command } from 'commander';
import type { CommonFlags, Deps } from './deps.ts';
import { examples } from './flags.ts';
import { type Finish, runs } from './runs.ts';

/** Adds the command to the program, out of sight. */
export function registerPerform(program: Command, deps: Deps, finish: Finish): void {
  const command = program
    .command('perform', { hidden: true })
    .description('carry out a plan that was handed over; for ctfix itself')
    .argument('<id>', 'the name under which it was handed over');
  examples(command, [['ctfix perform 20261124-054512-1a2b', 'what the service of a reload runs']]);
  runs<CommonFlags>(command, finish, async (_flags, id) =>
    (await import('./perform-run.ts')).runPerform(id ?? '', deps),
  );
}
