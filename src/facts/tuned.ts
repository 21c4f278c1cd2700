/** tuned profiles: which of our keys the active one sets, and whether the sysctl files beat it. Pure. */
import type { SysctlLine } from '../model.ts';
import { sysctlNumber } from './numbers.ts';
import { linesOf, sysctlKey, sysctlPath } from './sysctl-files.ts';

export const TUNED_ACTIVE = '/etc/tuned/active_profile';
export const TUNED_MAIN = '/etc/tuned/tuned-main.conf';
/** Where profiles lie, strongest first; /profiles is the place since tuned 2.23. Source: tuned-profiles(7). */
const PLACES = ['/etc/tuned/profiles', '/etc/tuned', '/usr/lib/tuned/profiles', '/usr/lib/tuned'];

/** The files that may define a profile, strongest first. */
export function profileFiles(name: string): readonly string[] {
  return /^[\w.+-]+$/.test(name) ? PLACES.map((place) => `${place}/${name}/tuned.conf`) : [];
}

/** Names in /etc/tuned/active_profile: several are merged, the last one wins. */
export function activeProfiles(text: string): readonly string[] {
  return text.split(/\s+/).filter((name) => name !== '');
}

/** `reapply_sysctl` of tuned-main.conf, 1 unless told: tuned writes the sysctl files once more after its own values. */
export function reappliesSysctl(text: string | undefined): boolean {
  const value = /^[ \t]*reapply_sysctl[ \t]*=[ \t]*(\w+)/m.exec(text ?? '')?.[1] ?? '1';
  return !/^(0|no|n|false)$/i.test(value);
}

/** What a profile asks for; `beneath` is [sysctl], `above` what no sysctl file gives back: [net] and [sysfs]. */
export type Profile = {
  readonly include: readonly string[];
  readonly beneath: readonly SysctlLine[];
  readonly above: readonly SysctlLine[];
};

/**
 * The lines of a profile that touch conntrack.
 * Source: tuned-profiles(7) sections and include=; tuned's plugin_net.py (nf_conntrack_hashsize) and plugin_sysfs.py.
 */
export function parseProfile(file: string, text: string): Profile {
  let section = '';
  const include: string[] = [];
  const beneath: SysctlLine[] = [];
  const above: SysctlLine[] = [];
  for (const [index, raw] of linesOf(text).entries()) {
    const body = raw.trim();
    section = /^\[([^\]]+)\]$/.exec(body)?.[1] ?? section;
    const [, name, value = ''] = /^([^#;=[][^=]*?)\s*=\s*(.*)$/.exec(body) ?? [];
    if (name === undefined) continue;
    if (section === 'main' && name === 'include') include.push(...value.split(/[\s,;]+/).filter((each) => each !== ''));
    const key = keyOf(section, name);
    const number = sysctlNumber(value.replace(/^"|"$/g, ''), 'fine').value;
    if (key === undefined || number === undefined) continue;
    const line = { file, line: index + 1, key, value: String(number), raw: raw.replace(/\r?\n$/, ''), optional: false };
    (section === 'sysctl' ? beneath : above).push(line);
  }
  return { include, beneath, above };
}

function keyOf(section: string, name: string): string | undefined {
  const buckets = 'net.netfilter.nf_conntrack_buckets';
  if (section === 'net') return name === 'nf_conntrack_hashsize' ? buckets : undefined;
  if (section === 'sysfs') return name === '/sys/module/nf_conntrack/parameters/hashsize' ? buckets : undefined;
  const key = sysctlKey(sysctlPath(name));
  return section === 'sysctl' && key.startsWith('net.netfilter.nf_conntrack_') ? key : undefined;
}
