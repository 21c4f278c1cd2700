/** The files that ctfix writes on a host. Pure. */

/** Paths of the drop-ins, by what they are for. */
export const OWN_FILES = [
  '/etc/modprobe.d/nf_conntrack.conf',
  '/etc/sysctl.d/90-ctfix-conntrack.conf',
  '/etc/udev/rules.d/90-ctfix-conntrack.rules',
] as const;

/** Is a path one that ctfix writes? Every further file of ours has our name in it. */
export function isOwn(path: string): boolean {
  const files: readonly string[] = OWN_FILES;
  return files.includes(path) || /^\/etc\/(modprobe|sysctl|udev\/rules|modules-load)\.d\/[^/]*ctfix[^/]*$/.test(path);
}
