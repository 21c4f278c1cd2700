import { describe, expect, test } from 'vitest';
import { isRemote } from '../../src/commands/remote.ts';
import { HostError } from '../../src/errors.ts';
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
