/** What a file has besides its text: who may do what with it, and what security modules say of it. */
import type { ReadHost } from '../host/host.ts';

/**
 * Owner, group, mode and extended attributes in one text, to compare two moments of one file; undefined for what is no
 * regular file. Without getfattr(1) the attributes are left out: Node has no call for them.
 */
export async function attributesOf(host: ReadHost, path: string): Promise<string | undefined> {
  const stat = await host.stat(path);
  if (stat?.kind !== 'file') return undefined;
  const { code, stdout } = await host.run(['getfattr', '-d', '-m', '-', '-e', 'hex', '--absolute-names', '--', path]);
  const extended = code === 0 ? stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#')) : [];
  return [`owner ${stat.uid}:${stat.gid}`, `mode ${stat.mode.toString(8)}`, ...extended.sort()].join(', ');
}
