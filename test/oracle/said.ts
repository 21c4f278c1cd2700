// What the programs said, as data.
import { sysctlNumber } from '../../src/facts/numbers.ts';
import { sysctlKey, sysctlPath } from '../../src/facts/sysctl-files.ts';

/** A write to a path below /proc/sys. */
export type Write = { readonly path: string; readonly value: string };

/** The files in the order in which they are read: `# /etc/sysctl.d/a.conf` before each text. */
export function catFiles(out: string): readonly string[] {
  return [...out.matchAll(/^# (\/(?:etc|run|usr\/local\/lib|usr\/lib|lib)\/(?:sysctl|modprobe)\.d\/.*)$/gm)].map(
    (m) => m[1] ?? '',
  );
}

/** `Parsing /etc/sysctl.d/a.conf`, from systemd-sysctl. */
export function parsedFiles(err: string): readonly string[] {
  return [...err.matchAll(/^Parsing (\/.*\.conf)$/gm)].map((m) => m[1] ?? '');
}

/** `* Applying /etc/sysctl.d/a.conf ...`, from `sysctl --system`. */
export function appliedFiles(out: string): readonly string[] {
  return [...out.matchAll(/^\* Applying (.*) \.\.\.$/gm)].map((m) => m[1] ?? '');
}

/** The writes of systemd-sysctl at log level debug. */
export function systemdWrites(err: string): readonly Write[] {
  return [...err.matchAll(/^Setting '(?:\/proc\/sys\/)?(.*?)' to '(.*?)'\.?$/gms)].map(([, path = '', value = '']) => ({
    path,
    value,
  }));
}

/** The writes of procps: `net.netfilter.nf_conntrack_max = 5`. */
export function procpsWrites(out: string): readonly Write[] {
  return [...out.matchAll(/^([^\s=*][^=]*) = (.*)$/gm)].map(([, key = '', value = '']) => ({
    path: sysctlPath(key),
    value,
  }));
}

/** What the kernel would have afterwards: the last value that it takes, for each of these keys, and as it was written. */
export function outcome(writes: readonly Write[], keys: readonly string[]): ReadonlyMap<string, Outcome> {
  const found = new Map<string, Outcome>();
  for (const { path, value } of writes) {
    const key = sysctlKey(path.replace(/^\/+/, '').replace(/\/{2,}/g, '/'));
    if (!keys.includes(key)) continue;
    const zero = key.endsWith('_max') ? 'unlimited' : key.endsWith('_buckets') ? 'refused' : 'fine';
    const number = sysctlNumber(value.trim(), zero).value;
    if (number !== undefined) found.set(key, { value: String(number), written: value });
  }
  return found;
}

type Outcome = { readonly value: string; readonly written: string };
