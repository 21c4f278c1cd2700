import { expect, test } from 'vitest';
import { isOwn } from '../../src/facts/own.ts';
import { thin, thinNames } from '../../src/facts/thin.ts';

test.each([
  ['/proc/9/comm', 'secretd\n', undefined],
  ['/proc/9/comm', 'kube-proxy\n', 'kube-proxy\n'],
  ['/proc/meminfo', 'MemTotal: 1 kB\nMemFree: 1 kB\n', 'MemTotal: 1 kB\n'],
  [
    '/dev/kmsg',
    '5,0,0,-;Linux at home\n6,1,1,-;secret\n4,2,2,-;nf_conntrack: table full, dropping packet\n',
    '5,0,0,-;\n4,2,2,-;nf_conntrack: table full, dropping packet\n',
  ],
  [
    '/proc/mounts',
    '/dev/mapper/alice-root / ext4 rw 0 0\nx:/home /home nfs rw 0 0\np /proc/sys proc ro 0 0\n',
    'none / ext4 rw 0 0\nnone /proc/sys proc ro 0 0\n',
  ],
  ['/proc/cmdline', 'root=UUID=1 password=x nf_conntrack.hashsize=5 ro\n', 'nf_conntrack.hashsize=5\n'],
  ['/proc/modules', 'nf_nat 1 0 - Live 0xffffffffc0a1b000 (E)\n', 'nf_nat 1 0 - Live 0x0 (E)\n'],
  ['/proc/version', 'Linux version 6 (alice@home) (gcc) #1\n', 'Linux version 6 (gcc) #1\n'],
  ['/etc/sysctl.d/a.conf', 'kernel.domainname = home\n', undefined],
  ['/etc/sysctl.d/a.conf', 'net.*.nf_x = 1\n', 'net.*.nf_x = 1\n'],
  ['/etc/modprobe.d/a.conf', 'options x y\n', undefined],
  ['/usr/lib/udev/rules.d/a.rules', 'KERNEL=="x", RUN+="/sbin/sysctl --system"\n', undefined],
  ['/etc/os-release', 'ID=x\n', 'ID=x\n'],
  ['journalctl -k', '{"MESSAGE":"secret"}\n', ''],
  ['systemctl show', 'Id=x\n', 'Id=x\n'],
])('%s %j becomes %j', (name, text, kept) => expect(thin(name, text)).toBe(kept));

test('names: units of ours, processes, keys of ours', () => {
  expect(thinNames('/etc/systemd/system', ['secret.service', 'ufw.service'])).toEqual(['ufw.service']);
  expect(thinNames('/proc', ['1', 'sys'])).toEqual(['1']);
  expect(thinNames('/proc/sys/net/netfilter', ['nf_log', 'nf_conntrack_max'])).toEqual(['nf_conntrack_max']);
  expect(thinNames('/etc/sysctl.d', ['a'])).toEqual(['a']);
});

test.each([
  ['/etc/modprobe.d/nf_conntrack.conf', true],
  ['/etc/modprobe.d/ctfix-install.conf', true],
  ['/etc/sysctl.d/90-ctfix-conntrack.conf', true],
  ['/etc/sysctl.d/99-sysctl.conf', false],
  ['/usr/lib/modprobe.d/ctfix.conf', false],
])('%s is ours: %s', (path, expected) => expect(isOwn(path)).toBe(expected));
