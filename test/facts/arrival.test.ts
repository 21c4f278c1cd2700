import { describe, expect, test } from 'vitest';
import { HostError } from '../../src/errors.ts';
import { cutArrival, isRemote } from '../../src/facts/arrival.ts';
import { type Looks, lookedAt, processAt, together } from '../support/looked-at.ts';
import { memoryHost } from '../support/memory-host.ts';

const stat = (pid: number, name: string, parent: number) => ({
  [`/proc/${pid}/stat`]: `${pid} (${name}) S ${parent} ${pid} ${pid} 0 -1 4194560 1 2`,
});

/** This process is 100; /proc/self/stat of the host in memory has its parent 1, so the chain begins with a file here. */
function host(files: Record<string, string>) {
  const memory = memoryHost(files);
  const { readFile } = memory.host;
  return { ...memory.host, readFile: async (path: string) => files[path] ?? readFile(path) };
}

const self = (parent: number) => ({ '/proc/self/stat': `100 (ctfix) R ${parent} 1 1 0 -1 0 0 0` });

describe('is somebody here from elsewhere?', () => {
  test.each<[string, Record<string, string>, boolean]>([
    [
      'ssh, shell, sudo',
      { ...self(90), ...stat(90, 'sudo', 80), ...stat(80, 'bash', 70), ...stat(70, 'sshd', 1) },
      true,
    ],
    ['newer sshd', { ...self(80), ...stat(80, 'bash', 70), ...stat(70, 'sshd-session', 1) }, true],
    ['mosh', { ...self(80), ...stat(80, 'bash', 70), ...stat(70, 'mosh-server', 1) }, true],
    [
      'a multiplexer, whoever looks at it',
      { ...self(80), ...stat(80, 'bash', 70), ...stat(70, 'tmux: server', 1) },
      true,
    ],
    ['the console', { ...self(80), ...stat(80, 'bash', 70), ...stat(70, 'login', 1), ...stat(1, 'systemd', 0) }, false],
    [
      'a shell that calls itself sshd) S 1',
      { ...self(80), ...stat(80, 'sshd) S 1', 70), ...stat(70, 'login', 1) },
      false,
    ],
    ['a parent that is gone', { ...self(80) }, false],
    ['parents in a circle', { ...self(80), ...stat(80, 'a', 81), ...stat(81, 'b', 80) }, false],
    [
      'the daemon of the same audit session',
      { ...self(1), '/proc/self/sessionid': '7', ...stat(70, 'sshd', 1), '/proc/70/sessionid': '7' },
      true,
    ],
    [
      'the daemon of another session',
      { ...self(1), '/proc/self/sessionid': '8', ...stat(70, 'sshd', 1), '/proc/70/sessionid': '7' },
      false,
    ],
    [
      'no session at all',
      { ...self(1), '/proc/self/sessionid': '4294967295', ...stat(70, 'sshd', 1), '/proc/70/sessionid': '4294967295' },
      false,
    ],
  ])('%s', async (_, files, remote) => expect(await isRemote(host(files))).toBe(remote));

  test('what cannot be read says nothing', async () => {
    const readFile = async (path: string) => {
      throw new HostError(path, 'EACCES', 'no');
    };
    expect(await isRemote({ ...memoryHost().host, readFile })).toBe(false);
  });
});

const TCP = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const row = (local: string, remote: string, inode: number) =>
  `   1: ${local} ${remote} 01 00000000:00000000 02:000AED79 00000000     0        0 ${inode} 3 0000 21 4 28 3 7\n`;
/** Socket 5 comes from another host, 6 from this one. */
const LIST = {
  files: {
    '/proc/net/tcp': `${TCP}${row('01004D0A:0016', '02004D0A:9EC4', 5)}${row('0100007F:0016', '0100007F:9EC4', 6)}`,
  },
};
const named = (files: Record<string, string>): Looks => ({ files });
const user = (pid: number) => named({ [`/proc/${pid}/status`]: 'Uid:\t1000\t1000\t1000\t1000\n' });

/** A process of root with its sockets. */
const root = (pid: number, name: string, parent: number, sockets: readonly number[] = []): Looks =>
  together(processAt(pid, `/usr/sbin/${name}`, { sockets }), named(stat(pid, name, parent)));
const SUDO = named({ ...self(90), ...stat(90, 'sudo', 80), ...stat(80, 'bash', 70) });
const LISTENER = root(7, 'sshd', 1);
/** A user's half and root's half of one session, as OpenSSH makes them. */
const session = (name: string, inode: number, ...forwarded: number[]): Looks =>
  together(
    processAt(70, `/usr/sbin/${name}`, { uid: 1000, sockets: [inode, ...forwarded] }),
    named(stat(70, name, 60)),
    root(60, name, 7, [inode]),
    LISTENER,
  );
const tmux = (...clients: Looks[]): Looks =>
  together(named({ ...self(80), ...stat(80, 'bash', 50), ...stat(50, 'tmux: server', 1) }), user(50), ...clients);
const client = (parent: number, pid = 95) => together(named(stat(pid, 'tmux: client', parent)), user(pid));
const AUDIT = (pid: number) => named({ '/proc/self/sessionid': '7', [`/proc/${pid}/sessionid`]: '7' });

describe('would the guard cut off the one who calls?', () => {
  const arrival = (...looks: Looks[]) => cutArrival(lookedAt(together(LIST, ...looks)));

  test.each<[string, Looks[]]>([
    ['the console', [SUDO, named({ ...stat(70, 'login', 1) })]],
    ['a unit or a job of the host', [named({ ...self(1), ...stat(1, 'systemd', 0) })]],
    ['an sshd with a connection from elsewhere', [SUDO, session('sshd', 5)]],
    ['an sshd-session with one', [SUDO, session('sshd-session', 5)]],
    ['root himself, whose session is one process', [named({ ...self(60) }), root(60, 'sshd', 7, [5])]],
    ['a process that its session left behind', [named({ ...self(1) }), AUDIT(60), session('sshd', 5)]],
    ['a multiplexer that nobody looks at', [tmux(session('sshd', 6))]],
    ['a multiplexer on the console', [tmux(client(40), named(stat(40, 'login', 1)))]],
    ['a multiplexer in an ssh session', [tmux(client(70), session('sshd', 5))]],
    [
      'a multiplexer at which another user looks from elsewhere',
      [tmux(root(95, 'tmux: client', 40), named(stat(40, 'mosh-server', 1)))],
    ],
  ])('not %s', async (_, looks) => expect(await arrival(...looks)).toBeUndefined());

  test.each<[string, Looks[], string]>([
    ['dropbear', [SUDO, root(70, 'dropbear', 1, [5])], 'dropbear (70)'],
    ['mosh, while others have ssh', [SUDO, root(70, 'mosh-server', 1), root(60, 'sshd', 7, [5])], 'mosh-server (70)'],
    ['Tailscale', [SUDO, root(70, 'tailscaled', 1)], 'tailscaled (70)'],
    ['the end of a reverse tunnel', [SUDO, session('sshd', 6)], 'sshd (70), whose session has no connection from'],
    ['the same, with something forwarded', [SUDO, session('sshd', 6, 5)], 'sshd (70), whose session has no'],
    ['the end of one, in an audit session', [named({ ...self(1) }), AUDIT(60), session('sshd', 6)], 'sshd (60), whose'],
    ['a multiplexer looked at through mosh', [tmux(client(40), named(stat(40, 'mosh-server', 1)))], 'mosh-server (40)'],
    ['one through a reverse tunnel', [tmux(client(70), session('sshd', 6))], 'sshd (70), whose session'],
    [
      'one of two who look at it',
      [tmux(client(70), session('sshd', 5), client(40, 96), named(stat(40, 'mosh-server', 1)))],
      'mosh-server (40)',
    ],
  ])('%s', async (_, looks, way) => expect(await arrival(...looks)).toContain(way));
});
