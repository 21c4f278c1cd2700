#!/usr/bin/env node
/** The composition root: arguments, environment and terminals become what the commands need. */
import { realpathSync, statSync } from 'node:fs';
import sysctl from '../templates/90-ctfix-conntrack.conf';
import udev from '../templates/90-ctfix-conntrack.rules';
import install from '../templates/90-ctfix-install.conf';
import recoverUnit from '../templates/ctfix-recover.service';
import modprobe from '../templates/nf_conntrack.conf';
import { askOn } from './ask.ts';
import type { Deps } from './commands/deps.ts';
import { runProgram } from './commands/program.ts';
import { traced, tracedChanges } from './commands/trace.ts';
import { CtfixError, EXIT } from './errors.ts';
import { conversationAt, isSameTerminal } from './host/conversation.ts';
import type { ReadHost } from './host/host.ts';
import { localHost } from './host/local.ts';
import { beginWithoutNodeVariables } from './host/node-variables.ts';
import { readOnly } from './host/read-only.ts';
import { catchSignals } from './host/signals.ts';
import { errorText } from './render/error.ts';

const { env } = process;
const isRoot = process.geteuid?.() === 0;
/** The conversation, progress above all: a terminal that is stopped must not hold a change up, a reload with its guard least. */
const note = (text: string) => {
  const there = conversation();
  if (there === undefined) stderr().write(text);
  else there.write(text);
};
/** After all of the conversation. */
const write = (text: string) => {
  const there = conversation();
  if (there?.isBehind() === true && isSameTerminal(1, 2)) there.write(text);
  else stdout().write(text);
};

/** Node makes a stream when it is first asked for, which costs milliseconds: nobody asks for one that is not used. */
const stdout = once(() => process.stdout.on('error', onStreamError));
const stderr = once(() => process.stderr.on('error', () => undefined));
const conversation = once(() => conversationAt(2));

const deps: Deps = {
  look: async ({ root, verbose }) => (verbose ? traced(await readable(root), note) : readable(root)),
  change: async ({ verbose }) => (verbose ? tracedChanges(localHost(), note) : localHost()),
  ask: (question) => askOn(process.stdin, process.stderr)(question),
  write,
  note,
  view: (stream, flags) => ({
    colour: flags.color && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb' && process[stream].isTTY === true,
    unicode: process[stream].isTTY === true && /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || ''),
  }),
  now: () => new Date(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  input: () => process.stdin,
  watched: () => process.stderr.isTTY === true,
  interactive: () => process.stdin.isTTY === true && process.stderr.isTTY === true,
  openTerminal: async (inPlace) =>
    (await import('./host/screen.ts')).openTerminal(
      { stdin: process.stdin, stdout: stdout() },
      inPlace && env.TERM !== 'dumb',
    ),
  catchSignals: (way, hasBegun = () => true) =>
    catchSignals(way, hasBegun, {
      on: (signal, heard) => process.on(signal, heard),
      note,
      exit: (begun) => process.exit(begun ? EXIT.stuck : EXIT.failed),
    }),
  isRoot,
  recovery: () => ({ argv: ownWords(), unit: recoverUnit }),
  templates: { modprobe, sysctl, udev, install },
  version: CTFIX_VERSION,
  stateDir: '/var/lib/ctfix',
  lockPath: '/run/ctfix.lock',
};

/** This machine or a directory tree, without the methods that change anything. */
async function readable(root: string | undefined): Promise<ReadHost> {
  if (root !== undefined) {
    if (!isDirectory(root)) throw new CtfixError('usage', `--root: ${root} is no directory that can be read`);
    return (await import('./host/sysroot.ts')).sysrootHost(root);
  }
  return readOnly(localHost());
}

/** How this very program is run again, by absolute paths without links. */
function ownWords(): readonly [string, ...string[]] {
  return isExecutable() ? [process.execPath] : [process.execPath, realpathSync(process.argv[1] ?? '')];
}

/** The single executable, not the npm form. */
function isExecutable(): boolean {
  return process.getBuiltinModule('node:sea').isSea();
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** A reader or a terminal that went away is no error, least of all in the middle of a change; a full disk is one. */
function onStreamError(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE' || error.code === 'EIO') return;
  process.exitCode = EXIT.failed;
  note(`ctfix: the answer could not be written: ${error.message}\n`);
}

async function main(): Promise<void> {
  if (isRoot && isExecutable()) beginWithoutNodeVariables(process);
  try {
    process.exitCode = await runProgram(process.argv.slice(2), deps);
  } catch (error) {
    const { text, code } = errorText(
      error,
      `ctfix ${deps.version}, node ${process.version}, ${process.platform} ${process.arch}`,
    );
    note(text);
    process.exitCode = code;
  }
}

void main();
