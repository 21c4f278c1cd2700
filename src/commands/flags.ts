/** Flags and help that several commands share. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  addTimeout,
  parseHashsize,
  parseHeadroom,
  parseInterval,
  parseMax,
  parseMemoryLimit,
  parsePeak,
  parseRatio,
  STRATEGIES,
  WATCH_SECONDS,
} from '../options.ts';

/** The flags that say what the table should be; plan and apply have them in common. */
export function sizingFlags(command: Command): Command {
  return command
    .addOption(new Option('--max <n>', 'plan exactly this many flows (nf_conntrack_max)').argParser(parseMax))
    .addOption(
      new Option('--hashsize <n>', 'plan this many buckets, rounded up as the kernel does').argParser(parseHashsize),
    )
    .option('--precaution', 'raise a healthy host to the size that its memory suggests')
    .addOption(
      new Option('--ratio <n>', 'flows for each bucket when the table is full; 1 unless told').argParser(parseRatio),
    )
    .addOption(new Option('--peak <n>', 'the largest number of flows you have seen or expect').argParser(parsePeak))
    .addOption(new Option('--headroom <x>', 'plan this many times the peak; 2 unless told').argParser(parseHeadroom))
    .addOption(
      new Option('--memory-limit <size>', 'what a full table may cost, as 5% or 512M; 5% unless told').argParser(
        parseMemoryLimit,
      ),
    )
    .option('--allow-shrink', 'let max and buckets become smaller than they are, never below the present flows')
    .addOption(
      new Option('--timeout <name=seconds>', 'set a timeout, as tcp_established=86400; may be given again').argParser(
        addTimeout,
      ),
    )
    .addOption(
      new Option('--strategy <name>', 'how to make the change; auto takes live or persist').choices(STRATEGIES),
    )
    .option('--no-guard', 'reload without the filter that keeps the host closed while its firewall is down')
    .option('--no-carry', 'reload without carrying the flows over: every connection is forgotten')
    .option('--take-over', 'also change the later file or setting that would win over the planned values');
}

/** `--root DIR`: a directory tree instead of this machine. */
export function rootFlag(command: Command): Command {
  return command.addOption(
    new Option('--root <dir>', 'work on the files of this directory tree; its kernel stays unknown').argParser(
      directory,
    ),
  );
}

/** `--watch [SECONDS]`: the value is the number of seconds between two looks. */
export function watchFlag(command: Command): Command {
  return command.addOption(
    new Option('--watch [seconds]', 'look again and again until q or Ctrl-C; every 2 seconds unless told')
      .preset(String(WATCH_SECONDS))
      .argParser(parseInterval),
  );
}

/** `-o, --output`, with the formats of this command; the first one is the default. */
export function outputFlag(command: Command, formats: readonly [string, ...string[]]): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'form of the answer').choices(formats).default(formats[0]),
  );
}

/** Adds examples below the help: a command line and what it is for. */
export function examples(command: Command, lines: readonly (readonly [string, string])[]): Command {
  const width = Math.max(...lines.map(([line]) => line.length));
  const rows = lines.map(([line, what]) => `  ${line.padEnd(width)}  # ${what}`);
  return command.addHelpText('after', `\nExamples:\n${rows.join('\n')}`);
}

/** The value of a flag that names a file. */
export function fileName(path: string): string {
  if (path === '') throw new InvalidArgumentError('It names no file.');
  return path;
}

function directory(path: string): string {
  if (path === '') throw new InvalidArgumentError('It names no directory.');
  return path;
}
