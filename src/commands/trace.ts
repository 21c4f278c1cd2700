/** What `--verbose` tells: every look at the host, in the order in which it happens. */
import type { ReadHost } from '../host/host.ts';
import { escapeLine } from '../render/escape.ts';

/** The same host; `note` gets a line for every file, directory, link and program that is read. */
export function traced<H extends ReadHost>(inner: H, note: (text: string) => void): H {
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
  };
}
