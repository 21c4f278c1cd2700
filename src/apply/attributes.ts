/** What a file has besides its text: who may do what with it, and what security modules say of it. */
import type { ReadHost } from '../host/host.ts';

/** Stands for extended attributes that nobody could look at. */
const UNSEEN = 'extended attributes unknown';

/**
 * Owner, group, mode and extended attributes in one text, to compare two moments of one file; undefined for what is no
 * regular file. Without getfattr(1) the attributes are unknown: Node has no call for them.
 */
export async function attributesOf(host: ReadHost, path: string): Promise<string | undefined> {
  const stat = await host.stat(path);
  if (stat?.kind !== 'file') return undefined;
  return [`owner ${stat.uid}:${stat.gid}`, `mode ${stat.mode.toString(8)}`, ...(await extendedOf(host, path))].join(
    ', ',
  );
}

async function extendedOf(host: ReadHost, path: string): Promise<readonly string[]> {
  const argv = ['getfattr', '-d', '-m', '-', '-e', 'hex', '--absolute-names', '--', path] as const;
  const { code, stdout, stderr } = await host.run(argv);
  // A file system without them (EOPNOTSUPP) has none.
  if (code !== 0) return code !== 127 && /not supported/.test(stderr) ? [] : [UNSEEN];
  return stdout
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .sort();
}

/** Whether two texts of attributesOf say the same, as far as both could look. Pure. */
export function sameAttributes(before: string, now: string): boolean {
  if (isWhole(before) && isWhole(now)) return before === now;
  const seen = (text: string) => text.split(', ').slice(0, 2).join();
  return seen(before) === seen(now);
}

/** False where the extended attributes could not be looked at. Pure. */
export function isWhole(attributes: string): boolean {
  return !attributes.endsWith(UNSEEN);
}
