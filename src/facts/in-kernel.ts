/** Whether the running kernel has a part now, as a module or built in, without loading it. */
import { posix } from 'node:path';
import type { ReadHost } from '../host/host.ts';

/**
 * A loaded module has a directory in /sys/module; a part that is built in has one only when it has parameters or a version
 * (kernel/params.c, param_sysfs_builtin), and nf_tables, nfnetlink and ip_set have neither. modules.builtin names those.
 * Source: kbuild, Documentation/kbuild/kbuild.rst, modules.builtin
 * @param name `nf_tables`
 */
export async function isInKernel(host: ReadHost, name: string): Promise<boolean> {
  if ((await host.stat(`/sys/module/${name}`)) !== undefined) return true;
  const release = (await read(host, '/proc/sys/kernel/osrelease')).trim();
  if (release === '') return false;
  for (const dir of ['/lib/modules', '/usr/lib/modules']) {
    const lines = (await read(host, posix.join(dir, release, 'modules.builtin'))).split('\n');
    if (lines.some((line) => posix.basename(line.trim(), '.ko').replaceAll('-', '_') === name)) return true;
  }
  return false;
}

async function read(host: ReadHost, path: string): Promise<string> {
  return (await host.readFile(path).catch(() => undefined)) ?? '';
}
