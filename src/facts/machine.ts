/** The machine: memory, word and page size, distribution. Pure. */
import type { MachineFacts } from '../model.ts';

/**
 * MemTotal in KiB, the RAM that the kernel manages; undefined when the text has none.
 * @param text /proc/meminfo; proc(5)
 */
export function parseMemTotal(text: string): number | undefined {
  const kib = /^MemTotal:\s+(\d+) kB$/m.exec(text)?.[1];
  return kib === undefined ? undefined : Number(kib);
}

/**
 * How many processors a list of them names; undefined where it is none.
 * @param text /sys/devices/system/cpu/online: `0-3,8`; cputopology.rst in the kernel's admin-guide
 */
export function parseCpuList(text: string): number | undefined {
  const parts = text.trim().split(',');
  const sizes = parts.map((part) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    return 1 + Number(last) - Number(first);
  });
  return sizes.every((size) => size > 0) ? sizes.reduce((sum, size) => sum + size) : undefined;
}

/** Word size of a kernel by the name of its architecture (UTS_MACHINE in the kernel's arch Makefiles). */
export function bitsOf(arch: string): 32 | 64 {
  return /64|^s390x$|^alpha$/.test(arch) ? 64 : 32;
}

/**
 * The page size where the architecture leaves no choice, in bytes; undefined where the kernel must be asked (arm64,
 * powerpc, loongarch, mips, sparc: 4 to 64 KiB by configuration).
 */
export function fixedPageSize(arch: string): number | undefined {
  return /^(x86_64|i[3-6]86|s390x?|riscv(32|64)|arm(v\w+)?)$/.test(arch) ? 4096 : undefined;
}

/**
 * Name and version of the distribution.
 * @param text /etc/os-release or /usr/lib/os-release; os-release(5): shell-like, ID defaults to `linux`
 */
export function parseOsRelease(text: string): MachineFacts['os'] {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value = ''] = /^([A-Z_]+)=(.*)$/.exec(line.trim()) ?? [];
    if (name !== undefined) fields.set(name, value.replace(/^(["'])(.*)\1$/, '$2').replace(/\\(["'$`\\])/g, '$1'));
  }
  const id = fields.get('ID') ?? 'linux';
  return { id, version: fields.get('VERSION_ID') ?? '', name: fields.get('PRETTY_NAME') ?? fields.get('NAME') ?? id };
}

/** Seconds since boot: the first number of /proc/uptime; undefined when it is none. proc(5) */
export function parseUptime(text: string): number | undefined {
  const seconds = /^(\d+(?:\.\d+)?)\s/.exec(text)?.[1];
  return seconds === undefined ? undefined : Number(seconds);
}
