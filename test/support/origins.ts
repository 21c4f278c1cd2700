// Files that tests of origins put on a host, and the origin of one value there.
import { origins } from '../../src/origin.ts';
import { factsOf, type Said } from './facts.ts';

export const MAX = 'net.netfilter.nf_conntrack_max';
export const file = (text: string, path = '/etc/sysctl.d/90-x.conf') => ({ [path]: text });
export const lines500k = file(`# ours\n\n${MAX} = 500000\n`);
export const load = file('nf_conntrack\n', '/etc/modules-load.d/a.conf');
export const udev = file(
  'ACTION=="add", SUBSYSTEM=="module", KERNEL=="nf_conntrack", RUN+="/lib/systemd/systemd-sysctl --prefix=/net/netfilter"\n',
  '/etc/udev/rules.d/50-a.rules',
);
export const hashsize = file('options nf_conntrack hashsize=125000\n', '/etc/modprobe.d/nf_conntrack.conf');

export const find = (said: Said, name = 'max') => {
  const origin = origins(factsOf(said)).find((each) => each.name === name);
  if (origin === undefined) throw new Error(`no ${name}`);
  return origin;
};
