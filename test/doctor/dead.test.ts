/** The rules about configuration that does nothing, one table for each. */
import { describe } from 'vitest';
import { GIB } from '../support/facts.ts';
import { checkRule } from '../support/rules.ts';
import { active, HOOK, LOAD, live, MAX, OURS, sets } from '../support/said.ts';

describe('dead configuration', () => {
  const stray = (meant?: string, key = 'net.ipv4.netfilter.ip_conntrack_max') => ({
    strayKeys: [{ file: '/etc/sysctl.conf', line: 3, key, value: '500000', ...(meant === undefined ? {} : { meant }) }],
  });
  checkRule('broken-option', [
    [
      'spaces around =',
      { files: { '/etc/modprobe.d/a.conf': 'options nf_conntrack hashsize = 131072\n' } },
      {},
      'warning',
      /a.conf:1: nf_conntrack cannot be loaded/,
    ],
    ['no number', { files: { '/etc/modprobe.d/a.conf': 'options nf_conntrack hashsize=many\n' } }, {}, 'warning'],
    ['CR LF', { files: { '/etc/modprobe.d/a.conf': 'options nf_conntrack hashsize=65536\r\n' } }, {}, 'note', /CR LF/],
    [
      'as it should be',
      { files: { '/etc/modprobe.d/a.conf': 'options nf_conntrack hashsize=65536\n' } },
      {},
      undefined,
    ],
  ]);
  checkRule('wrong-key', [
    [
      'an old name',
      {},
      stray(MAX),
      'warning',
      /nf_conntrack_max was meant[\s\S]*sudo sed -i '3s\|\.\*\|net.netfilter.nf_conntrack_max = 500000\|' \/etc\/sysctl.conf/,
    ],
    [
      'the right key is set as well',
      { files: { '/etc/sysctl.d/a.conf': sets(65_536) } },
      stray(MAX),
      'note',
      /set elsewhere/,
    ],
    [
      'buckets, where they are no key that can be written',
      { machine: { kernel: '3.10.0-1160.el7.x86_64', memTotalKiB: 8 * GIB } },
      stray('net.netfilter.nf_conntrack_buckets', 'net.netfilter.nf_conntrack_hashsize'),
      'warning',
      /take out line 3 of \/etc\/sysctl.conf: before 4.8[\s\S]*sudo ctfix apply --hashsize 500000$/,
    ],
    ['no key is near', {}, stray(undefined, 'net.netfilter.nf_conntrack_turbo'), 'note', /take out line 3/],
    ['none', {}, {}, undefined],
    ['not looked at', {}, { strayKeys: [] }, undefined],
  ]);
  checkRule('dead-line', [
    [
      'refused',
      { files: { '/etc/sysctl.d/a.conf': `${MAX} = lots\n` } },
      {},
      'warning',
      /a.conf:1: keeps systemd-sysctl from setting/,
    ],
    ['no assignment', { files: { '/etc/sysctl.d/a.conf': `${MAX} 500000\n` } }, {}, 'warning', /not an assignment/],
    [
      'a carriage return in it',
      { files: { '/etc/sysctl.d/a.conf': `${MAX} = 1\r2\n` } },
      {},
      'warning',
      /carriage return/,
    ],
    ['left out on purpose', { files: { '/etc/sysctl.d/a.conf': `-${MAX}\n` } }, {}, 'note'],
    ['fine', { files: { '/etc/sysctl.d/a.conf': sets(65_536) } }, {}, undefined],
  ]);
  checkRule('duplicate-key', [
    [
      'twice in one file',
      { files: { '/etc/sysctl.d/a.conf': `${sets(1)}${sets(65_536)}`, ...HOOK } },
      {},
      'note',
      /1 on line 1, 65536 on line 2/,
    ],
    ['the same value twice', { files: { '/etc/sysctl.d/a.conf': `${sets(65_536)}${sets(65_536)}` } }, {}, undefined],
    [
      'hashsize in two files',
      {
        files: {
          '/etc/modprobe.d/a.conf': 'options nf_conntrack hashsize=65536\n',
          '/etc/modprobe.d/b.conf': 'options nf_conntrack hashsize=131072\n',
        },
      },
      {},
      'note',
      /65536 in \S*a.conf:1, 131072 in \S*b.conf:1/,
    ],
  ]);
  const option = { '/etc/modprobe.d/a.conf': 'options nf_conntrack hashsize=65536\n' };
  checkRule('hashsize-alone', [
    ['the next load makes max 8 times as large', { files: option }, {}, 'warning', /524,288[\s\S]*--max 65536/],
    ['it is so already', { files: option, table: live(524_288) }, {}, 'note'],
    ['max is set, too', { files: { ...option, [OURS]: sets(65_536), ...HOOK } }, {}, undefined],
    ['no hashsize', {}, {}, undefined],
  ]);
  checkRule('builtin-option', [
    [
      'modprobe.d for a module that is built in',
      { files: { '/etc/modprobe.d/a.conf': 'options nf_conntrack hashsize=131072\n' }, module: { state: 'builtin' } },
      {},
      'warning',
      /--hashsize 131072[\s\S]*kernel command line/,
    ],
    ['loadable', { files: option }, {}, undefined],
  ]);
  checkRule('unread-sysctl-conf', [
    ['no link to it', { files: { '/etc/sysctl.conf': sets(500_000) } }, {}, 'warning', /ln -s \.\.\/sysctl.conf/],
    [
      'linked',
      {
        files: { '/etc/sysctl.conf': sets(65_536), ...LOAD },
        links: { '/etc/sysctl.d/99-sysctl.conf': '/etc/sysctl.conf' },
      },
      {},
      undefined,
    ],
  ]);
  const early = { file: '/etc/initramfs-tools/modules', line: 4, image: '/boot/initrd.img-6.1' };
  checkRule('stale-initramfs', [
    [
      'older than the option',
      {},
      { initramfs: { ...early, newer: ['/etc/modprobe.d/a.conf'] } },
      'warning',
      /update-initramfs -u -k all/,
    ],
    ['newer than the option', {}, { initramfs: { ...early, newer: [] } }, undefined],
    ['unknown', {}, { initramfs: { ...early, newer: { unknown: 'x' } } }, undefined],
  ]);
  checkRule('loaders-disagree', [
    [
      'sysctl.conf read last',
      {
        files: { '/etc/sysctl.conf': sets(65_536), '/etc/sysctl.d/99-z.conf': sets(500_000), ...LOAD },
        links: { '/etc/sysctl.d/99-sysctl.conf': '/etc/sysctl.conf' },
        table: live(500_000),
      },
      {},
      'warning',
      /65536 in \/etc\/sysctl.conf:1, 500000 at boot in/,
    ],
    [
      'without systemd there is one loader',
      {
        files: { '/etc/sysctl.conf': sets(65_536), '/etc/sysctl.d/99-z.conf': sets(500_000) },
        machine: { systemd: false },
      },
      {},
      undefined,
    ],
    ['they agree', { files: { '/etc/sysctl.d/99-z.conf': sets(500_000) } }, {}, undefined],
  ]);
  checkRule('ufw-off', [
    [
      'ufw is inactive',
      {
        files: { '/etc/ufw/sysctl.conf': sets(500_000) },
        firewalls: [{ name: 'ufw', state: 'inactive', takesAlong: [] }],
      },
      {},
      'note',
    ],
    ['ufw is active', { files: { '/etc/ufw/sysctl.conf': sets(65_536) }, firewalls: active('ufw') }, {}, undefined],
  ]);
});
