import { execFileSync } from 'node:child_process';
import { chmodSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HostError } from '../../src/errors.ts';
import { readNames, readStat, readTarget, readText } from '../../src/host/files.ts';
import { tree } from '../support/tree.ts';

function codeOf(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(HostError);
    return error instanceof HostError ? error.code : undefined;
  }
}

describe('readText', () => {
  test.each(['', 'a\r\nb', '\ufeffoptions x', 'ü €\n', 'no end of line', '\u001b[31m'])('gives %j as it is', (text) => {
    expect(readText(join(tree({ x: text }), 'x'))).toBe(text);
  });

  test('gives every valid text back', () => {
    const path = join(tree(), 'x');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-composite' }), (text) => {
        fc.pre(!text.includes('\0'));
        writeFileSync(path, text);
        expect(readText(path)).toBe(text);
      }),
      { numRuns: 200 },
    );
  });

  test('what is not there is undefined: no file, a file on the way, a dangling link', () => {
    const dir = tree({ file: '' });
    symlinkSync('nowhere', join(dir, 'dangling'));
    expect(['none', 'file/below', 'dangling'].map((name) => readText(join(dir, name)))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('what is no text, no file or too large is an error with its own code, and a fifo does not block', async () => {
    const dir = tree({ nul: 'a\0b', big: '', just: '' });
    const at = (name: string) => join(dir, name);
    writeFileSync(at('latin'), Buffer.from([0x66, 0xfc, 0x72]));
    truncateSync(at('big'), 1024 * 1024 + 1);
    writeFileSync(at('just'), 'x'.repeat(1024 * 1024));
    execFileSync('mkfifo', [at('fifo')]);
    symlinkSync('loop', at('loop'));
    symlinkSync('/dev/zero', at('zero'));
    const server = createServer().listen(at('socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    const codes = ['nul', 'latin', 'big', 'fifo', 'loop', 'zero', 'socket', '.', 'just'].map((name) =>
      codeOf(() => readText(at(name))),
    );
    server.close();
    const odd = ['NOT_A_FILE', 'ELOOP', 'NOT_A_FILE', 'NOT_A_FILE', 'NOT_A_FILE'];
    expect(codes).toEqual(['NOT_TEXT', 'NOT_TEXT', 'TOO_LARGE', ...odd, undefined]);
  });

  test('reads what /proc says without a size', () => {
    expect(readText('/proc/self/stat')).toMatch(/^\d+ \(/);
    expect(readText('/proc/sys/kernel/ostype')).toBe('Linux\n');
    expect(readText('/proc/999999999/stat')).toBeUndefined();
  });

  test('the kernel log ends instead of waiting', ({ skip }) => {
    let text: string | undefined;
    try {
      text = readText('/dev/kmsg');
    } catch (error) {
      if (error instanceof HostError && ['EPERM', 'EACCES'].includes(error.code)) skip('no right to read /dev/kmsg');
      throw error;
    }
    if (text === undefined) skip('no /dev/kmsg');
    expect(text).toMatch(/^\d+,\d+,\d+,/);
  });

  test('no permission is an error and never "not there"', ({ skip }) => {
    if (process.geteuid?.() !== 0) skip('needs root to become somebody else');
    const dir = tree({ secret: 'x' });
    chmodSync(dir, 0o755);
    chmodSync(join(dir, 'secret'), 0o600);
    process.seteuid?.(65534);
    try {
      expect(codeOf(() => readText(join(dir, 'secret')))).toBe('EACCES');
    } finally {
      process.seteuid?.(0);
    }
  });
});

test('readNames sorts by code unit; no directory is an empty one', () => {
  const dir = tree({ b: '', Z: '', a: '', '10': '', '9': '' });
  expect(readNames(dir)).toEqual(['10', '9', 'Z', 'a', 'b']);
  expect(readNames(join(dir, 'none'))).toEqual([]);
  expect(readNames(join(dir, 'a'))).toEqual([]);
});

test('readTarget and readStat look at a link itself', () => {
  const dir = tree({ file: 'abc' });
  chmodSync(join(dir, 'file'), 0o640);
  symlinkSync('../x', join(dir, 'link'));
  expect(['link', 'file', 'none'].map((name) => readTarget(join(dir, name)))).toEqual(['../x', undefined, undefined]);
  expect(readStat(join(dir, 'link'))).toMatchObject({ kind: 'link' });
  expect(readStat(join(dir, 'file'))).toMatchObject({ kind: 'file', mode: 0o640, size: 3, links: 1 });
  expect(readStat(join(dir, 'none'))).toBeUndefined();
});
