/** What `--verbose` tells: every look at the host and every change of it, in the order in which they happen. */
import { argvOf } from '../command.ts';
import type { Host, ReadHost } from '../host/host.ts';
import { escapeLine } from '../render/escape.ts';

/** The same host; `note` gets a line for every file, directory, link and program that is read. */
export function traced(inner: ReadHost, note: (text: string) => void): ReadHost {
  const { stream } = inner;
  const tell = (what: string, target: string) => note(`${what} ${escapeLine(target)}\n`);
  return {
    ...inner,
    readFile: (path) => {
      tell('read', path);
      return inner.readFile(path);
    },
    readDir: (path) => {
      tell('list', path);
      return inner.readDir(path);
    },
    readLink: (path) => {
      tell('link', path);
      return inner.readLink(path);
    },
    stat: (path) => {
      tell('stat', path);
      return inner.stat(path);
    },
    run: (argv, options) => {
      tell('run ', argv.join(' '));
      return inner.run(argv, options);
    },
    ...(stream !== undefined && {
      stream: (argv: readonly [string, ...string[]]) => {
        tell('run ', argv.join(' '));
        return stream(argv);
      },
    }),
  };
}

/** The same for a host that is changed; what is written is told as well. */
export function tracedChanges(inner: Host, note: (text: string) => void): Host {
  const tell = (what: string, target: string) => note(`${what} ${escapeLine(target)}\n`);
  return {
    ...inner,
    ...traced(inner, note),
    replaceFile: (path, file) => {
      tell(file === undefined ? 'remove' : 'write', path);
      return inner.replaceFile(path, file);
    },
    replaceLink: (path, target) => {
      tell(target === undefined ? 'remove' : 'link', path);
      return inner.replaceLink(path, target);
    },
    writeValue: (path, value) => {
      tell('write', `${value} to ${path}`);
      return inner.writeValue(path, value);
    },
    perform: (command, options) => {
      tell('do  ', argvOf(command).join(' '));
      return inner.perform(command, options);
    },
  };
}
