/** The files that ctfix writes on a host, and the paths of the live values. Pure. */

export const OWN = {
  modprobe: '/etc/modprobe.d/nf_conntrack.conf',
  sysctl: '/etc/sysctl.d/90-ctfix-conntrack.conf',
  udev: '/etc/udev/rules.d/90-ctfix-conntrack.rules',
  /** where there is no udev, or its event comes before the keys */
  install: '/etc/modprobe.d/90-ctfix-install.conf',
} as const;

export const MAX_KEY = 'net.netfilter.nf_conntrack_max';
export const BUCKETS_KEY = 'net.netfilter.nf_conntrack_buckets';

/** Written where net.netfilter.nf_conntrack_buckets is read-only: the same handler in the kernel. */
export const HASHSIZE_PATH = '/sys/module/nf_conntrack/parameters/hashsize';

/** The sysctl key of a name such as `tcp_timeout_established`. */
export function keyOf(name: string): string {
  return `net.netfilter.nf_conntrack_${name}`;
}

/** `net.netfilter.nf_conntrack_max` → `/proc/sys/net/netfilter/nf_conntrack_max`. */
export function pathOf(key: string): string {
  return `/proc/sys/${key.replaceAll('.', '/')}`;
}

/** `file:line`, or the file alone. */
export function placeOf(at: { readonly file: string; readonly line?: number | undefined }): string {
  return at.line === undefined ? at.file : `${at.file}:${at.line}`;
}
