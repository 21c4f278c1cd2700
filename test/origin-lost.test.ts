import { describe, expect, test } from 'vitest';
import { lostText, origins } from '../src/origin.ts';
import { factsOf, type Said } from './support/facts.ts';
import { file, find, hashsize, lines500k, load, MAX, udev } from './support/origins.ts';

describe('what is lost', () => {
  test.each<[string, Said, string, string[]]>([
    ['nothing is asked for', {}, 'max', []],
    [
      'read too early',
      { files: lines500k },
      'max',
      ['500000 in /etc/sysctl.d/90-x.conf:3 was lost, read before the module was loaded'],
    ],
    [
      'it is live for now',
      { files: lines500k, table: { max: 500000 } },
      'max',
      ['500000 in /etc/sysctl.d/90-x.conf:3 will be lost at the next boot, read before the module is loaded'],
    ],
    [
      'the module is not there',
      { files: lines500k, module: { state: 'absent' } },
      'max',
      ['500000 in /etc/sysctl.d/90-x.conf:3 will be lost at the next boot, read before the module is loaded'],
    ],
    ['the same as the kernel gives', { files: file(`${MAX} = 65536\n`) }, 'max', []],
    ['applied', { files: { ...lines500k, ...udev } }, 'max', []],
    [
      'two files, neither applied',
      { files: { ...lines500k, ...file(`${MAX} = 7000\n`, '/etc/sysctl.d/99-y.conf') } },
      'max',
      [
        '500000 in /etc/sysctl.d/90-x.conf:3 does not count: /etc/sysctl.d/99-y.conf:1 has 7000',
        '7000 in /etc/sysctl.d/99-y.conf:1 was lost, read before the module was loaded',
      ],
    ],
    [
      'beaten by a later file',
      { files: { ...lines500k, ...file(`${MAX} = 7000\n`, '/etc/sysctl.d/99-y.conf'), ...udev } },
      'max',
      ['500000 in /etc/sysctl.d/90-x.conf:3 does not count: /etc/sysctl.d/99-y.conf:1 sets 7000 later'],
    ],
    [
      'the legacy spelling and a hook',
      { files: { ...file('net.nf_conntrack_max = 7000\n'), ...udev } },
      'max',
      [
        '7000 in /etc/sysctl.d/90-x.conf:1 is not applied when the module is loaded: that takes net.netfilter keys only',
      ],
    ],
    [
      'the legacy spelling and modules-load.d',
      { files: { ...file('net.nf_conntrack_max = 7000\n'), ...load } },
      'max',
      [],
    ],
    [
      '/etc/sysctl.conf without a link',
      { files: { ...file(`${MAX} = 7000\n`, '/etc/sysctl.conf'), ...udev } },
      'max',
      ['7000 in /etc/sysctl.conf:1 is not read at boot: no link in /etc/sysctl.d leads to that file'],
    ],
    [
      '/etc/sysctl.conf with a link',
      {
        files: { ...file(`${MAX} = 7000\n`, '/etc/sysctl.conf'), ...udev },
        links: { '/etc/sysctl.d/99-sysctl.conf': '/etc/sysctl.conf' },
      },
      'max',
      [],
    ],
    [
      '/etc/sysctl.conf where procps boots',
      { machine: { systemd: false }, files: { ...file(`${MAX} = 7000\n`, '/etc/sysctl.conf'), ...udev } },
      'max',
      [],
    ],
    [
      'ufw that is off',
      {
        files: file(`${MAX}=70000\n`, '/etc/ufw/sysctl.conf'),
        firewalls: [{ name: 'ufw', state: 'inactive', takesAlong: [] }],
      },
      'max',
      ['70000 in /etc/ufw/sysctl.conf:1 is not applied: ufw is not active'],
    ],
    [
      'ufw beats a file',
      {
        files: { ...file(`${MAX}=70000\n`, '/etc/ufw/sysctl.conf'), ...lines500k, ...udev },
        firewalls: [{ name: 'ufw', state: 'active', takesAlong: [] }],
      },
      'max',
      ['500000 in /etc/sysctl.d/90-x.conf:3 does not count: /etc/ufw/sysctl.conf:1 sets 70000 later'],
    ],
    [
      'kube-proxy raises what a file asks for',
      {
        files: { ...file(`${MAX} = 7000\n`), ...udev },
        table: { max: 131072 },
        firewalls: [{ name: 'kube-proxy', state: 'active', takesAlong: [] }],
      },
      'max',
      ['7000 in /etc/sysctl.d/90-x.conf:1 does not count: kube-proxy sets it whenever it starts'],
    ],
    [
      'this kernel takes no 0',
      { machine: { kernel: '6.19.1' }, files: { ...file(`${MAX} = 0\n`), ...udev } },
      'max',
      ['0 in /etc/sysctl.d/90-x.conf:1 has no effect: this kernel does not take it'],
    ],
    [
      'hashsize for a built-in module',
      { module: { state: 'builtin' }, files: hashsize },
      'buckets',
      [
        '125000 in /etc/modprobe.d/nf_conntrack.conf:1 has no effect: the module is built in, and modprobe.d is not read for it',
      ],
    ],
    [
      'hashsize beaten by a later one',
      { files: { ...hashsize, ...file('options nf_conntrack hashsize=512\n', '/etc/modprobe.d/zz.conf') } },
      'buckets',
      ['125000 in /etc/modprobe.d/nf_conntrack.conf:1 does not count: /etc/modprobe.d/zz.conf:1 sets 512 later'],
    ],
    ['hashsize rounded up is no loss', { files: hashsize }, 'buckets', []],
  ])('%s', (_, said, name, expected) => {
    expect(find(said, name).lost.map(lostText)).toEqual(expected);
  });

  test('/etc/sysctl.conf is read at a load where an install line runs sysctl --system', () => {
    const conf = file(`${MAX} = 7000\n`, '/etc/sysctl.conf');
    const install = file(
      'install nf_conntrack /sbin/modprobe --ignore-install nf_conntrack && /sbin/sysctl --system\n',
      '/etc/modprobe.d/f.conf',
    );
    expect(find({ files: { ...conf, ...install } }).lost).toEqual([]);
  });

  test('what systemd-sysctl takes back', () => {
    const facts = factsOf({ files: { ...lines500k, ...udev } });
    const [line] = facts.config.systemdSysctl;
    if (line === undefined) throw new Error('no line');
    const exclusions = [{ ...line, file: '/etc/sysctl.d/95-no.conf', line: 1, value: '', optional: true }];
    const [max] = origins({ ...facts, config: { ...facts.config, systemdSysctl: [], exclusions } });
    expect(max?.lost.map(lostText)).toEqual([
      '500000 in /etc/sysctl.d/90-x.conf:3 is taken back by /etc/sysctl.d/95-no.conf:1 at boot',
    ]);
  });
});
