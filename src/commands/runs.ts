/** How a command's work is tied to its name: the flags in, the exit code out. */
import type { Command } from 'commander';
import type { CommonFlags } from './deps.ts';

/** Takes the exit code of the command that ran. */
export type Finish = (code: number) => void;

/** Makes `run` the work of the command; `argument` is the optional word after the command's name. */
export function runs<Flags extends CommonFlags>(
  command: Command,
  finish: Finish,
  run: (flags: Flags, argument: string | undefined) => Promise<number>,
): void {
  command.action(async (...args: unknown[]) => {
    const argument = typeof args[0] === 'string' ? args[0] : undefined;
    finish(await run(command.optsWithGlobals<Flags>(), argument));
  });
}
