/** Which files of a drop-in directory count, in the order in which the loaders read them. Pure. */
import type { DropIn } from '../model.ts';

/** A directory as it was listed, strongest directory first. `links`: base name → where the link points, as written. */
export type Listing = {
  readonly dir: string;
  readonly names: readonly string[];
  readonly links?: Readonly<Record<string, string>>;
};

/**
 * The directories of a drop-in family, strongest first. On a merged /usr, /lib is the same place as /usr/lib; where it is
 * a directory of its own, modprobe reads that one instead, and the others read it last.
 * @param family `sysctl.d`, `modprobe.d`, `modules-load.d` or `udev/rules.d`
 * @param libLink where /lib points, undefined when it is no link
 * Source: sysctl.d(5), modprobe.d(5), modules-load.d(5), udev(7), and sysctl(8) of procps-ng; conf_paths in kmod 28 and 30.
 */
export function directories(family: string, libLink: string | undefined): readonly string[] {
  const merged = libLink !== undefined && /^\/?usr\/lib\/?$/.test(libLink);
  const vendor = merged ? ['/usr/lib'] : family === 'modprobe.d' ? ['/lib'] : ['/usr/lib', '/lib'];
  const roots = ['/etc', '/run', '/usr/local/lib', ...vendor];
  return roots.map((root) => `${root}/${family}`);
}

/**
 * Applies the precedence: only names with the suffix count, a name in a stronger directory hides the same name in a
 * weaker one, a link to /dev/null hides and is nothing itself, and what is left is sorted by base name, byte by byte.
 * @param listings strongest directory first
 * @param suffix `.conf`, or `.rules` for udev
 * @returns files in reading order (last assignment wins), without their texts
 * Source: sysctl.d(5), "configuration directories and precedence"; modprobe.d(5).
 */
export function precedence(listings: readonly Listing[], suffix = '.conf'): readonly DropIn[] {
  const chosen = new Map<string, DropIn>();
  for (const { dir, names, links } of listings) {
    for (const name of names.filter((each) => each.endsWith(suffix))) {
      const first = chosen.get(name);
      const path = `${dir}/${name}`;
      const target = links !== undefined && Object.hasOwn(links, name) ? links[name] : undefined;
      if (first !== undefined) chosen.set(name, { ...first, hides: [...first.hides, path] });
      else
        chosen.set(name, { path, hides: [], ...(target === undefined ? {} : { target: resolveLink(path, target) }) });
    }
  }
  return [...chosen]
    .sort(([a], [b]) => compareBytes(a, b))
    .map(([, file]) => file)
    .filter((file) => file.target !== '/dev/null');
}

/**
 * Whether a name begins with a dot. systemd, udev and modprobe pass over such files, procps reads them.
 * Source: dirent_is_file_with_suffix in systemd, conf_files_filter_out in kmod; PreloadSystem in procps-ng's sysctl.c.
 */
export function isHidden(path: string): boolean {
  return /(^|\/)\.[^/]*$/.test(path);
}

/** The absolute path that a link written as `target` at `path` leads to, one step, `.` and `..` taken out. */
export function resolveLink(path: string, target: string): string {
  const from = target.startsWith('/') ? [] : path.split('/').slice(1, -1);
  const parts: string[] = [];
  for (const part of [...from, ...target.split('/')]) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** Order of two names by their UTF-8 bytes, as strcmp(3) has it; UTF-16 order differs beyond U+FFFF. */
export function compareBytes(a: string, b: string): number {
  const left = Array.from(a, (char) => char.codePointAt(0) ?? 0);
  const right = Array.from(b, (char) => char.codePointAt(0) ?? 0);
  for (const [index, code] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    if (code !== other) return code - other;
  }
  return left.length - right.length;
}
