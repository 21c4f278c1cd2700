/** This machine: its files, its kernel's values, its programs. The only file that starts a child process. */
import { constants as osConstants } from 'node:os';
import { argvOf } from '../command.ts';
import { PROGRAM_DIRS } from '../programs.ts';
import { readNames, readStat, readTarget, readText } from './files.ts';
import type { ByteStream, Host, RunOptions, RunResult } from './host.ts';
import { removeFile, replaceFile, replaceLink } from './replace.ts';
import { writeKernelValue } from './value.ts';

/**
 * All that a child gets to know. Locale C is the one that every system has; messages come in English. Nothing of the
 * caller's environment (LD_*, NODE_*, PATH, LC_*) goes through.
 */
const ENVIRONMENT = { PATH: PROGRAM_DIRS.join(':'), LC_ALL: 'C' };

const LIMIT_MS = 30_000;
/** Characters that a child may print: some 2,500,000 saved flows, below the longest string of V8 (2^29). */
const MAX_OUTPUT = 500_000_000;
/** How long a child has to end after SIGTERM, before SIGKILL, and once more before it is given up. */
const GRACE_MS = 2_000;

type Argv = readonly [string, ...string[]];

/** The machine that this process runs on. */
export function localHost(): Host {
  const run = (argv: Argv, options: RunOptions = {}) => runProgram(argv, options);
  return {
    kind: 'live',
    root: process.geteuid?.() === 0,
    readFile: async (path) => readText(path),
    readDir: async (path) => readNames(path),
    readLink: async (path) => readTarget(path),
    stat: async (path) => readStat(path),
    run,
    stream: runStream,
    replaceFile: async (path, file) => (file === undefined ? removeFile(path) : replaceFile(run, path, file)),
    replaceLink: async (path, target) => replaceLink(path, target),
    writeValue: async (path, value) => writeKernelValue(path, value),
    perform: (command, options = {}) => run(argvOf(command), options),
  };
}

/**
 * How every program is run: without a shell, in `/`, in a session of its own: a Ctrl-C on the terminal is for ctfix, which
 * looks at it between two steps, and never ends a child in the middle of one.
 */
const CHILD = {
  env: ENVIRONMENT,
  extendEnv: false,
  cwd: '/',
  detached: true,
  reject: false,
  forceKillAfterDelay: GRACE_MS,
} as const;

/** Runs a program to its end. */
async function runProgram(argv: Argv, options: RunOptions): Promise<RunResult> {
  // Loaded only here: a plan that needs no child does not pay for it.
  const { execa } = await import('execa');
  const [program, ...words] = argv;
  const limit = options.timeoutMs ?? LIMIT_MS;
  const child = execa(program, words, {
    ...CHILD,
    stripFinalNewline: false,
    maxBuffer: MAX_OUTPUT,
    timeout: limit,
    ...(options.cancel !== undefined && { cancelSignal: options.cancel }),
    ...(options.inherit === true && { stdout: 'inherit' as const, stderr: 'inherit' as const }),
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
  });
  const ended = child.then((result): RunResult => {
    const { stdout = '', stderr = '' } = result;
    if (result.timedOut) return { code: 124, stdout, stderr: `${stderr}${program} did not end in ${limit} ms` };
    if (result.isMaxBuffer) return { code: 124, stdout, stderr: `${stderr}${program} wrote more than can be held` };
    if (result.exitCode !== undefined) return { code: result.exitCode, stdout, stderr };
    const code = unstarted(result.code, result.signal);
    const why = { 126: `${program} cannot be run`, 127: `${program} is not there` }[code] ?? `${program} was killed`;
    return { code, stdout, stderr: stderr || why };
  });
  if (limit === 0) return ended;
  return giveUp(ended, limit + 2 * GRACE_MS, () => {
    child.unref();
    child.stdout?.destroy();
    child.stderr?.destroy();
    return { code: 124, stdout: '', stderr: `${program} cannot be ended: it is stuck in the kernel` };
  });
}

/** How long a listing may take: a table of many millions on a slow machine, whose kernel starts over for every piece. */
const STREAM_LIMIT_MS = 3_600_000;

/** A program whose output is taken as it comes; nothing of it is kept. When nobody takes it any more, the program ends. */
function runStream([program, ...words]: Argv): ByteStream {
  const started = import('execa').then(({ execa }) => {
    const child = execa(program, words, {
      ...CHILD,
      stdin: 'ignore',
      buffer: { stdout: false, stderr: true },
      timeout: STREAM_LIMIT_MS,
    });
    // In an object: a promise for a child would be one for its end.
    return { child };
  });
  const bytes = async function* (): AsyncGenerator<Uint8Array> {
    yield* (await started).child.stdout;
  };
  const ended = async (): Promise<RunResult> => {
    const { exitCode, code, signal, stderr } = await (await started).child;
    return { code: exitCode ?? unstarted(code, signal), stdout: '', stderr };
  };
  return { bytes: bytes(), ended: ended() };
}

/** A code for a child that has none: as a shell gives it (127 not found, 126 not to be run, 128 + signal). */
function unstarted(code: string | undefined, signal: string | undefined): number {
  if (signal !== undefined) return 128 + (osConstants.signals[signal as NodeJS.Signals] ?? 0);
  return code === 'ENOENT' ? 127 : 126;
}

/** Not even SIGKILL ends a child that spins in the kernel, and a grandchild may hold its output open: wait no longer. */
async function giveUp<T>(ended: Promise<T>, ms: number, otherwise: () => T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(otherwise()), ms);
  });
  try {
    return await Promise.race([ended, late]);
  } finally {
    clearTimeout(timer);
  }
}
