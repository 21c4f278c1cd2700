/** Careful reading: what is absent stays undefined, what cannot be read becomes a problem or an unknown, never a throw. */
import type { FileStat, ReadHost } from '../host/host.ts';
import type { Maybe, Problem } from '../model.ts';

/** A host seen through reads that cannot fail: every file is read once, every unreadable one is in `problems`. */
export type Look = {
  readonly host: ReadHost;
  /** grows while facts are gathered */
  readonly problems: Problem[];
  /** Text of a file of the configuration; undefined when absent, and when unreadable (then there is a problem). */
  text(path: string): Promise<string | undefined>;
  /** One trimmed value of the kernel; unknown when absent or unreadable, with the reason. */
  value(path: string): Promise<Maybe<string>>;
  /** The same without a reason: undefined when absent or unreadable. */
  peek(path: string): Promise<string | undefined>;
  /** Text as it is now, not as it was read before; undefined when absent, unknown when unreadable. */
  fresh(path: string): Promise<Maybe<string> | undefined>;
  /** Names in a directory; [] when absent, and when unreadable (then there is a problem). */
  dir(path: string): Promise<readonly string[]>;
  /** Where a link points, as written; undefined when it is none. */
  link(path: string): Promise<string | undefined>;
  /** The same for a link that root alone may follow: undefined without a problem. */
  glance(path: string): Promise<string | undefined>;
  /** lstat; undefined when there is nothing to be seen. */
  stat(path: string): Promise<FileStat | undefined>;
};

/** The sentence of an error that a host reports about a path; anything else is a bug of ours and thrown on. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'HostError') return error.message;
  throw error;
}

/**
 * Wraps a host.
 * @param host the host to look at
 * @returns reads that never throw for what the host looks like
 */
export function lookAt(host: ReadHost): Look {
  const problems: Problem[] = [];
  const texts = new Map<string, Promise<Maybe<string | undefined>>>();
  const read = (path: string) => {
    const found = texts.get(path) ?? host.readFile(path).catch((error) => ({ unknown: reasonOf(error) }));
    texts.set(path, found);
    return found;
  };
  const reported = new Set<string>();
  /** Told once, however often it is met. */
  const report = (file: string, what: string) => {
    if (!reported.has(`${file}\n${what}`)) problems.push({ file, what, unread: true });
    reported.add(`${file}\n${what}`);
  };
  const complain =
    <T>(path: string, instead: T) =>
    (error: unknown) => {
      report(path, reasonOf(error));
      return instead;
    };
  return {
    host,
    problems,
    async text(path) {
      const text = await read(path);
      if (typeof text !== 'object') return text;
      report(path, text.unknown);
      return undefined;
    },
    async value(path) {
      const text = await read(path);
      return typeof text === 'string' ? text.trim() : (text ?? { unknown: `${path} does not exist` });
    },
    async peek(path) {
      const text = await read(path);
      return typeof text === 'string' ? text : undefined;
    },
    fresh: (path) => host.readFile(path).catch((error) => ({ unknown: reasonOf(error) })),
    dir: (path) => host.readDir(path).catch(complain<readonly string[]>(path, [])),
    link: (path) => host.readLink(path).catch(complain(path, undefined)),
    glance: (path) =>
      host.readLink(path).catch((error) => {
        reasonOf(error);
        return undefined;
      }),
    stat: (path) => host.stat(path).catch(complain(path, undefined)),
  };
}
