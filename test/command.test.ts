import { expect, test } from 'vitest';
import { argvOf } from '../src/command.ts';
import type { HostCommand } from '../src/model.ts';

test.each<[HostCommand, string]>([
  [{ unit: 'start', name: 'ufw.service' }, 'systemctl --no-ask-password start ufw.service'],
  [{ unit: 'stop', name: 'ufw.service' }, 'systemctl --no-ask-password stop ufw.service'],
  [{ unit: 'restart', name: 'ufw.service' }, 'systemctl --no-ask-password restart ufw.service'],
  [{ unit: 'reset-failed', name: 'ufw.service' }, 'systemctl --no-ask-password reset-failed ufw.service'],
  [{ unitFiles: 'daemon-reload' }, 'systemctl --no-ask-password daemon-reload'],
  [{ module: 'load', name: 'nf_conntrack' }, 'modprobe nf_conntrack'],
  [{ module: 'load-plain', name: 'nf_conntrack' }, 'modprobe -C /dev/null nf_conntrack'],
  [{ module: 'unload', name: 'nf_conntrack' }, 'rmmod nf_conntrack'],
  [{ flush: 'netfilter-persistent' }, 'netfilter-persistent flush'],
  [{ rules: 'nft', how: 'transaction' }, 'nft -f -'],
  [{ rules: 'iptables-nft', how: 'restore' }, 'iptables-nft-restore'],
  [{ rules: 'ip6tables-legacy', how: 'transaction' }, 'ip6tables-legacy-restore --noflush'],
  [{ ipset: 'restore' }, 'ipset restore -exist'],
  [{ sysctl: 'apply-prefix' }, '/lib/systemd/systemd-sysctl --prefix=/net/netfilter'],
  [{ flows: 'flush' }, 'conntrack -F'],
  [{ udev: 'reload' }, 'udevadm control --reload'],
  [{ udev: 'settle' }, 'udevadm settle'],
  [
    { service: 'ctfix-apply-x', run: ['/sbin/ctfix', 'perform', 'x'], after: ['/sbin/ctfix', 'recover', 'x'] },
    'systemd-run --unit=ctfix-apply-x --quiet --collect --wait --pipe -p KillMode=control-group -p RuntimeMaxSec=1800 -p KillSignal=SIGKILL -p TimeoutStopSec=infinity -p ExecStopPost=/sbin/ctfix recover x -- /sbin/ctfix perform x',
  ],
  [
    { timer: 'ctfix-revert-x', seconds: 90, run: ['/sbin/ctfix', 'recover', 'x'] },
    'systemd-run --unit=ctfix-revert-x --quiet --on-active=90s --timer-property=AccuracySec=1s -p Restart=on-abnormal -p RestartSec=3s -- /sbin/ctfix recover x',
  ],
  [{ interrupt: 'a.service' }, 'systemctl kill --kill-who=main --signal=SIGINT a.service'],
  [{ wall: 'ctfix: it -n is' }, 'wall ctfix: it -n is'],
])('%o', (command, expected) => {
  expect(argvOf(command).join(' ')).toBe(expected);
});

test('a log text is one word, whatever it says', () => {
  const argv = argvOf({ log: '-x; rm $(x)\n' });
  expect(argv.slice(0, -1)).toEqual(['logger', '-t', 'ctfix', '-p', 'daemon.notice', '--']);
  expect(argv.at(-1)).toBe('-x; rm $(x)\n');
});
