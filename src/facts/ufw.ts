/** What ufw says about itself in files: whether it is enabled, and which sysctl file it applies. Pure. */

export const UFW_DEFAULTS = '/etc/default/ufw';
export const UFW_CONF = '/etc/ufw/ufw.conf';

/**
 * The file that ufw applies whenever it starts; undefined when none is named.
 * @param text /etc/default/ufw
 * Source: ufw-init-functions of ufw 0.36: `sysctl -e -q -p $IPT_SYSCTL` at the end of a start, when enabled.
 */
export function ufwSysctlFile(text: string): string | undefined {
  const path = assignment(text, 'IPT_SYSCTL');
  return path?.startsWith('/') ? path : undefined;
}

/** ENABLED= of /etc/ufw/ufw.conf: an active ufw.service with `no` there does nothing. Source: ufw-init of ufw 0.36. */
export function ufwEnabled(text: string): boolean {
  return /^["']?yes["']?$/i.test(assignment(text, 'ENABLED') ?? '');
}

/** The last value that a shell fragment gives a name; quotes taken off, a trailing comment left out. */
function assignment(text: string, name: string): string | undefined {
  const found = [
    ...text.matchAll(new RegExp(`^[ \\t]*(?:export[ \\t]+)?${name}=(?:"([^"\\n]*)"|'([^'\\n]*)'|([^\\s#]*))`, 'gm')),
  ].at(-1);
  return found === undefined ? undefined : (found[1] ?? found[2] ?? found[3]);
}
