/** The rules about owners, one table for each: what makes the finding, what does not. */
import { describe, expect, test } from 'vitest';
import { GIB } from '../support/facts.ts';
import { found, patient } from '../support/patient.ts';
import { checkRule } from '../support/rules.ts';
import { active, HOOK, LOAD, live, OURS, sets } from '../support/said.ts';

/** The memory limit allows every size here. */
const LARGE = { memTotalKiB: 8 * GIB };

describe('another owner', () => {
  const two = (ours: number, theirs: number, name = '/etc/sysctl.d/99-other.conf') => ({
    [OURS]: sets(ours),
    [name]: sets(theirs),
    ...HOOK,
  });
  checkRule('later-sysctl', [
    [
      'a later file with less',
      { files: two(500_000, 65_536), machine: LARGE },
      {},
      'warning',
      /500000 in \S*90-ctfix-conntrack.conf:1 does not count: \/etc\/sysctl.d\/99-other.conf:1 sets 65536 later[\s\S]*on line 1 of \/etc\/sysctl.d\/99-other.conf[\s\S]*ctfix apply --max 500000 --take-over/,
    ],
    [
      'a later file with more, over ours',
      { files: two(100_000, 131_072), table: live(131_072) },
      {},
      'warning',
      /if 131,072 is meant, take out line 1 of \/etc\/sysctl.d\/90-ctfix-conntrack.conf[\s\S]*set the value to 100000 on line 1/,
    ],
    [
      'a later file with more, over another',
      {
        files: { '/etc/sysctl.d/50-a.conf': sets(100_000), '/etc/sysctl.d/60-b.conf': sets(500_000), ...HOOK },
        table: live(500_000),
      },
      {},
      'note',
      /take out the line/,
    ],
    [
      'neither is ours, the later has less',
      {
        files: { '/etc/sysctl.d/50-a.conf': sets(500_000), '/etc/sysctl.d/60-b.conf': sets(100_000), ...HOOK },
        table: live(100_000),
        machine: LARGE,
      },
      {},
      'warning',
      /if 500,000 is meant[\s\S]*ctfix apply --max 500000$/,
    ],
    [
      'more than the memory limit allows: by hand, and why',
      { files: two(500_000, 65_536) },
      {},
      'warning',
      /set the value to 500000 on line 1 of \/etc\/sysctl.d\/99-other.conf, or remove that line\s+a full table would take \S+ MiB, over the memory limit of \S+ MiB: ask for less[^\n]*\n$/,
    ],
    [
      'of a key that ctfix does not set',
      {
        files: {
          '/etc/sysctl.d/50-a.conf': sets(1, 'net.netfilter.nf_conntrack_acct'),
          '/etc/sysctl.d/60-b.conf': sets(0, 'net.netfilter.nf_conntrack_acct'),
          ...HOOK,
        },
      },
      {},
      'warning',
      /set the value to 1 on line 1 of \/etc\/sysctl.d\/60-b.conf, or remove that line\n$/,
    ],
    [
      '99- is not last',
      {
        files: { '/etc/sysctl.d/99-a.conf': sets(500_000), '/etc/sysctl.d/99_b.conf': sets(100_000), ...HOOK },
        table: live(100_000),
      },
      {},
      'warning',
      /99-a.conf is not the last file: \/etc\/sysctl.d\/99_b.conf is read after it/,
    ],
    ['the same value', { files: two(500_000, 500_000), table: live(500_000) }, {}, undefined],
  ]);
  checkRule('ufw-sysctl', [
    [
      'ufw has less',
      { files: { ...two(500_000, 500_000), '/etc/ufw/sysctl.conf': 'net/netfilter/nf_conntrack_max=65536\n' } },
      {},
      'warning',
      /\/etc\/ufw\/sysctl.conf:1 sets 65536 later[\s\S]*set net\/netfilter\/nf_conntrack_max=500000 on line 1 of \/etc\/ufw\/sysctl.conf/,
    ],
    [
      'ufw has less, and the file would be lost anyway',
      { files: { '/etc/sysctl.d/90-x.conf': sets(500_000), '/etc/ufw/sysctl.conf': sets(65_536) } },
      {},
      'warning',
      /\/etc\/ufw\/sysctl.conf wins over \/etc\/sysctl.d\/90-x.conf/,
    ],
    [
      'ufw has the same',
      {
        files: { ...two(500_000, 500_000), '/etc/ufw/sysctl.conf': 'net/netfilter/nf_conntrack_max=500000\n' },
        table: live(500_000),
      },
      {},
      undefined,
    ],
  ]);
  checkRule('tuned-profile', [
    [
      'a profile of the vendor',
      {
        files: {
          ...two(500_000, 500_000),
          '/etc/modprobe.d/nf_conntrack.conf': 'options nf_conntrack hashsize=524288\n',
          '/usr/lib/tuned/web/tuned.conf': '[net]\nnf_conntrack_hashsize=65536\n',
        },
      },
      {},
      'warning',
      /tuned-adm profile web-conntrack/,
    ],
  ]);
  checkRule('cmdline-hashsize', [
    [
      'the kernel command line',
      {
        files: { '/etc/modprobe.d/nf_conntrack.conf': 'options nf_conntrack hashsize=131072\n' },
        cmdlineHashsize: 65536,
      },
      {},
      'warning',
      /GRUB_CMDLINE_LINUX/,
    ],
  ]);
  checkRule('kube-proxy', [
    [
      'it has lowered max',
      { firewalls: active('kube-proxy'), files: { ...two(500_000, 500_000) }, table: live(131_072) },
      {},
      'warning',
      /maxPerCore: 0/,
    ],
    [
      'it has raised max',
      {
        machine: { cpus: 16 },
        firewalls: active('kube-proxy'),
        files: { ...two(100_000, 100_000) },
        table: live(524_288),
      },
      {},
      'note',
    ],
    [
      'more than it computes: by whom, nothing tells',
      { firewalls: active('kube-proxy'), files: { ...two(100_000, 100_000) }, table: live(524_288) },
      {},
      undefined,
    ],
    ['nobody asks for anything', { firewalls: active('kube-proxy'), table: live(131_072) }, {}, undefined],
    ['it does not run', { files: { ...two(500_000, 500_000) }, table: live(131_072) }, {}, undefined],
  ]);
  const unloads = (reapplies: readonly string[]) => ({
    unloads: [{ file: '/etc/sysconfig/iptables-config', line: 12, reapplies }],
  });
  const raised = { firewalls: active('iptables'), files: { [OURS]: sets(200_000), ...LOAD }, table: live(200_000) };
  checkRule('iptables-unload', [
    [
      'a restart loses max',
      raised,
      unloads([]),
      'warning',
      /iptables-config:12[\s\S]*max 200,000 now, 65,536 after the next load[\s\S]*sudo ctfix apply --max 200000\n/,
    ],
    [
      'a restart has lost max',
      { ...raised, table: live(65_536) },
      unloads([]),
      'warning',
      /has unloaded nf_conntrack since the boot[\s\S]*200,000 at a boot[\s\S]*sudo ctfix apply\n/,
    ],
    ['its start applies the files', raised, unloads(['.nf_conntrack']), undefined],
    ['a hook applies the files', { ...raised, files: { ...raised.files, ...HOOK } }, unloads([]), undefined],
    ['it is not active', { ...raised, firewalls: [] }, unloads([]), undefined],
    ['it does not unload', raised, {}, undefined],
  ]);
});

test('a host that ctfix has set is well', () => {
  const files = {
    [OURS]: sets(131_072),
    '/etc/modprobe.d/nf_conntrack.conf': 'options nf_conntrack hashsize=131072\n',
    ...HOOK,
  };
  expect(found(patient({ files, table: live(131_072, 131_072) }))).toEqual([]);
});
