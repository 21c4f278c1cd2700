/** On real files; the rows that need other owners only as root. */
import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { callers, placeText, readTrusted, safeDirectory } from '../../src/host/document.ts';
import { tree } from '../support/tree.ts';

const me = process.geteuid?.() ?? 0;
const root = me === 0;
const trusted = [0, me];

describe('what is read', () => {
  test('a file of ours', () => {
    const dir = tree({ p: 'text' });
    expect(readTrusted(join(dir, 'p'), trusted)).toBe('text');
    expect(readTrusted(join(dir, 'none'), trusted)).toBeUndefined();
  });

  test.each<[string, (dir: string) => void, RegExp]>([
    ['everybody writes the file', (dir) => chmodSync(join(dir, 'a/p'), 0o666), /a\/p is not safe: everybody can write/],
    ['everybody writes the directory', (dir) => chmodSync(join(dir, 'a'), 0o777), /a is not safe: everybody can write/],
    ['everybody writes one above', (dir) => chmodSync(dir, 0o777), /is not safe: everybody can write/],
  ])('%s: not believed', (_, spoil, message) => {
    const dir = tree({ 'a/p': 'text' });
    spoil(dir);
    expect(() => readTrusted(join(dir, 'a/p'), trusted)).toThrow(message);
    chmodSync(dir, 0o700);
  });

  test.runIf(root).each<[string, (dir: string) => void, RegExp]>([
    ['another user has the file', (dir) => chownSync(join(dir, 'a/p'), 4321, 0), /a\/p is not safe: it belongs to/],
    ['another user has the directory', (dir) => chownSync(join(dir, 'a'), 4321, 0), /a is not safe: it belongs to/],
    ['another user has the link', (dir) => lchownSync(join(dir, 'link'), 4321, 0), /link is not safe: it belongs to/],
  ])('%s: not believed, unless that user is trusted', (_, spoil, message) => {
    const dir = tree({ 'a/p': 'text' });
    symlinkSync('a/p', join(dir, 'link'));
    spoil(dir);
    expect(() => readTrusted(join(dir, 'link'), trusted)).toThrow(message);
    expect(readTrusted(join(dir, 'link'), [...trusted, 4321])).toBe('text');
  });

  test.runIf(root)('a group writes the file: not believed, whoever is trusted', () => {
    const dir = tree({ p: 'text' });
    chownSync(join(dir, 'p'), 0, 4321);
    chmodSync(join(dir, 'p'), 0o664);
    expect(() => readTrusted(join(dir, 'p'), [...trusted, 4321])).toThrow(/the group with id 4321 can write/);
  });

  test('those who called', () => {
    expect(callers()).toEqual(expect.arrayContaining([0, me]));
    expect(callers().every((uid) => Number.isInteger(uid) && uid < 2 ** 32 - 1)).toBe(true);
  });
});

describe('what is written', () => {
  const never = () => false;

  test('whole, mode 0644 whatever the umask, and nothing beside it', () => {
    const dir = tree();
    const old = process.umask(0o077);
    placeText(join(dir, 'p'), 'one', never);
    process.umask(old);
    placeText(join(dir, 'p'), 'two', (text) => text === 'one');
    expect(readFileSync(join(dir, 'p'), 'utf8')).toBe('two');
    expect(lstatSync(join(dir, 'p')).mode & 0o7777).toBe(0o644);
    expect(readdirSync(dir)).toEqual(['p']);
  });

  test.each<[string, (path: string, dir: string) => void]>([
    ['a file of somebody', (path) => writeFileSync(path, 'mine')],
    ['a link to a file', (path, dir) => symlinkSync(join(dir, 'victim'), path)],
    ['a dangling link', (path) => symlinkSync('/nonexistent/x', path)],
    ['a directory', (path) => mkdirSync(path)],
  ])('%s is never written over', (_, make) => {
    const dir = tree({ victim: 'mine' });
    const path = join(dir, 'p');
    make(path, dir);
    expect(() => placeText(path, 'two', (text) => text !== 'mine')).toThrow(/is there already and is no plan/);
    expect(readFileSync(join(dir, 'victim'), 'utf8')).toBe('mine');
    expect(readdirSync(dir).sort()).toEqual(['p', 'victim']);
  });

  test('another name of the same file keeps the old text', () => {
    const dir = tree({ p: 'one' });
    linkSync(join(dir, 'p'), join(dir, 'other'));
    placeText(join(dir, 'p'), 'two', () => true);
    expect(readFileSync(join(dir, 'other'), 'utf8')).toBe('one');
  });

  test('no directory, no file', () => {
    const dir = tree();
    expect(() => placeText(join(dir, 'none/p'), 'x', never)).toThrow(/none\/p could not be written/);
    expect(readdirSync(dir)).toEqual([]);
  });

  test.runIf(root)('not below a directory of another user, which could be exchanged meanwhile', () => {
    const dir = tree();
    mkdirSync(join(dir, 'home'));
    chownSync(join(dir, 'home'), 4321, 4321);
    expect(() => placeText(join(dir, 'home/p'), 'x', never)).toThrow(/home is not safe: it belongs to the user/);
    expect(() => safeDirectory(join(dir, 'home'))).toThrow(/home is not safe/);
    expect(readdirSync(join(dir, 'home'))).toEqual([]);
  });

  test('a sticky directory such as /tmp is no danger', () => {
    const dir = tree();
    chmodSync(dir, 0o1777);
    placeText(join(dir, 'p'), 'one', never);
    expect(readTrusted(join(dir, 'p'), trusted)).toBe('one');
  });
});
