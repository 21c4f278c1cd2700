/** The command line: every command in one tree, and the ways in which it can be used wrongly. */
import { Command, CommanderError } from 'commander';
import { CtfixError, EXIT } from '../errors.ts';
import { registerApply } from './apply.ts';
import { asPlugin, registerCheck } from './check.ts';
import { registerCompletion } from './completion.ts';
import { registerConfirm } from './confirm.ts';
import type { Deps } from './deps.ts';
import { registerDoctor } from './doctor.ts';
import { registerFacts } from './facts.ts';
import { examples } from './flags.ts';
import { registerHistory } from './history.ts';
import { notice } from './notice.ts';
import { registerPerform } from './perform.ts';
import { registerPlan } from './plan.ts';
import { registerRecover } from './recover.ts';
import { registerRollback } from './rollback.ts';
import type { Finish } from './runs.ts';
import { registerStatus } from './status.ts';
import { registerTop } from './top.ts';
import { registerVerify } from './verify.ts';

/** What EXIT says, for the reader of the help. */
const EXIT_CODES = [
  [EXIT.ok, 'done, or nothing to do'],
  [EXIT.failed, 'failed, nothing changed'],
  [EXIT.pending, 'changes pending (plan --detailed-exitcode), or findings (verify, doctor)'],
  [EXIT.refused, 'refused: a precondition does not hold, nothing touched'],
  [EXIT.stale, 'stale: the host is no longer as it was planned for, nothing touched'],
  [EXIT.rolledBack, 'failed and rolled back'],
  [EXIT.stuck, 'rollback began and could not finish: a person is needed'],
  [EXIT.usage, 'wrong usage, and apply without a terminal and without --yes'],
  [EXIT.notRoot, 'must be root'],
].map(([code, what]) => `  ${String(code).padStart(2)}  ${what}`);

/** The tree of commands; `finish` is called with the exit code of the one that runs. */
export function program(deps: Deps, finish: Finish): Command {
  const root = new Command('ctfix')
    .description('Repairs and prevents "nf_conntrack: table full, dropping packet" on this host.')
    .version(deps.version, '-V, --version', 'print the version')
    .option('--no-color', 'no colour, as with NO_COLOR in the environment or without a terminal')
    .option('-v, --verbose', 'tell on stderr which files are read and which commands are run')
    .helpOption('-h, --help', 'print help, for a command too')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({ writeOut: deps.write, writeErr: () => undefined, outputError: () => undefined });
  examples(root, [
    ['ctfix plan', 'what this host needs; changes nothing, needs no root'],
    ['sudo ctfix apply', 'make the change, after a question'],
    ['sudo ctfix rollback', 'take the last change back'],
  ]);
  root.addHelpText('after', `\nExit codes:\n${EXIT_CODES.join('\n')}`);
  for (const register of [
    registerPlan,
    registerApply,
    registerConfirm,
    registerVerify,
    registerRollback,
    registerHistory,
    registerStatus,
    registerDoctor,
    registerTop,
    registerCheck,
    registerFacts,
    registerCompletion,
    registerPerform,
    registerRecover,
  ]) {
    register(root, deps, finish);
  }
  root.hook('preAction', async (_, command) => {
    if (!KNOWING.includes(command.name()) && command.opts().root === undefined && command.opts().from === undefined)
      await notice(deps);
  });
  return root;
}

/** Commands whose answer is about that change already, those that look at no host, and the plugin, which says one line. */
const KNOWING: readonly string[] = ['confirm', 'rollback', 'status', 'check', 'perform', 'recover', 'completion'];

/**
 * Runs the command that the words ask for.
 * @param words without the program's own name
 * @returns the exit code
 * @throws CtfixError usage: words that are no command line of ours
 */
export async function runProgram(words: readonly string[], deps: Deps): Promise<number> {
  return asPlugin(words, () => parse(words, deps), deps);
}

async function parse(words: readonly string[], deps: Deps): Promise<number> {
  let code: number = EXIT.ok;
  const tree = program(deps, (finished) => {
    code = finished;
  });
  try {
    await tree.parseAsync(words, { from: 'user' });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.ok;
    if (error.code === 'commander.help') throw noCommand(words);
    throw usageError(error.message, words);
  }
}

/** Commander would print its help where no command is named; that is an answer nobody asked for. */
function noCommand(words: readonly string[]): CtfixError {
  const named = words.find((word, at) => at > 0 && words[0] === 'help' && !word.startsWith('-'));
  const what = named === undefined ? 'a command is missing' : `there is no command ${named}`;
  return new CtfixError('usage', what, {
    hint: 'ctfix plan shows what this host needs; ctfix --help shows the rest',
  });
}

/** Commander's sentence as one of ours, with the help that fits. */
function usageError(message: string, words: readonly string[]): CtfixError {
  const [first = '', ...more] = message.replace(/^error: /, '').split('\n');
  const named = first.startsWith('unknown command') ? undefined : words.find((word) => /^[a-z]+$/.test(word));
  const help = named === undefined ? 'ctfix --help' : `ctfix ${named} --help`;
  const suggestion = more.join(' ').replace(/^\((.*)\)$/, '$1 ');
  return new CtfixError('usage', first, { hint: `${suggestion}${help} shows what is allowed` });
}
