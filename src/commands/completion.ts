/** `ctfix completion`: a script that teaches a shell our words. */
import { Argument, type Command } from 'commander';
import { EXIT } from '../errors.ts';
import { type CommandShape, completion, SHELLS, type Shell } from '../render/completion.ts';
import type { Deps } from './deps.ts';
import { examples } from './flags.ts';
import { type Finish, runs } from './runs.ts';

/** Adds the command to the program. */
export function registerCompletion(program: Command, deps: Deps, finish: Finish): void {
  const command = program
    .command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<shell>', 'the shell that will read it').choices(SHELLS));
  examples(command, [
    ['source <(ctfix completion bash)', 'for this shell'],
    ['ctfix completion fish > ~/.config/fish/completions/ctfix.fish', 'for good'],
  ]);
  runs(command, finish, async (_flags, shell) => {
    deps.write(completion(shell as Shell, program.createHelp().visibleCommands(program).map(shapeOf)));
    return EXIT.ok;
  });
}

/** What a completion script needs to know of a command. */
function shapeOf(command: Command): CommandShape {
  const all = [...command.options, ...(command.parent?.options ?? [])].filter((option) => !option.hidden);
  return {
    name: command.name(),
    description: command.description(),
    words: command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
    options: all.map((option) => ({
      names: [option.short, option.long].filter((name) => name !== undefined && name !== null),
      description: option.description,
      takes: !option.required ? 'nothing' : option.flags.endsWith('<dir>') ? 'directory' : 'value',
      values: option.argChoices ?? [],
    })),
  };
}
