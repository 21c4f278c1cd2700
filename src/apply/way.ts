/** The way to a file, followed as the kernel does, on any host: every directory and link on it is judged. Reads only. */
import type { FileStat, ReadHost } from '../host/host.ts';

/** As many links as the kernel follows (path_resolution(7): 40). */
const MAX_LINKS = 40;

/** Why something on the way is not to be trusted; undefined when it is. */
export type Judge = (path: string, stat: FileStat) => string | undefined;

/**
 * The real path, `/`, every directory and link on the way and what is at its end judged.
 * @param absent why a part that does not exist is one too many; undefined: it is taken literally, for it can be made
 */
export async function follow(
  host: ReadHost,
  path: string,
  judge: Judge,
  absent?: (path: string) => string,
): Promise<{ readonly real: string } | { readonly why: string }> {
  const todo = parts(path);
  let done: string[] = [];
  let links = 0;
  const root = await host.stat('/');
  const bad = root && judge('/', root);
  if (bad !== undefined) return { why: bad };
  for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
    if (part === '..') {
      done.pop();
      continue;
    }
    const here = `/${[...done, part].join('/')}`;
    const stat = await host.stat(here);
    const why = stat === undefined ? absent?.(here) : judge(here, stat);
    if (why !== undefined) return { why };
    const target = stat?.kind === 'link' ? await host.readLink(here) : undefined;
    if (target === undefined) done.push(part);
    else {
      links += 1;
      if (links > MAX_LINKS) return { why: `${path} leads through too many links` };
      if (target.startsWith('/')) done = [];
      todo.unshift(...parts(target));
    }
  }
  return { real: `/${done.join('/')}` };
}

const parts = (path: string): string[] => path.split('/').filter((part) => part !== '' && part !== '.');
