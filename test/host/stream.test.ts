import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { HostError } from '../../src/errors.ts';
import { localHost } from '../../src/host/local.ts';
import { recordedFrom } from '../../src/host/recorded.ts';
import { bytesOf, unpacked } from '../../src/host/stream.ts';

const dir = mkdtempSync(join(tmpdir(), 'ctfix-stream-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** More than two pieces, and no two of them alike. */
const large = Buffer.from(Array.from({ length: 300_000 }, (_, n) => `${n}\n`).join(''));

async function all(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of bytes) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

function file(name: string, bytes: Uint8Array): string {
  const path = join(dir, name);
  writeFileSync(path, bytes);
  return path;
}

describe('a file in pieces', () => {
  test.each([
    ['empty', Buffer.alloc(0)],
    ['small', Buffer.from('one line')],
    ['large', large],
  ])('%s', async (name, bytes) => {
    expect((await all(bytesOf(file(name, bytes)))).equals(bytes)).toBe(true);
  });

  test('from a fifo that is written to slowly', async () => {
    const path = join(dir, 'fifo');
    await new Promise((resolve) => spawn('mkfifo', [path]).on('exit', resolve));
    const child = spawn('sh', ['-c', `(printf one; sleep 0.1; printf two) > ${path}`]);
    expect((await all(bytesOf(path))).toString()).toBe('onetwo');
    child.kill();
  });

  test.each([
    ['nothing there', 'nosuch', 'ENOENT'],
    ['a directory', '.', 'EISDIR'],
  ])('%s', async (_, name, code) => {
    const error: unknown = await all(bytesOf(join(dir, name))).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(HostError);
    expect((error as HostError).code).toBe(code);
  });

  test('nobody takes all of it', async () => {
    for await (const piece of bytesOf(file('large', large))) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
  });
});

describe('gzip', () => {
  test('is unpacked, whatever its name', async () => {
    expect((await all(unpacked(bytesOf(file('packed', gzipSync(large)))))).equals(large)).toBe(true);
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['one byte of the two', Buffer.of(0x1f)],
    ['a text', large],
  ])('%s is left alone', async (name, bytes) => {
    expect((await all(unpacked(bytesOf(file(name, bytes))))).equals(bytes)).toBe(true);
  });

  test('broken', async () => {
    const cut = gzipSync(large).subarray(0, 10_000);
    await expect(all(unpacked(bytesOf(file('cut', cut))))).rejects.toThrow(/unexpected end/);
    await expect(all(unpacked(bytesOf(join(dir, 'nosuch'))))).rejects.toThrow(HostError);
  });
});

describe('what a program prints', () => {
  const stream = localHost().stream;
  if (stream === undefined) throw new Error('a live host has a stream');

  test('all of it, and how it ended', async () => {
    const { bytes, ended } = stream(['cat', '--', file('large', large)]);
    expect((await all(bytes)).equals(large)).toBe(true);
    expect(await ended).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('with an error', async () => {
    const { bytes, ended } = stream(['cat', '--', join(dir, 'nosuch')]);
    expect((await all(bytes)).length).toBe(0);
    expect(await ended).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('No such file') });
  });

  test('is nothing where the program is not there', async () => {
    const { bytes, ended } = stream(['ctfix-has-no-such-program']);
    expect((await all(bytes)).length).toBe(0);
    expect((await ended).code).toBe(127);
  });

  test('of a recorded host', async () => {
    const host = recordedFrom({ commands: { 'conntrack -L': { code: 0, stdout: 'flows\n', stderr: 'two' } } });
    const { bytes, ended } = host.stream?.(['conntrack', '-L']) ?? stream(['false']);
    expect((await all(bytes)).toString()).toBe('flows\n');
    expect(await ended).toEqual({ code: 0, stdout: '', stderr: 'two' });
  });
});
