import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { localHost } from '../../src/host/local.ts';
import { removeFile, replaceFile, replaceLink } from '../../src/host/replace.ts';
import { program } from '../support/program.ts';
import { tree } from '../support/tree.ts';

const isRoot = process.geteuid?.() === 0;
const { run } = localHost();
const put = (path: string, text: string, mode = 0o644) => replaceFile(run, path, { text, mode });

describe('a new file', () => {
  test.each([0o644, 0o600, 0o666])('has the mode %o whatever the umask, and belongs to root', async (mode) => {
    const dir = tree();
    const umask = process.umask(0o077);
    try {
      await put(join(dir, 'new.conf'), 'x\n', mode);
    } finally {
      process.umask(umask);
    }
    expect(lstatSync(join(dir, 'new.conf'))).toMatchObject({ uid: process.geteuid?.(), gid: process.getegid?.() });
    expect(lstatSync(join(dir, 'new.conf')).mode & 0o7777).toBe(mode);
    expect(readdirSync(dir)).toEqual(['new.conf']);
  });

  test('makes its missing directories, 0755', async () => {
    const dir = tree();
    await put(join(dir, 'a/b/x.rules'), 'x');
    expect([statSync(join(dir, 'a')).mode & 0o7777, statSync(join(dir, 'a/b')).mode & 0o7777]).toEqual([0o755, 0o755]);
  });
});

describe('an existing file', () => {
  test.runIf(isRoot)('keeps owner, mode and extended attributes, and is another inode', async () => {
    const path = join(tree({ 'x.conf': 'old' }), 'x.conf');
    chownSync(path, 0, 12);
    chmodSync(path, 0o640);
    const attributes = setAttribute(path);
    const before = lstatSync(path);
    await put(path, 'new text\r\nof any length', 0o600);
    const after = lstatSync(path);
    expect(readFileSync(path, 'utf8')).toBe('new text\r\nof any length');
    expect([after.uid, after.gid, after.mode]).toEqual([0, 12, before.mode]);
    expect(after.ino).not.toBe(before.ino);
    if (attributes) expect(getAttribute(path)).toBe('kept');
  });

  test('is reached through a link of root, and the link stays', async () => {
    const dir = tree({ 'real.conf': 'old' });
    symlinkSync('real.conf', join(dir, 'link.conf'));
    await put(join(dir, 'link.conf'), 'new');
    expect(readlinkSync(join(dir, 'link.conf'))).toBe('real.conf');
    expect(readFileSync(join(dir, 'real.conf'), 'utf8')).toBe('new');
  });

  test('with a second name is refused', async () => {
    const dir = tree({ 'x.conf': 'old' });
    linkSync(join(dir, 'x.conf'), join(dir, 'y.conf'));
    await expect(put(join(dir, 'x.conf'), 'new')).rejects.toMatchObject({ code: 'LINKED' });
    expect(readFileSync(join(dir, 'y.conf'), 'utf8')).toBe('old');
    expect(readdirSync(dir)).toEqual(['x.conf', 'y.conf']);
  });

  test('that is a link to /dev/null (a mask) or a directory is refused', async () => {
    const dir = tree();
    symlinkSync('/dev/null', join(dir, 'mask.conf'));
    mkdirSync(join(dir, 'dir.conf'));
    await expect(put(join(dir, 'mask.conf'), 'x')).rejects.toMatchObject({ code: 'NOT_A_FILE' });
    await expect(put(join(dir, 'dir.conf'), 'x')).rejects.toMatchObject({ code: 'NOT_A_FILE' });
    await expect(put(join(dir, 'mask.conf/x'), 'x')).rejects.toMatchObject({ path: join(dir, 'mask.conf/x') });
  });
});

describe.runIf(isRoot)('the tricks of somebody who can write on the way', () => {
  const NOBODY = 65534;
  test('a link of his', async () => {
    const dir = tree({ 'root.conf': 'old' });
    symlinkSync('root.conf', join(dir, 'his.conf'));
    execFileSync('chown', ['-h', String(NOBODY), join(dir, 'his.conf')]);
    await expect(put(join(dir, 'his.conf'), 'x')).rejects.toMatchObject({ code: 'UNSAFE' });
    expect(readFileSync(join(dir, 'root.conf'), 'utf8')).toBe('old');
  });

  test.each([
    ['a directory of his', (path: string) => chownSync(path, NOBODY, 0)],
    ['a directory that everybody can write', (path: string) => chmodSync(path, 0o777)],
    ['a directory that his group can write', (path: string) => giveGroup(path, NOBODY)],
  ])('%s, somewhere above', async (_, spoil) => {
    const dir = tree({ 'a/b/x.conf': 'old' });
    spoil(join(dir, 'a'));
    await expect(put(join(dir, 'a/b/x.conf'), 'x')).rejects.toMatchObject({ code: 'UNSAFE', path: join(dir, 'a') });
    expect(() => removeFile(join(dir, 'a/b/x.conf'))).toThrow('not safe');
    expect(readFileSync(join(dir, 'a/b/x.conf'), 'utf8')).toBe('old');
  });

  test('a file of his', async () => {
    const dir = tree({ 'x.conf': 'old' });
    chownSync(join(dir, 'x.conf'), NOBODY, 0);
    await expect(put(join(dir, 'x.conf'), 'x')).rejects.toMatchObject({ code: 'UNSAFE' });
  });

  test("root's own group may write", async () => {
    const dir = tree({ 'a/x.conf': 'old' });
    chmodSync(join(dir, 'a'), 0o775);
    await put(join(dir, 'a/x.conf'), 'new');
    expect(readFileSync(join(dir, 'a/x.conf'), 'utf8')).toBe('new');
  });
});

describe('removeFile', () => {
  test('removes a file and an empty directory; what is not there is fine', () => {
    const dir = tree({ 'a/x.conf': '' });
    removeFile(join(dir, 'a/x.conf'));
    removeFile(join(dir, 'a/x.conf'));
    removeFile(join(dir, 'a'));
    expect(readdirSync(dir)).toEqual([]);
  });

  test('leaves a directory with something in it, and a link', () => {
    const dir = tree({ 'a/x.conf': '' });
    symlinkSync('a/x.conf', join(dir, 'link'));
    expect(() => removeFile(join(dir, 'a'))).toThrow('not empty');
    expect(() => removeFile(join(dir, 'link'))).toThrow('not a regular file');
    expect(readdirSync(dir)).toEqual(['a', 'link']);
  });
});

describe.runIf(canMount())('a file system that does not take it', () => {
  /** Mounts something over a directory, in a mount namespace of its own, and replaces or makes a file there. */
  function inNamespace(mount: string, file: string, size: number): string[] {
    const dir = join(tree({ 'etc/old.conf': 'old' }), 'etc');
    const script = program(`
      import { readdirSync, readFileSync } from 'node:fs';
      import { localHost } from './src/host/local.ts';
      const [dir, file, size] = process.argv.slice(2);
      try {
        await localHost().replaceFile(dir + '/' + file, { text: 'x'.repeat(Number(size)), mode: 0o644 });
        console.log('written');
      } catch (error) {
        console.log(error.code, '|', error.message);
      }
      console.log(readdirSync(dir).join(' '), readFileSync(dir + '/old.conf', 'utf8'));`);
    const shell = `${mount.replaceAll('DIR', dir)} && exec "$@"`;
    const argv = ['-m', '--propagation', 'private', 'sh', '-c', shell, 'sh', process.execPath, script, dir, file];
    return execFileSync('unshare', [...argv, String(size)], { encoding: 'utf8' })
      .trim()
      .split('\n');
  }

  const TMPFS = 'mount -t tmpfs -o size=64k,mode=755 none DIR && printf old > DIR/old.conf';

  test.each(['old.conf', 'new.conf'])('a full disk: %s is a sentence, nothing is half-written', (file) => {
    const [said, left] = inNamespace(TMPFS, file, 200_000);
    expect(said).toMatch(/^ENOSPC \| .*\/etc\/(old|new)\.conf could not be written: no space is left/);
    expect(left).toBe('old.conf old');
  });

  test.each(['old.conf', 'new.conf'])('a read-only file system: %s', (file) => {
    const [said, left] = inNamespace('mount --bind DIR DIR && mount -o remount,bind,ro DIR', file, 10);
    expect(said).toMatch(/mounted read-only|Read-only file system/);
    expect(left).toBe('old.conf old');
  });
});

/** Whether this process may have a mount namespace of its own: root outside of most containers. */
function canMount(): boolean {
  return spawnSync('unshare', ['-m', '--propagation', 'private', 'true']).status === 0;
}

function giveGroup(path: string, gid: number): void {
  chownSync(path, 0, gid);
  chmodSync(path, 0o775);
}

function setAttribute(path: string): boolean {
  try {
    execFileSync('python3', ['-c', 'import os,sys; os.setxattr(sys.argv[1], "user.ctfix", b"kept")', path]);
    return true;
  } catch {
    return false;
  }
}

function getAttribute(path: string): string {
  const code = 'import os,sys; print(os.getxattr(sys.argv[1], "user.ctfix").decode())';
  return execFileSync('python3', ['-c', code, path], { encoding: 'utf8' }).trim();
}

describe('a link', () => {
  test('is made with its directory, replaced, and removed', () => {
    const dir = tree({ target: 'x' });
    const path = join(dir, 'wants', 'a.service');
    replaceLink(path, join(dir, 'nowhere'));
    expect(lstatSync(join(dir, 'wants')).mode & 0o777).toBe(0o755);
    replaceLink(path, join(dir, 'target'));
    expect(readlinkSync(path)).toBe(join(dir, 'target'));
    expect(readdirSync(join(dir, 'wants'))).toEqual(['a.service']);
    replaceLink(path, undefined);
    replaceLink(path, undefined);
    expect(readdirSync(join(dir, 'wants'))).toEqual([]);
    expect(readFileSync(join(dir, 'target'), 'utf8')).toBe('x');
  });

  test.each(['a target', undefined])('never takes the place of a file (%s)', (target) => {
    const dir = tree({ 'a.service': 'theirs' });
    expect(() => replaceLink(join(dir, 'a.service'), target)).toThrow('is there and is no symbolic link');
    expect(readFileSync(join(dir, 'a.service'), 'utf8')).toBe('theirs');
  });

  test.runIf(isRoot)('is not made where others can write', () => {
    const dir = tree({ 'open/x': '' });
    chmodSync(join(dir, 'open'), 0o777);
    expect(() => replaceLink(join(dir, 'open', 'l'), '/x')).toThrow('not safe');
    expect(readdirSync(join(dir, 'open'))).toEqual(['x']);
  });
});
