/** Each other owner of the numbers: a plan names its line and its value, and says what to put where that owner reads it. */
import { expect, test } from 'vitest';
import { KUBE_PROXY_REMEDY } from '../src/owners.ts';
import { planFor } from '../src/survey.ts';
import { factsOf, fullLog, GIB, type Said, templates } from './support/facts.ts';

const MAX = 'net.netfilter.nf_conntrack_max';
const kubeProxy: Said['firewalls'] = [{ name: 'kube-proxy', state: 'active', takesAlong: [] }];

test.each<[string, Said, string, string[], string[]]>([
  [
    'a later file under /etc',
    { files: { '/etc/sysctl.d/99-zz.conf': `# x\n${MAX} = 70000\n` } },
    '/etc/sysctl.d/99-zz.conf:2',
    [`${MAX} = 70000 would win over 131072`],
    ['set the value to 131072 on line 2 of /etc/sysctl.d/99-zz.conf', '--take-over does that'],
  ],
  [
    'a link that is read last',
    {
      files: { '/etc/sysctl.conf': `${MAX}=70000\n` },
      links: { '/etc/sysctl.d/99-sysctl.conf': '/etc/sysctl.conf' },
    },
    '/etc/sysctl.conf:1',
    [`${MAX} = 70000 would win`],
    ['on line 1 of /etc/sysctl.conf', '--take-over does that'],
  ],
  [
    'the node pool of AKS',
    { files: { '/etc/sysctl.d/999-sysctl-aks.conf': `${MAX}=70000\n` } },
    '/etc/sysctl.d/999-sysctl-aks.conf:1',
    ['= 70000 would win'],
    ['--linux-os-config', '"netNetfilterNfConntrackMax": 131072'],
  ],
  [
    'ufw',
    { files: { '/etc/ufw/sysctl.conf': 'net/netfilter/nf_conntrack_max=70000\n' } },
    '/etc/ufw/sysctl.conf:1',
    ['= 70000 would win', 'ufw applies it whenever it starts'],
    ['set net/netfilter/nf_conntrack_max=131072 on line 1 of /etc/ufw/sysctl.conf', '--take-over does that'],
  ],
  [
    "tuned's own profile",
    { files: { '/usr/lib/tuned/router/tuned.conf': '[net]\nnf_conntrack_hashsize=70000\n' } },
    '/usr/lib/tuned/router/tuned.conf:2',
    ['= 70000 would win over 131072', 'tuned applies it'],
    [
      '/etc/tuned/router-conntrack/tuned.conf',
      '[main] include=router',
      '[net] nf_conntrack_hashsize=131072',
      'tuned-adm',
    ],
  ],
  [
    'a later modprobe.d line',
    { files: { '/etc/modprobe.d/zz.conf': 'options nf_conntrack hashsize=70000\n' } },
    '/etc/modprobe.d/zz.conf:1',
    ['hashsize=70000'],
    ['131072', 'line 1 of /etc/modprobe.d/zz.conf', '--take-over does that'],
  ],
  [
    'the kernel command line',
    { cmdlineHashsize: 70_000 },
    '/proc/cmdline:',
    ['nf_conntrack.hashsize=70000 on the kernel command line would win over 131072'],
    ['nf_conntrack.hashsize=131072', 'boot loader', 'reboot'],
  ],
  [
    'kube-proxy',
    { firewalls: kubeProxy, table: { max: 262_144, buckets: 65_536, count: 10 }, log: fullLog() },
    ':',
    ['kube-proxy runs here and may raise max whenever it starts: 131072 may not last'],
    [KUBE_PROXY_REMEDY, 'conntrack.maxPerCore: 0'],
  ],
  [
    'kube-proxy, by its own figure',
    { firewalls: kubeProxy, machine: { cpus: 8 }, table: { max: 262_144, buckets: 65_536, count: 10 }, log: fullLog() },
    ':',
    ['kube-proxy runs here and raises max whenever it starts: 131072 would not last'],
    [KUBE_PROXY_REMEDY],
  ],
])('%s', (_, said, place, what, remedy) => {
  const full: Said = { machine: { memTotalKiB: 4 * GIB }, table: { count: 65_536 }, log: fullLog(700) };
  const options = said.firewalls === undefined ? {} : { max: 131_072, allowShrink: true };
  const { refusals } = planFor(factsOf({ ...full, ...said }), options, { templates, version: '0.1.0' }).plan;
  expect(refusals.map(({ file = '', line = '' }) => `${file}:${line}`)).toEqual([place]);
  for (const words of what) expect(refusals[0]?.what).toContain(words);
  for (const words of remedy) expect(refusals[0]?.remedy).toContain(words);
});
