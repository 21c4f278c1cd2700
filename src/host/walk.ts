/** Follows a path component by component, so that every link and every directory on the way can be judged. */

import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { posix } from 'node:path';
import { HostError } from '../errors.ts';
import { errnoOf } from './sentence.ts';

/** As many links as the kernel follows (path_resolution(7): 40). */
const MAX_LINKS = 40;

export type Walk = {
  /** a directory that `/` and `..` never leave, without a final slash; '' is the real root */
  readonly root: string;
  /** whether a link at the very end is followed too */
  readonly followLast: boolean;
  /** sees every directory on the way and every link, before it is passed; throws to stop */
  judge?(path: string, stat: Stats): void;
};

/**
 * The real path of `path` below `walk.root`: absolute links start again at that root, `..` stops there.
 * What does not exist is taken literally, so that the path of a file to be made can be asked for.
 * @throws HostError ELOOP after 40 links; whatever `judge` and lstat(2) throw
 */
export function walkPath(path: string, walk: Walk): string {
  const todo = parts(path);
  let done: string[] = [];
  let links = 0;
  if (walk.judge !== undefined) walk.judge(walk.root || '/', lstatSync(walk.root || '/'));
  for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
    if (part === '..') {
      done.pop();
      continue;
    }
    const here = `${walk.root}/${[...done, part].join('/')}`;
    const stat = lstatOrNothing(here);
    const last = todo.length === 0;
    if (stat?.isSymbolicLink() && (!last || walk.followLast)) {
      walk.judge?.(here, stat);
      links += 1;
      if (links > MAX_LINKS) throw new HostError(path, 'ELOOP', `${path} leads through more than ${MAX_LINKS} links`);
      const target = readlinkSync(here);
      if (target.startsWith('/')) done = [];
      todo.unshift(...parts(target));
      continue;
    }
    if (stat?.isDirectory()) walk.judge?.(here, stat);
    done.push(part);
  }
  return `${walk.root}/${done.join('/')}`;
}

function parts(path: string): string[] {
  return path.split(posix.sep).filter((part) => part !== '' && part !== '.');
}

function lstatOrNothing(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}
