/** What of a text facts look at: a recorded host holds that and no more. Pure. */
import { installedUnits, isOwnerProcess, UNIT_DIRS } from './firewalls.ts';
import { SAMPLE, thinSample } from './flow-sample.ts';
import { parseUdev } from './hooks.ts';
import { linesOf } from './sysctl-files.ts';

/** By path: the lines that matter. */
const LINES: readonly { readonly path: RegExp; readonly keep: RegExp }[] = [
  { path: /^\/proc\/meminfo$/, keep: /^MemTotal:/ },
  { path: /^\/proc\/slabinfo$/, keep: /^(slabinfo|#|nf_conntrack)/ },
  { path: /\/modules\.(dep|builtin)$/, keep: /nf_conntrack\.ko|^kernel\/drivers\/net\// },
  { path: /^journalctl /, keep: /_conntrack: table full/ },
  { path: /^ethtool -S /, keep: /conntrack_allowance/ },
];

/** By path: files that matter only when they have such a text. */
const WHOLE: readonly { readonly path: RegExp; readonly mention: RegExp }[] = [
  { path: /\/sysctl\.d\/|\/sysctl\.conf$/, mention: /conntrack|netfilter|[*?[]/ },
  { path: /\/(modprobe|modules-load)\.d\/|^\/etc\/modules$/, mention: /conntrack/ },
  { path: /\/initramfs-tools\/modules$|\/dracut\.conf/, mention: /conntrack/ },
];

/**
 * The part of a text that facts look at; undefined for what is of no use at all.
 * @param name a path, or the words of a command
 * @param text the file's text, or the command's standard output
 */
export function thin(name: string, text: string): string | undefined {
  if (/^\/proc\/\d+\/comm$/.test(name)) return isOwnerProcess(text.trim()) ? text : undefined;
  if (name === '/dev/kmsg') return kmsg(text);
  if (name === SAMPLE.join(' ')) return thinSample(text);
  if (name.startsWith('/etc/sysconfig/')) return text.replace(SWITCHES, '');
  if (name === '/proc/version') return text.replace(/ \([^()\s]+@[^()\s]+\)/, '');
  if (/\/udev\/rules\.d\//.test(name)) return parseUdev(name, text).length > 0 ? text : undefined;
  if (name === '/proc/mounts') return mounts(text);
  if (name === '/proc/modules') return text.replace(/ 0x[0-9a-f]+( \([A-Z]+\))?$/gm, ' 0x0$1');
  if (name === '/proc/cmdline') return `${text.split(/\s+/).filter(named).join(' ')}\n`;
  const lines = LINES.find(({ path }) => path.test(name));
  if (lines !== undefined) return filter(text, (line) => lines.keep.test(line));
  const whole = WHOLE.find(({ path }) => path.test(name));
  return whole === undefined || whole.mention.test(text) ? text : undefined;
}

const named = (word: string) => /nf[-_]conntrack/.test(word);

/** Every line of iptables-services' configuration but those that decide about the module: the others are emptied. */
const SWITCHES = /^(?![ \t]*IP6?TABLES_(?:MODULES_UNLOAD|SYSCTL_LOAD_LIST)=).*$/gm;

function filter(text: string, keep: (line: string) => boolean): string {
  return linesOf(text).filter(keep).join('');
}

/** The first record, whose number tells whether the log has lost its beginning, and the lines about a full table. */
function kmsg(text: string): string {
  const first = linesOf(text)[0]?.replace(/;.*/, ';') ?? '';
  return first + filter(text, (line) => /_conntrack: table full/.test(line));
}

/**
 * The names in a directory that facts look for.
 * @param dir path of the directory
 * @param names what is in it
 */
export function thinNames(dir: string, names: readonly string[]): readonly string[] {
  const units: readonly string[] = UNIT_DIRS;
  if (units.includes(dir)) return installedUnits(names);
  if (dir === '/proc') return names.filter((name) => /^\d+$/.test(name));
  return dir === '/proc/sys/net/netfilter' ? names.filter((name) => name.startsWith('nf_conntrack_')) : names;
}

/** The mounts of /, /proc and /sys, without the devices' names. */
function mounts(text: string): string {
  return filter(text, (line) => /^\S+ (\/|\/(proc|sys)(\/\S*)?) /.test(line)).replace(/^\S+/gm, 'none');
}

/**
 * The links that facts look for: of all the processes one for each other network namespace. That a process is in ours is
 * what is taken for granted without a link.
 */
export function thinLinks(links: ReadonlyMap<string, string>): readonly (readonly [string, string])[] {
  const seen = new Set([links.get('/proc/self/ns/net')]);
  return [...links].filter(([path, target]) => {
    if (!/^\/proc\/\d+\/ns\/net$/.test(path)) return true;
    const first = !seen.has(target);
    seen.add(target);
    return first;
  });
}
