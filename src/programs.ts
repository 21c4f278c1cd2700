/** Where programs are looked up, and whether one is there. */

/**
 * The directories that belong to the distribution, and no /usr/local: on Debian members of the group staff can write there.
 */
export const PROGRAM_DIRS = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/**
 * Whether a program can be run.
 * @param at what can tell whether a path is there
 * @param program a name, looked up as the host does, or a path
 */
export async function isInstalled(at: { stat(path: string): Promise<unknown> }, program: string): Promise<boolean> {
  const places = program.startsWith('/') ? [program] : PROGRAM_DIRS.map((dir) => `${dir}/${program}`);
  return (await Promise.all(places.map((place) => at.stat(place)))).some((found) => found !== undefined);
}
