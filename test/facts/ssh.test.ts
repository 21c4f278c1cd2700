import { describe, expect, test } from 'vitest';
import { HostError } from '../../src/errors.ts';
import { sshConnections } from '../../src/facts/ssh.ts';
import { type Looks, lookedAt, processAt, together } from '../support/looked-at.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const row = (local: string, remote: string, inode: number, state = '01') =>
  `   1: ${local} ${remote} ${state} 00000000:00000000 02:000AED79 00000000     0        0 ${inode} 3 0000 21 4 28 3 7\n`;

// 10.77.0.1 port 22, 10.77.0.2 port 40644, as a little-endian machine prints them.
const [HERE, THERE] = ['01004D0A:0016', '02004D0A:9EC4'];
const MAPPED = '0000000000000000FFFF0000';
const [HERE6, THERE6] = ['000077FD000000000000000001000000:0016', '000077FD000000000000000002000000:0400'];

const sockets = (four: string, six = ''): Looks => ({
  files: { '/proc/net/tcp': HEAD + four, '/proc/net/tcp6': HEAD + six },
});
const FOUR = { family: 4, ours: '10.77.0.1', ourPort: 22, theirs: '10.77.0.2', theirPort: 40644 };
const found = (...looks: Looks[]) => sshConnections(lookedAt(together(...looks)));

describe('sshConnections', () => {
  test.each<[string, Looks]>([
    ['sshd', processAt(700, '/usr/sbin/sshd', { sockets: [5, 12764] })],
    ['an sshd that was upgraded meanwhile', processAt(700, '/usr/sbin/sshd (deleted)', { sockets: [12764] })],
    ['a session of its own', processAt(9, '/usr/lib/openssh/sshd-session', { sockets: [12764] })],
  ])('is what %s of root holds', async (_, process) => {
    expect(await found(process, sockets(row(HERE, THERE, 12764)))).toEqual([FOUR]);
  });

  test.each<[string, Looks, string]>([
    ["what a user's half forwards", processAt(7, '/usr/sbin/sshd', { uid: 1000, sockets: [12764] }), '01'],
    ['what another program holds', processAt(7, '/usr/bin/evil', { sockets: [12764] }), '01'],
    ['what is called so', processAt(7, '/home/u/sshd', { uid: 1000, sockets: [12764] }), '01'],
    ['what a container holds', processAt(7, '/usr/sbin/sshd', { net: 2, sockets: [12764] }), '01'],
    ['what only listens', processAt(7, '/usr/sbin/sshd', { sockets: [12764] }), '0A'],
    ['what is closed already', processAt(7, '/usr/sbin/sshd', { sockets: [12764] }), '08'],
    ['what somebody else has', processAt(7, '/usr/sbin/sshd', { sockets: [12765] }), '01'],
  ])('is not %s', async (_, process, state) => {
    expect(await found(process, sockets(row(HERE, THERE, 12764, state)))).toEqual([]);
  });

  test('IPv6, and IPv4 in the list of IPv6, once each and in order', async () => {
    const process = processAt(7, '/usr/sbin/sshd', { sockets: [1, 2, 3] });
    const six = row(HERE6, THERE6, 1) + row(`${MAPPED}${HERE}`, `${MAPPED}${THERE}`, 2);
    expect(await found(process, sockets(row(HERE, THERE, 3), six))).toEqual([
      FOUR,
      { family: 6, ours: 'fd77:0:0:0:0:0:0:1', ourPort: 22, theirs: 'fd77:0:0:0:0:0:0:2', theirPort: 1024 },
    ]);
  });

  test('connections of the host with itself go over loopback anyway', async () => {
    const process = processAt(7, '/usr/sbin/sshd', { sockets: [1, 2] });
    const rows = row(HERE, '01004D0A:9EC4', 1) + row('0100007F:0016', '0100007F:9EC4', 2);
    expect(await found(process, sockets(rows))).toEqual([]);
  });

  test('a list that is longer than a file may be is read by another way; another error is told', async () => {
    const process = processAt(7, '/usr/sbin/sshd', { sockets: [1] });
    const list = { 'cat -- /proc/net/tcp': HEAD + row(HERE, THERE, 1), 'cat -- /proc/net/tcp6': HEAD };
    const host = lookedAt(together(process, { run: list }));
    const failing = (code: string) => ({
      ...host,
      readFile: async (path: string) => {
        if (path.startsWith('/proc/net/tcp')) throw new HostError(path, code, `${path}: ${code}`);
        return host.readFile(path);
      },
    });
    expect(await sshConnections(failing('TOO_LARGE'))).toEqual([FOUR]);
    await expect(sshConnections(failing('EACCES'))).rejects.toThrow('EACCES');
  });
});
