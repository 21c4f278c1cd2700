/** The rules about values that a boot lost or will lose: what makes the finding, what does not. */
import { describe } from 'vitest';
import { checkRule } from '../support/rules.ts';
import { active, HOOK, LOAD, live, OURS, sets } from '../support/said.ts';

describe('drop-in-lost', () => {
  const dropIn = { '/etc/sysctl.d/90-x.conf': `# mine\n${sets(500_000)}` };
  checkRule('drop-in-lost', [
    [
      'read before the module is there',
      { files: dropIn },
      {},
      'warning',
      /500000 in \/etc\/sysctl.d\/90-x.conf:2 was lost, read before the module was loaded[\s\S]*nothing loads nf_conntrack before/,
    ],
    [
      'the next boot will lose it',
      { files: dropIn, table: live(500_000) },
      {},
      'warning',
      /will be lost at the next boot/,
    ],
    ['the module comes first', { files: { ...dropIn, ...LOAD }, table: live(500_000) }, {}, undefined],
    ['a hook applies it', { files: { ...dropIn, ...HOOK }, table: live(500_000) }, {}, undefined],
    ['built in', { files: dropIn, module: { state: 'builtin' }, table: live(500_000) }, {}, undefined],
    [
      'it asks for less than there is',
      { files: { '/etc/sysctl.d/90-x.conf': sets(30_000) } },
      {},
      'note',
      /take it out/,
    ],
    [
      'the old spelling, which no hook takes',
      { files: { '/etc/sysctl.d/90-x.conf': 'net.nf_conntrack_max = 500000\n', ...HOOK } },
      {},
      'warning',
      /net.netfilter keys only/,
    ],
    [
      'a timeout',
      { files: { '/etc/sysctl.d/90-x.conf': sets(86400, 'net.netfilter.nf_conntrack_tcp_timeout_established') } },
      {},
      'warning',
      /ctfix apply --timeout tcp_established=86400/,
    ],
    [
      'a key that ctfix does not set',
      { files: { '/etc/sysctl.d/90-x.conf': sets(1, 'net.netfilter.nf_conntrack_acct') } },
      {},
      'warning',
      /tee \/etc\/modules-load.d\/nf_conntrack.conf/,
    ],
    [
      'a key that this kernel does not have is another matter',
      { files: { '/etc/sysctl.d/90-x.conf': sets(1, 'net.netfilter.nf_conntrack_helper') } },
      {},
      undefined,
    ],
    ['no file', {}, {}, undefined],
    ['in a container the files decide nothing', { files: dropIn, table: { namespace: 'child' } }, {}, undefined],
  ]);
});

describe('since the boot, and at the next one', () => {
  checkRule('lowered-since', [
    [
      'somebody lowered max',
      { files: { [OURS]: sets(500_000), ...HOOK }, firewalls: active('ufw') },
      {},
      'warning',
      /max 65,536 now, 500,000 after a boot[\s\S]*active here: ufw/,
    ],
    [
      'only the buckets wait',
      { files: { '/etc/modprobe.d/a.conf': 'options nf_conntrack hashsize=131072\n', [OURS]: sets(65_536), ...HOOK } },
      {},
      'note',
      /--hashsize 131072/,
    ],
    ['as the files say', { files: { [OURS]: sets(500_000), ...HOOK }, table: live(500_000) }, {}, undefined],
    [
      '8 × hashsize, which nobody asked for',
      { files: { '/etc/modprobe.d/a.conf': 'options nf_conntrack hashsize=65536\n' } },
      {},
      undefined,
    ],
    ['8 × hashsize of the kernel command line', { cmdlineHashsize: 65_536 }, {}, undefined],
  ]);
  checkRule('next-boot-loses', [
    [
      'set by hand',
      { table: live(200_000) },
      {},
      'warning',
      /max 200,000 now[\s\S]*65,536 after the next boot[\s\S]*sudo ctfix apply$/,
    ],
    [
      'set by hand, and a later file has less',
      { table: live(200_000), files: { '/etc/sysctl.d/99-cloud.conf': sets(65_536), ...LOAD } },
      {},
      'warning',
      /sudo ctfix apply --take-over$/,
    ],
    [
      'set by hand, and the kernel command line has less',
      { table: live(200_000, 262_144), cmdlineHashsize: 65_536 },
      {},
      'warning',
      /beats every file: set nf_conntrack.hashsize=262144 in the boot loader[^\n]*\n$/,
    ],
    ['a default', {}, {}, undefined],
    [
      'a file asks for it: that is the drop-in',
      { table: live(200_000), files: { '/etc/sysctl.d/a.conf': sets(200_000) } },
      {},
      undefined,
    ],
  ]);
});
