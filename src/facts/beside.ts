/** What decides beside the kernel's table: the cloud's own limits, eBPF datapaths, iptables-services, the initramfs. Pure. */
import type { CloudFacts, Datapath, UnloadSwitch } from '../model.ts';
import { parseModulesLoad } from './hooks.ts';
import { linesOf } from './sysctl-files.ts';

export const VENDOR = '/sys/class/dmi/id/sys_vendor';
export const ASSET_TAG = '/sys/class/dmi/id/chassis_asset_tag';
/** The tag of every Azure machine; the maker alone is the same for Hyper-V anywhere. */
const AZURE_TAG = '7783-7084-3265-9085-8269-3286-77';

/** Whose cloud this is, from DMI; undefined elsewhere and where it cannot be told. */
export function cloudVendor(maker: string, tag: string): CloudFacts['vendor'] {
  if (/^Amazon EC2\b/.test(maker)) return 'aws';
  if (/^Google\b/.test(maker)) return 'gcp';
  return tag.trim() === AZURE_TAG ? 'azure' : undefined;
}

/** Drivers that hand on what their cloud counted. Source: ena_stats_eni_strings in ena_ethtool.c. */
export function countsForCloud(driver: string): boolean {
  return driver === 'ena';
}

export type Allowance = { readonly exceeded?: number; readonly available?: number };

/** The two counters in the text of `ethtool -S`: `     conntrack_allowance_exceeded: 12`. */
export function parseAllowance(text: string): Allowance {
  const read = (name: string) => {
    const found = new RegExp(`^[ \\t]*conntrack_allowance_${name}:[ \\t]*(\\d+)[ \\t]*$`, 'm').exec(text)?.[1];
    return found === undefined ? {} : { [name]: Number(found) };
  };
  return { ...read('exceeded'), ...read('available') };
}

/** By a network interface that only they make: Cilium's host device, the veth pair of Calico's eBPF mode. */
const TRACES: Readonly<Record<string, Datapath['name']>> = { cilium_host: 'cilium', 'bpfout.cali': 'calico-ebpf' };

/** Programs with connection tables of their own, from the names in /sys/class/net. */
export function datapaths(interfaces: readonly string[]): readonly Datapath[] {
  return interfaces.flatMap((name) => {
    const found = Object.hasOwn(TRACES, name) ? TRACES[name] : undefined;
    return found === undefined ? [] : [{ name: found, trace: `/sys/class/net/${name}` }];
  });
}

export const SYSCONFIG = ['/etc/sysconfig/iptables-config', '/etc/sysconfig/ip6tables-config'] as const;

/**
 * The line that makes a stop of iptables-services unload the module, where a file has one. Newer packages have neither
 * the line nor the unload, so that a missing one says nothing.
 * Source: iptables.init of iptables-services 1.4.21: IP[6]TABLES_MODULES_UNLOAD and _SYSCTL_LOAD_LIST; each word of the
 * list is looked for in /etc/sysctl.d/*.conf, and the lines that have it are applied.
 */
export function unloadSwitch(file: string, text: string): UnloadSwitch | undefined {
  const lines = linesOf(text).map((raw) => /^\s*IP6?TABLES_(\w+)=(?:"([^"]*)"|'([^']*)'|(\S*))/.exec(raw));
  const value = (name: string) => {
    const at = lines.findLastIndex((found) => found?.[1] === name);
    const found = lines[at];
    return found == null ? undefined : { at: at + 1, text: found[2] ?? found[3] ?? found[4] ?? '' };
  };
  const unload = value('MODULES_UNLOAD');
  if (unload === undefined || !/^yes$/i.test(unload.text)) return undefined;
  const list = value('SYSCTL_LOAD_LIST')?.text ?? '';
  return { file, line: unload.at, reapplies: list.split(/\s+/).filter((word) => word !== '') };
}

export const INITRAMFS_MODULES = '/etc/initramfs-tools/modules';
export const DRACUT = ['/etc/dracut.conf.d', '/usr/lib/dracut/dracut.conf.d'] as const;

/** Where the initramfs of a kernel lies. */
export function images(kernel: string): readonly string[] {
  return [`/boot/initrd.img-${kernel}`, `/boot/initramfs-${kernel}.img`];
}

/**
 * The line that makes an initramfs load nf_conntrack; undefined where there is none. dracut's add_drivers only puts a
 * module into the image. Source: initramfs-tools(7), /etc/initramfs-tools/modules; dracut.conf(5), force_drivers.
 */
export function loadsEarly(file: string, text: string): { file: string; line: number } | undefined {
  if (file === INITRAMFS_MODULES) return parseModulesLoad(file, text)[0];
  const at = linesOf(text).findIndex((line) => /^\s*force_drivers\+?=.*\bnf[-_]conntrack\b/.test(line));
  return at < 0 ? undefined : { file, line: at + 1 };
}
