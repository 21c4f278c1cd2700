/** nf_conntrack.hashsize= on the kernel command line, which beats every file. Pure. */
import type { Problem } from '../model.ts';
import { moduleName } from './modprobe-files.ts';
import { moduleNumber } from './numbers.ts';

export const CMDLINE = '/proc/cmdline';

/**
 * The hashsize that the kernel command line asks for; the last one wins.
 * @param text /proc/cmdline
 * Source: Documentation/admin-guide/kernel-parameters.rst: dashes and underscores are equal in names, double quotes
 * protect white space, what follows `--` is for init.
 */
export function parseCmdline(text: string): { hashsize?: number; problems: readonly Problem[] } {
  const words: readonly string[] = text.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
  const end = words.indexOf('--');
  const problems: Problem[] = [];
  let hashsize: number | undefined;
  for (const word of end < 0 ? words : words.slice(0, end)) {
    const [, name = '', value = ''] = /^"?([^="]+)=(.*)$/s.exec(word) ?? [];
    if (moduleName(name) !== 'nf_conntrack.hashsize') continue;
    const found = moduleNumber(value.replace(/^"|"$/g, ''));
    if (found.what !== undefined) problems.push({ file: CMDLINE, what: `nf_conntrack.${found.what}` });
    hashsize = found.value;
  }
  return hashsize === undefined ? { problems } : { hashsize, problems };
}
