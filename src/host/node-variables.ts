/** The executable of root listens to no variable of Node's: it begins anew without them. */

/** The process, as far as this goes. */
export type Executable = {
  readonly env: NodeJS.ProcessEnv;
  readonly execPath: string;
  readonly argv0: string;
  readonly argv: readonly string[];
  /** execve(2): the same process, another program; Node has it from 22.15 on */
  execve?(path: string, argv: readonly string[], env: NodeJS.ProcessEnv): void;
};

/**
 * Runs the executable again, as the same process, where the caller has set a variable that Node reads: NODE_V8_COVERAGE
 * and NODE_REDIRECT_WARNINGS make it write files wherever they point, and not before its end. What Node does with one
 * before the first line of ours cannot be undone: it makes the directory of NODE_COMPILE_CACHE, with nothing in it.
 */
export function beginWithoutNodeVariables({ env, execPath, argv0, argv, execve }: Executable): void {
  const names = Object.keys(env).filter((name) => !name.startsWith('NODE_'));
  if (names.length === Object.keys(env).length) return;
  execve?.(execPath, [argv0, ...argv.slice(2)], Object.fromEntries(names.map((name) => [name, env[name]])));
}
