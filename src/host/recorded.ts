/** A recorded host: what facts once read of a machine, in memory or in a folder of test data. */

import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { resolve } from 'node:path/posix';
import { HostError } from '../errors.ts';
import type { FileStat, ReadHost, RunResult } from './host.ts';

/** Everything absent from a recording does not exist on the recorded host. */
export type Recording = {
  /** was it recorded as root */
  readonly root?: boolean;
  /** texts by absolute path */
  readonly files?: Readonly<Record<string, string>>;
  /** results by the words of the command, joined by single spaces */
  readonly commands?: Readonly<Record<string, RunResult>>;
  /** link targets as written, by absolute path */
  readonly links?: Readonly<Record<string, string>>;
  /** names in directories; names of recorded files need not be repeated */
  readonly dirs?: Readonly<Record<string, readonly string[]>>;
  /** what differs from a plain root-owned file of mode 0644, or things without a text (sockets, directories) */
  readonly stats?: Readonly<Record<string, Partial<FileStat>>>;
  /** what could not be read */
  readonly errors?: Readonly<Record<string, { readonly code: string; readonly message: string }>>;
};

/** The files of a recording's folder beside `root/`. */
export const COMMANDS_FILE = 'commands.json';
export const HOST_FILE = 'host.json';

/** As many links in a row as Linux follows; path_resolution(7). */
const LINKS = 40;

/**
 * A host out of a recording in memory.
 * @returns a host on which nothing happens: a command that was not recorded ends with code 127
 */
export function recordedFrom(recording: Recording): ReadHost {
  const { files = {}, links = {}, dirs = {}, stats = {}, errors = {}, commands = {} } = recording;
  const children = childrenOf([files, links, stats, errors, dirs].flatMap(Object.keys), dirs);
  const check = (path: string) => {
    const error = own(errors, path);
    if (error !== undefined) throw new HostError(path, error.code, error.message);
  };
  const follow = (path: string, left = LINKS): string | undefined => {
    const target = own(links, path);
    if (target === undefined || left === 0) return target === undefined ? path : undefined;
    return follow(resolve(path, '..', target), left - 1);
  };
  return {
    kind: 'recorded',
    root: recording.root ?? false,
    async readFile(path) {
      check(path);
      const text = own(files, path);
      const end = text === undefined ? follow(path) : undefined;
      if (end !== undefined) check(end);
      return text ?? (end === undefined ? undefined : own(files, end));
    },
    async readDir(path) {
      check(path);
      return [...(children.get(follow(path) ?? path) ?? children.get(path) ?? [])].sort();
    },
    readLink: async (path) => own(links, path),
    async stat(path) {
      const kind =
        own(links, path) !== undefined
          ? 'link'
          : own(files, path) !== undefined
            ? 'file'
            : children.has(path)
              ? 'dir'
              : undefined;
      const told = own(stats, path);
      if (kind === undefined && told === undefined) return undefined;
      const mode = kind === 'link' ? 0o777 : kind === 'dir' ? 0o755 : 0o644;
      const size = Buffer.byteLength(own(files, path) ?? '');
      return { kind: kind ?? 'file', mode, uid: 0, gid: 0, inode: 1, links: 1, size, ...told };
    },
    async run(argv) {
      return recorded(commands, argv);
    },
    stream(argv) {
      const { stdout, ...rest } = recorded(commands, argv);
      const bytes = async function* () {
        yield new TextEncoder().encode(stdout);
      };
      return { bytes: bytes(), ended: Promise.resolve({ ...rest, stdout: '' }) };
    },
  };
}

function recorded(commands: NonNullable<Recording['commands']>, argv: readonly string[]): RunResult {
  return own(commands, argv.join(' ')) ?? { code: 127, stdout: '', stderr: `${argv[0]}: not recorded` };
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** Names by directory, from every path that is known. */
function childrenOf(
  paths: readonly string[],
  dirs: NonNullable<Recording['dirs']>,
): ReadonlyMap<string, ReadonlySet<string>> {
  const children = new Map<string, Set<string>>(Object.entries(dirs).map(([dir, names]) => [dir, new Set(names)]));
  for (const path of paths) {
    for (let at = path; at !== '/' && at !== ''; ) {
      const cut = at.lastIndexOf('/');
      const parent = at.slice(0, cut) || '/';
      const names = children.get(parent) ?? new Set();
      children.set(parent, names.add(at.slice(cut + 1)));
      at = parent;
    }
  }
  return children;
}

/**
 * A host out of a folder: `root/` (texts and links), commands.json, host.json (the rest of a Recording).
 * @param dir the folder; @throws when it is none or its JSON is broken
 */
export function recordedHost(dir: string): ReadHost {
  return recordedFrom(readRecording(dir));
}

/** The recording that a folder holds, for tests that change one thing about a host. */
export function readRecording(dir: string): Recording {
  const json = (name: string) => {
    const path = join(dir, name);
    return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  };
  const rest: Recording = json(HOST_FILE);
  const root = join(dir, 'root');
  const files: Record<string, string> = {};
  const links: Record<string, string> = { ...rest.links };
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const stat = lstatSync(join(root, name));
    if (stat.isFile()) files[`/${name}`] = readFileSync(join(root, name), 'utf8');
    if (stat.isSymbolicLink()) links[`/${name}`] = readlinkSync(join(root, name));
  }
  return { ...rest, files: { ...rest.files, ...files }, links, commands: json(COMMANDS_FILE) };
}
