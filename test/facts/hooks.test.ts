import { expect, test } from 'vitest';
import { installHooks, parseModulesLoad, parseUdev, reapplies } from '../../src/facts/hooks.ts';
import { parseModprobe } from '../../src/facts/modprobe-files.ts';

const OURS =
  'ACTION=="add", SUBSYSTEM=="module", KERNEL=="nf_conntrack", RUN+="/usr/lib/systemd/systemd-sysctl --prefix=/net/netfilter"';

test.each([
  ['the rule of sysctl.d(5)', OURS, [1]],
  ['in two lines', `# x\n${OURS.replace('KERNEL', '\\\n  KERNEL')}`, [2]],
  ['by procps', OURS.replace(/RUN.*/, 'RUN+="/sbin/sysctl --system"'), [1]],
  ['RUN{program}', OURS.replace('RUN+', 'RUN{program}+'), [1]],
  ['a pattern', OURS.replace('"nf_conntrack"', '"br_netfilter|nf_conn*"'), [1]],
  ['by DEVPATH', OURS.replace('KERNEL=="nf_conntrack"', 'DEVPATH=="/module/nf_conntrack"'), [1]],
  ['anything but remove', OURS.replace('ACTION=="add"', 'ACTION!="remove"'), [1]],
  ['a comment', `#${OURS}`, []],
  ['another module', OURS.replace('nf_conntrack', 'br_netfilter'), []],
  ['not this module', OURS.replace('KERNEL==', 'KERNEL!='), []],
  ['on remove', OURS.replace('"add"', '"remove"'), []],
  ['another subsystem', OURS.replace('"module"', '"net"'), []],
  ['keys of network devices', OURS.replace('/net/netfilter', '/net/ipv4/conf/eth0'), []],
  [
    'no module named: the rule for every network device',
    'ACTION=="add", SUBSYSTEM=="net", RUN+="/usr/lib/systemd/systemd-sysctl --prefix=/net"',
    [],
  ],
  ['nothing of ours run', OURS.replace(/RUN.*/, 'RUN+="/bin/true"'), []],
])('udev, %s', (_, text, lines) => {
  expect(parseUdev('/etc/udev/rules.d/x.rules', text)).toEqual(
    lines.map((line) => ({ file: '/etc/udev/rules.d/x.rules', line, kind: 'udev' })),
  );
});

test.each([
  ['/usr/lib/systemd/systemd-sysctl', true],
  ['/usr/lib/systemd/systemd-sysctl --prefix=/net/netfilter', true],
  ['/lib/systemd/systemd-sysctl --prefix /net', true],
  ['systemd-sysctl --prefix=/proc/sys/net/netfilter/nf_conntrack_max', true],
  ['systemd-sysctl --prefix=net.netfilter', true],
  ['systemd-sysctl --prefix=/net/ipv4', false],
  [
    "/usr/sbin/modprobe --ignore-install nf_conntrack $CMDLINE_OPTS && /usr/sbin/sysctl --quiet --pattern 'net[.]netfilter[.]nf_conntrack.*' --system",
    true,
  ],
  ['/sbin/sysctl -p /etc/ufw/sysctl.conf', true],
  ['/sbin/sysctl net.ipv4.ip_forward', false],
  ['/bin/true', false],
  ['/opt/mysysctl --system', false],
])('%s re-applies: %s', (command, expected) => expect(reapplies(command)).toBe(expected));

test('an install line that re-applies is a hook, another is none', () => {
  const { lines } = parseModprobe(
    '/f',
    'install nf_conntrack modprobe -i nf_conntrack; sysctl --system\ninstall nf_conntrack /bin/false\n',
  );
  expect(installHooks(lines)).toEqual([{ file: '/f', line: 1, kind: 'install' }]);
});

test.each([
  ['nf_conntrack\n', [1]],
  ['# nf_conntrack\n; nf_conntrack\n\n  nf-conntrack  \r\n', [4]],
  ['loop\nnf_conntrack_ftp ports=21\n', [2]],
  ['xt_conntrack\nnf_conntracks\n', []],
])('modules-load.d %j', (text, lines) =>
  expect(parseModulesLoad('/f', text)).toEqual(lines.map((line) => ({ file: '/f', line }))),
);
