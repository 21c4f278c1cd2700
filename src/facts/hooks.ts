/** What loads nf_conntrack early or re-applies its keys at load: modules-load.d, udev rules, install lines. Pure. */
import type { ConfigFacts, ModprobeLine } from '../model.ts';
import { globOf } from './globs.ts';
import { logicalLines, moduleName } from './modprobe-files.ts';
import { linesOf } from './sysctl-files.ts';

type Hook = ConfigFacts['hooks'][number];

/**
 * The lines of a modules-load.d file or of /etc/modules that load nf_conntrack, by its own name or by one of its
 * family (nf_conntrack_ftp …) that cannot be loaded without it.
 * Source: modules-load.d(5): one name a line, `#` and `;` begin comments.
 */
export function parseModulesLoad(file: string, text: string): ConfigFacts['modulesLoad'] {
  return linesOf(text).flatMap((raw, index) => {
    const [name = ''] = raw.trim().split(/\s/);
    return /^nf_conntrack(_\w+)?$/.test(moduleName(name)) ? [{ file, line: index + 1 }] : [];
  });
}

/**
 * The udev rules that re-apply net.netfilter keys when nf_conntrack is added.
 * Source: udev(7); the form that sysctl.d(5) recommends: ACTION=="add", SUBSYSTEM=="module", KERNEL==…, RUN+=….
 */
export function parseUdev(file: string, text: string): readonly Hook[] {
  return logicalLines(text, false).flatMap(({ line, text: rule }): readonly Hook[] => {
    if (rule.trimStart().startsWith('#')) return [];
    const terms = [...rule.matchAll(/([A-Z]+)(?:\{[^}]*\})?\s*(==|!=|\+=|:=|=)\s*"((?:[^"\\]|\\.)*)"/g)];
    const value = (name: string, test: (operator: string, value: string) => boolean) =>
      terms.filter((term) => term[1] === name).every((term) => test(term[2] ?? '', term[3] ?? ''));
    const matches = (text: string) => (operator: string, pattern: string) =>
      (operator === '!=') !== pattern.split('|').some((each) => globOf(each)(text));
    const aimed = terms.some((term) => term[1] === 'KERNEL' || term[1] === 'DEVPATH');
    const runs = terms.some((term) => term[1] === 'RUN' && reapplies(term[3] ?? ''));
    const hit =
      value('KERNEL', matches('nf_conntrack')) &&
      value('DEVPATH', matches('/module/nf_conntrack')) &&
      value('SUBSYSTEM', matches('module')) &&
      value('ACTION', matches('add'));
    return aimed && runs && hit ? [{ file, line, kind: 'udev' }] : [];
  });
}

/** The install lines that re-apply net.netfilter keys, such as the one that Fedora's firewalld package ships. */
export function installHooks(lines: readonly ModprobeLine[]): readonly Hook[] {
  return lines
    .filter((line) => line.directive === 'install' && reapplies(line.rest))
    .map(({ file, line }) => ({ file, line, kind: 'install' as const }));
}

/**
 * Does a command line write the net.netfilter keys of the sysctl files? systemd-sysctl does unless its prefixes leave
 * them out, procps does with --system or a file.
 * Source: systemd-sysctl.service(8) --prefix, sysctl(8) --system, -p.
 */
export function reapplies(command: string): boolean {
  const words = command.split(/[\s'"]+/);
  if (words.some((word) => /(^|\/)systemd-sysctl$/.test(word))) {
    const prefixes = [...command.matchAll(/--prefix[= ]['"]?([^\s'"]+)/g)].map((match) => match[1] ?? '');
    return prefixes.length === 0 || prefixes.some(covers);
  }
  return words.some((word) => /(^|\/)sysctl$/.test(word)) && /(^|\s)(--system|-p|--load)\b/.test(command);
}

/** Source: test_prefix in systemd's sysctl.c: path prefixes below /proc/sys, with or without it, dots for slashes. */
function covers(prefix: string): boolean {
  const path = (/[./]/.exec(prefix)?.[0] === '.' ? prefix.replaceAll('.', '/') : prefix).replace(
    /^(\/proc\/sys)?\/*/,
    '',
  );
  const parts = path.split('/').filter((part) => part !== '');
  const target = ['net', 'netfilter', 'nf_conntrack_max'];
  return parts.length <= target.length && parts.every((part, index) => part === target[index]);
}
