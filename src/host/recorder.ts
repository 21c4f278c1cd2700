/** Records what is read of a host, and nothing else, without names and addresses: a bug report that becomes a test. */

import { HostError } from '../errors.ts';
import type { FileStat, ReadHost, RunResult } from './host.ts';
import { COMMANDS_FILE, HOST_FILE, type Recording } from './recorded.ts';

/** What is worth keeping. */
export type Thin = {
  /** of a text; `name` is a path or the words of a command; undefined leaves the thing out */
  text(name: string, text: string): string | undefined;
  /** of the names in a directory */
  names(dir: string, names: readonly string[]): readonly string[];
  /** of links, path → target; all of them unless told */
  links?(links: ReadonlyMap<string, string>): readonly (readonly [string, string])[];
};

/**
 * A host that notes what is read through it.
 * @param inner the host that answers
 * @param thin takes out what facts do not look at
 * @returns the host to gather from, and `files`, which gives the recording's files afterwards: relative path → text,
 *   for the caller to write
 */
export function recorder(
  inner: ReadHost,
  thin: Thin,
): { host: ReadHost; files(): Promise<Readonly<Record<string, string>>> } {
  const noted = {
    files: new Map<string, string>(),
    commands: new Map<string, RunResult>(),
    links: new Map<string, string>(),
    dirs: new Map<string, readonly string[]>(),
    stats: new Map<string, FileStat>(),
    errors: new Map<string, { code: string; message: string }>(),
  };
  const note = <T>(path: string, into: Map<string, T>, read: Promise<T | undefined>) =>
    read.then(
      (found) => {
        if (found !== undefined) into.set(path, found);
        return found;
      },
      (error: unknown) => {
        if (error instanceof HostError) noted.errors.set(path, { code: error.code, message: error.message });
        throw error;
      },
    );
  const host: ReadHost = {
    kind: inner.kind,
    root: inner.root,
    readFile: (path) => note(path, noted.files, inner.readFile(path)),
    readDir: async (path) => (await note(path, noted.dirs, inner.readDir(path))) ?? [],
    readLink: (path) => note(path, noted.links, inner.readLink(path)),
    stat: (path) => note(path, noted.stats, inner.stat(path)),
    async run(argv, options) {
      const result = await inner.run(argv, options);
      noted.commands.set(argv.join(' '), result);
      return result;
    },
  };
  return { host, files: async () => written(noted, inner.root, thin, scrubber(await namesOf(inner))) };
}

type Noted = {
  readonly [key in Exclude<keyof Required<Recording>, 'root'>]: ReadonlyMap<
    string,
    NonNullable<Recording[key]>[string]
  >;
};

function written(
  noted: Noted,
  root: boolean,
  thin: Thin,
  scrub: (text: string) => string,
): Readonly<Record<string, string>> {
  const files: Record<string, string> = {};
  const dropped = new Set<string>();
  for (const [path, text] of noted.files) {
    const kept = thin.text(path, text);
    if (kept === undefined) dropped.add(path);
    else files[`root${path}`] = isFixed(path) ? kept : scrub(kept);
  }
  const commands = [...noted.commands].map(([words, result]): [string, RunResult] => {
    const stdout = scrub(thin.text(words, result.stdout) ?? '');
    return [words, { code: result.code, stdout, stderr: scrub(result.stderr) }];
  });
  const known = new Set(
    [noted.links, noted.stats]
      .flatMap((map) => [...map.keys()])
      .concat(Object.keys(files).map((name) => name.slice(4))),
  );
  const dirs = [...noted.dirs].flatMap(([path, names]) => {
    const kept = thin
      .names(path, names)
      .filter(
        (name) =>
          !known.has(`${path}/${name}`) &&
          ![`${path}/${name}`, `${path}/${name}/comm`].some((each) => dropped.has(each)),
      );
    return kept.length > 0 ? [[path, kept]] : [];
  });
  const host = {
    root,
    links: Object.fromEntries((thin.links?.(noted.links) ?? [...noted.links]).filter(([path]) => !dropped.has(path))),
    dirs: Object.fromEntries(dirs),
    stats: Object.fromEntries(
      [...noted.stats].map(([path, { kind, mode, uid, gid, inode }]) => [path, { kind, mode, uid, gid, inode }]),
    ),
    errors: Object.fromEntries(noted.errors),
  };
  files[COMMANDS_FILE] = json(Object.fromEntries(commands));
  files[HOST_FILE] = scrub(json(host));
  files['NOTES.md'] = 'Recorded with `ctfix facts --record`. Host names, addresses and the machine id are replaced.\n';
  return files;
}

/** Names of the distribution and of the kernel stay: a host that is called `debian` must not lose its os-release. */
function isFixed(path: string): boolean {
  return /^\/(proc|sys)\/|\/os-release$/.test(path) && path !== '/proc/cmdline';
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** The names that must not go out. */
async function namesOf(inner: ReadHost): Promise<{ hosts: readonly string[]; machineId: string | undefined }> {
  const read = (path: string) =>
    inner.readFile(path).then(
      (text) => text?.trim(),
      () => undefined,
    );
  const full = [await read('/proc/sys/kernel/hostname'), await read('/etc/hostname')].filter(
    (name) => name !== undefined,
  );
  const hosts = full.flatMap((name) => [name, name.split('.')[0] ?? '']);
  const machineId = await read('/etc/machine-id');
  return {
    hosts: [...new Set(hosts)].filter((name) => name.length > 1 && name !== 'localhost'),
    machineId: machineId || undefined,
  };
}

/**
 * Replaces names and addresses, the same one always by the same stand-in: documentation ranges of RFC 5737, 3849 and
 * 7042. Loopback, unspecified, multicast and netmask-like addresses stay, they tell nothing about anybody.
 */
export function scrubber(names: {
  hosts: readonly string[];
  machineId?: string | undefined;
}): (text: string) => string {
  // Loaded here: node:net brings streams with it, which nothing else at a start needs.
  const { isIPv4, isIPv6 } = process.getBuiltinModule('node:net');
  const stand = standIns();
  const words = names.hosts
    .map((name) => name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    .sort((a, b) => b.length - a.length);
  const host = words.length === 0 ? undefined : new RegExp(`(?<![\\w.-])(?:${words.join('|')})(?![\\w-])`, 'g');
  return (text) => {
    const named = names.machineId === undefined ? text : text.replaceAll(names.machineId, '1'.padStart(32, '0'));
    return (host === undefined ? named : named.replace(host, 'host'))
      .replace(/\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/gi, (mac) => stand('mac', mac))
      .replace(/(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])/gi, (found) =>
        isIPv6(found) && !/^(::1?|ff.*)$/i.test(found) ? stand('v6', found) : found,
      )
      .replace(/(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])/g, (found) =>
        isIPv4(found) && !/^(0|127|22[4-9]|23\d|25[0-5])\./.test(found) ? stand('v4', found) : found,
      );
  };
}

function standIns(): (kind: 'mac' | 'v4' | 'v6', found: string) => string {
  const known = new Map<string, string>();
  const counts = { mac: 0, v4: 0, v6: 0 };
  return (kind, found) => {
    const key = found.toLowerCase();
    const before = known.get(key);
    if (before !== undefined) return before;
    const n = ++counts[kind];
    const hex = n.toString(16);
    const v4 = n < 255 ? `192.0.2.${n}` : `198.18.${(n >> 8) & 255}.${n & 255}`;
    const stand =
      kind === 'mac' ? `00:00:5e:00:53:${hex.padStart(2, '0').slice(-2)}` : kind === 'v4' ? v4 : `2001:db8::${hex}`;
    known.set(key, stand);
    known.set(stand, stand); // a text that is scrubbed twice stays as it is
    return stand;
  };
}
