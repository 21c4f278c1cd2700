import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { HostError } from '../../src/errors.ts';
import { gather } from '../../src/facts/gather.ts';
import { thin, thinNames } from '../../src/facts/thin.ts';
import { readRecording, recordedFrom, recordedHost } from '../../src/host/recorded.ts';
import { recorder, scrubber } from '../../src/host/recorder.ts';

const HOSTS = join(import.meta.dirname, '../hosts');
const scratch = mkdtempSync(join(tmpdir(), 'ctfix-recorded-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const everything = { text: (_: string, text: string) => text, names: (_: string, names: readonly string[]) => names };

function write(files: Readonly<Record<string, string>>, name: string): string {
  const dir = join(scratch, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  return dir;
}

describe('a host out of memory', () => {
  const host = recordedFrom({
    files: { '/etc/a': 'A', '/etc/d/x': 'X' },
    links: { '/etc/l': 'a', '/etc/ring': 'ring', '/etc/gone': '/nowhere', '/lnk': 'etc/d' },
    dirs: { '/proc': ['1'] },
    stats: { '/run/s': { kind: 'other', mode: 0o600 }, '/etc/a': { mode: 0o444 } },
    errors: { '/etc/secret': { code: 'EACCES', message: 'no' } },
    commands: { 'echo a b': { code: 0, stdout: 'a b\n', stderr: '' } },
  });
  test('files, through links too; absent is undefined', async () => {
    const read = (path: string) => host.readFile(path);
    expect(await Promise.all(['/etc/a', '/etc/l', '/etc/ring', '/etc/gone', '/x', '/constructor'].map(read))).toEqual([
      'A',
      'A',
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
  test('directories know what is in them, sorted', async () => {
    expect(await host.readDir('/etc')).toEqual(['a', 'd', 'gone', 'l', 'ring', 'secret']);
    expect(await host.readDir('/lnk')).toEqual(['x']);
    expect(await host.readDir('/')).toEqual(['etc', 'lnk', 'proc', 'run']);
    expect(await host.readDir('/nowhere')).toEqual([]);
  });
  test('lstat: kinds, and what was told about them', async () => {
    expect(await host.stat('/etc')).toMatchObject({ kind: 'dir' });
    expect(await host.stat('/etc/l')).toMatchObject({ kind: 'link' });
    expect(await host.stat('/etc/a')).toMatchObject({ kind: 'file', mode: 0o444, size: 1 });
    expect(await host.stat('/run/s')).toMatchObject({ kind: 'other' });
    expect(await host.stat('/nowhere')).toBeUndefined();
  });
  test('what could not be read still cannot; a command that was not recorded does not exist', async () => {
    await expect(host.readFile('/etc/secret')).rejects.toThrow(HostError);
    expect((await host.run(['echo', 'a', 'b'])).stdout).toBe('a b\n');
    expect((await host.run(['echo'])).code).toBe(127);
  });
});

describe('recording', () => {
  test.each(['debian12-full-4g', 'el7-ish', 'builtin-6.18', 'debian12-idle-user'])(
    '%s, recorded again, gives the same facts',
    async (name) => {
      const sleep = async () => {};
      const inner = recordedHost(join(HOSTS, name));
      const { host, files } = recorder(inner, { text: thin, names: thinNames });
      const before = await gather(host, { sleep });
      const after = await gather(recordedHost(write(await files(), name)), { sleep });
      expect(after).toEqual(before);
    },
  );

  test('holds what was read and nothing else', async () => {
    const inner = recordedFrom({ files: { '/etc/a': 'A', '/etc/b': 'B', '/etc/hostname': 'alice.example.org\n' } });
    const { host, files } = recorder(inner, everything);
    await host.readFile('/etc/a');
    await host.readFile('/etc/none');
    expect(Object.keys(await files()).sort()).toEqual(['NOTES.md', 'commands.json', 'host.json', 'root/etc/a']);
  });

  test('names and addresses do not go out, in files, commands and errors', async () => {
    const id = '0123456789abcdef0123456789abcdef';
    const secret = `alice.example.org alice 10.1.2.3 10.1.2.3/24 fe80::1:2 52:54:00:12:34:56 ${id}`;
    const inner = recordedFrom({
      root: true,
      files: { '/etc/hostname': 'alice.example.org\n', '/etc/machine-id': `${id}\n`, '/etc/a': secret },
      commands: { 'x -y': { code: 1, stdout: secret, stderr: secret } },
      errors: { '/etc/e': { code: 'EACCES', message: secret } },
    });
    const { host, files } = recorder(inner, everything);
    await host.readFile('/etc/a');
    await host.run(['x', '-y']);
    await host.readFile('/etc/e').catch(() => {});
    const written = await files();
    for (const text of Object.values(written)) expect(text).not.toMatch(/alice|10\.1\.2|fe80|52:54|0123456789abcdef/);
    expect(written['root/etc/a']).toBe(
      `host host 192.0.2.1 192.0.2.1/24 2001:db8::1 00:00:5e:00:53:01 ${'1'.padStart(32, '0')}`,
    );
    expect(readRecording(write(written, 'scrubbed')).root).toBe(true);
  });
});

describe('scrubbing', () => {
  const scrub = scrubber({ hosts: ['debian'] });
  test.each([
    [
      '127.0.0.1 ::1 0.0.0.0 255.255.255.0 224.0.0.251 ff02::2',
      '127.0.0.1 ::1 0.0.0.0 255.255.255.0 224.0.0.251 ff02::2',
    ],
    ['kernel 6.1.0-56 at 12:34:56, 999.1.1.1', 'kernel 6.1.0-56 at 12:34:56, 999.1.1.1'],
    ['debian-kernel predebian debian', 'debian-kernel predebian host'],
    ['a::b and A::B', '2001:db8::1 and 2001:db8::1'],
  ])('%j becomes %j', (text, expected) => expect(scrubber({ hosts: ['debian'] })(text)).toBe(expected));
  test('twice is once, and many addresses stay apart', () => {
    const many = Array.from({ length: 600 }, (_, n) => `10.0.${n >> 8}.${n & 255}`);
    const once = scrub(many.join(' '));
    expect(scrub(once)).toBe(once);
    expect(new Set(once.split(' ')).size).toBe(600);
  });
});
