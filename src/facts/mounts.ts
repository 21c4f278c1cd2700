/** /proc/mounts: whether /proc/sys and /sys can be written, and what the root is. Pure. */

export type Mount = { readonly at: string; readonly type: string; readonly readOnly: boolean };

/** The mounts in order; later ones cover earlier ones. Source: proc(5), fstab(5): spaces are written \040. */
export function parseMounts(text: string): readonly Mount[] {
  return text.split('\n').flatMap((line) => {
    const [, at, type = '', options = ''] = line.split(' ');
    if (at === undefined) return [];
    const path = at.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    return [{ at: path, type, readOnly: options.split(',').includes('ro') }];
  });
}

/** The mount that a path lies on; undefined when there is none. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  const over = (at: string) => at === '/' || path === at || path.startsWith(`${at}/`);
  return mounts
    .filter(({ at }) => over(at))
    .reduce<Mount | undefined>((best, mount) => {
      return best === undefined || mount.at.length >= best.at.length ? mount : best;
    }, undefined);
}
