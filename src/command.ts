/** The words of every command that changes the machine: shown in the plan and run by the host, from one source. Pure. */
import type { HostCommand, RulesTool, Words } from './model.ts';

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
  if ('flows' in command) return flowsArgv(command);
  if ('udev' in command) return command.udev === 'reload' ? ['udevadm', 'control', '--reload'] : ['udevadm', 'settle'];
  if ('service' in command) return serviceArgv(command.service, command.run, command.after);
  if ('timer' in command) return timerArgv(command.timer, command.seconds, command.run);
  if ('interrupt' in command) return ['systemctl', 'kill', '--kill-who=main', '--signal=SIGINT', command.interrupt];
  if ('wall' in command) return ['wall', command.wall];
  return ['logger', '-t', 'ctfix', '-p', 'daemon.notice', '--', command.log];
}

/** conntrack(8): `-o save` gives what `-R` takes; `-o extended` gives the marks and zones that it leaves out. */
function flowsArgv(command: Extract<HostCommand, { flows: string }>): Argv {
  if (command.flows === 'flush') return ['conntrack', '-F'];
  // Not from standard input: it opens /dev/stdin anew, and what cannot be opened twice (a socket) is an error.
  if (command.flows === 'load') return ['conntrack', '-R', command.file];
  return ['conntrack', '-L', '-o', command.flows === 'save' ? 'save' : 'extended'];
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

/**
 * How long a change may take as a service. What waits for ever behind a terminal that is stopped would keep the guard in
 * force for ever. Far above the longest reload: every stop, start and load of it has its own limit of some minutes.
 */
const SERVICE_LIMIT_S = 1800;

/**
 * systemd-run(1): the service's control group is killed as one, so that no child of a killed program goes on; the
 * recovery is its ExecStopPost, which runs after whatever ended it (systemd.service(5)) and is given all the time it needs;
 * RuntimeMaxSec ends the program alone, not what runs after it. KillSignal: a program that hangs in a write hears no
 * SIGTERM, and TimeoutStopSec=infinity would wait for it for ever.
 */
function serviceArgv(unit: string, run: Words, after: Words): Argv {
  const limits = [`RuntimeMaxSec=${SERVICE_LIMIT_S}`, 'KillSignal=SIGKILL', 'TimeoutStopSec=infinity'];
  const properties = ['KillMode=control-group', ...limits, `ExecStopPost=${after.join(' ')}`];
  const words = properties.flatMap((property) => ['-p', property]);
  return ['systemd-run', `--unit=${unit}`, '--quiet', '--collect', '--wait', '--pipe', ...words, '--', ...run];
}

/**
 * systemd-run(1): monotonic time, which no step of the clock moves; without AccuracySec it may be a minute late. A program
 * that is killed is started again, however often: with three seconds between two starts there are never as many as systemd
 * gives up after (five in ten seconds, systemd-system.conf(5), DefaultStartLimitBurst).
 */
function timerArgv(unit: string, seconds: number, run: Words): Argv {
  const when = [`--on-active=${seconds}s`, '--timer-property=AccuracySec=1s'];
  const again = ['-p', 'Restart=on-abnormal', '-p', 'RestartSec=3s'];
  return ['systemd-run', `--unit=${unit}`, '--quiet', ...when, ...again, '--', ...run];
}
