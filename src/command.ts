/** The words of every command that changes the machine: shown in the plan and run by the host, from one source. Pure. */
import type { HostCommand, RulesTool } from './model.ts';

export type Argv = readonly [string, ...string[]];

/**
 * Program and arguments for a command of the closed list; what a shell would make of a name never matters, there is none.
 * Names without a slash are looked up by the host in its own fixed search path.
 */
export function argvOf(command: HostCommand): Argv {
  if ('unit' in command) return ['systemctl', '--no-ask-password', command.unit, command.name];
  if ('unitFiles' in command) return ['systemctl', '--no-ask-password', command.unitFiles];
  if ('module' in command) return moduleArgv(command.module, command.name);
  if ('flush' in command) return ['netfilter-persistent', 'flush'];
  if ('rules' in command) return rulesArgv(command.rules, command.how, command.plain);
  if ('ipset' in command) return ['ipset', 'restore', '-exist'];
  // /lib is a link to /usr/lib, or it is where a split system keeps the program: this path is right on both.
  if ('sysctl' in command) return ['/lib/systemd/systemd-sysctl', '--prefix=/net/netfilter'];
  if ('flows' in command) return ['conntrack', '-F'];
  if ('udev' in command) return command.udev === 'reload' ? ['udevadm', 'control', '--reload'] : ['udevadm', 'settle'];
  return ['logger', '-t', 'ctfix', '-p', 'daemon.notice', '--', command.log];
}

/** modprobe(8): `-C FILE` takes the place of every modprobe.d directory; dependencies come from modules.dep. */
function moduleArgv(how: 'load' | 'load-plain' | 'unload', name: string): Argv {
  if (how === 'unload') return ['rmmod', name];
  return how === 'load' ? ['modprobe', name] : ['modprobe', '-C', '/dev/null', name];
}

/**
 * `restore` puts the recorded rules in the place of those that are there (iptables-restore(8) flushes each table that
 * its input names); `transaction` adds to them, all or nothing. nft's input says for itself what it flushes.
 */
function rulesArgv(tool: RulesTool, how: 'restore' | 'transaction', plain = false): Argv {
  if (tool === 'nft') return ['nft', '-f', '-'];
  const program = `${plain ? tool.replace(/-\w+$/, '') : tool}-restore`;
  return how === 'restore' ? [program] : [program, '--noflush'];
}
