// The real programs at work on trees of files, one tree after the other, in a private root; and the same tree as ctfix
// sees it.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ReadHost } from '../../src/host/host.ts';
import { sysrootHost } from '../../src/host/sysroot.ts';
import { oracleRoot, type Suite } from './root.ts';

/** A file of a tree: its text, where a link points, or neither for a directory. */
export type File = { readonly text: string } | { readonly link: string } | { readonly dir: true };
export type Files = Readonly<Record<string, File>>;

/** What a program said, and what is in the files below /proc/sys after it. */
export type Answer = {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly values: Readonly<Record<string, string>>;
};

/** `merged`: /lib is a link to usr/lib; `split`: a directory of its own. */
export type Layout = 'merged' | 'split';

type Asked = {
  readonly files: Files;
  readonly cmdline?: string;
  /** files below /proc/sys: plain ones, which take any value */
  readonly keys?: readonly string[];
  readonly run: readonly (readonly string[])[];
};

export type Programs = {
  /** the tree that was asked for last, and its /proc/sys, as ctfix sees a live host */
  readonly host: ReadHost;
  ask(asked: Asked): Promise<readonly Answer[]>;
  close(): Promise<void>;
};

/** The directories of a family that the programs read; the first four are there in both layouts. */
export const dirsOf = (family: string, layout: Layout) =>
  ['/etc', '/run', '/usr/local/lib', '/usr/lib', ...(layout === 'split' ? ['/lib'] : [])].map((d) => `${d}/${family}`);

/** Starts the driver in the root of a release. */
export async function programs(suite: Suite, layout: Layout): Promise<Programs> {
  const root = await oracleRoot(suite);
  const mount = mkdtempSync(join(tmpdir(), 'ctfix-oracle-'));
  const enter = [join(import.meta.dirname, 'enter.sh'), root, mount, layout];
  const child = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', ...enter], { stdio: 'pipe' });
  child.stdin.on('error', () => {}); // it has ended: the next answer says why
  const answers = lines(child);
  const places = ['sysctl.d', 'modprobe.d'].flatMap((family) => dirsOf(family, layout));
  const host = { ...sysrootHost(`/proc/${child.pid}/root`), kind: 'live' as const };
  return {
    host,
    ask: async ({ files, cmdline = 'quiet', keys = [], run }) => {
      child.stdin.write(`${JSON.stringify({ places: [...places, '/etc/sysctl.conf'], files, cmdline, keys, run })}\n`);
      const answer: unknown = JSON.parse(await answers());
      return answer as readonly Answer[];
    },
    close: async () => {
      child.stdin.end();
      await new Promise((resolve) => child.once('close', resolve));
      rmdirSync(mount);
    },
  };
}

/** The next line of the driver; fails with what it said on stderr when there is none any more. */
function lines(child: ChildProcessWithoutNullStreams): () => Promise<string> {
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const reader = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async () => {
    const { value, done } = await reader.next();
    if (done) throw new Error(`the driver has ended: ${said}`);
    return value;
  };
}
