// What tables of hosts for the doctor say about them: files, owners, live values.
import type { Facts } from '../../src/model.ts';

export const MAX = 'net.netfilter.nf_conntrack_max';
export const OURS = '/etc/sysctl.d/90-ctfix-conntrack.conf';
const UDEV = '/etc/udev/rules.d/90-ctfix-conntrack.rules';
export const HOOK = {
  [UDEV]:
    'ACTION=="add", SUBSYSTEM=="module", KERNEL=="nf_conntrack", RUN+="/usr/lib/systemd/systemd-sysctl --prefix=/net/netfilter"\n',
};
export const LOAD = { '/etc/modules-load.d/nf_conntrack.conf': 'nf_conntrack\n' };
export const sets = (value: number, key = MAX) => `${key} = ${value}\n`;
export const active = (name: Facts['firewalls'][number]['name']): Facts['firewalls'] => [
  { name, unit: `${name}.service`, state: 'active', takesAlong: [] },
];
export const live = (max: number, buckets = 65536) => ({ max, buckets });
