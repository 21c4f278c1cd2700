import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBytes, directories, isHidden, precedence, resolveLink } from '../../src/facts/dropins.ts';

const paths = (files: readonly { path: string }[]) => files.map(({ path }) => path);

describe('directories', () => {
  test.each([
    ['usr/lib', false],
    ['/usr/lib', false],
    [undefined, true],
    ['usr/lib64', true],
  ])('/lib as a link to %s: read by itself %s', (link, read) => {
    const dirs = directories('sysctl.d', link);
    const merged = ['/etc/sysctl.d', '/run/sysctl.d', '/usr/local/lib/sysctl.d', '/usr/lib/sysctl.d'];
    expect(dirs).toEqual(read ? [...merged, '/lib/sysctl.d'] : merged);
  });
});

test('modprobe reads one of /usr/lib and /lib', () => {
  const vendor = (link: string | undefined) => directories('modprobe.d', link).slice(3);
  expect(vendor('usr/lib')).toEqual(['/usr/lib/modprobe.d']);
  expect(vendor(undefined)).toEqual(['/lib/modprobe.d']);
});

test.each([
  ['/etc/sysctl.d/.x.conf', true],
  ['.conf', true],
  ['/etc/.d/x.conf', false],
  ['x.conf', false],
])('%s is hidden: %s', (path, expected) => expect(isHidden(path)).toBe(expected));

describe('precedence', () => {
  const etc = (names: string[], links = {}) => ({ dir: '/etc/d', names, links });
  const run = (names: string[], links = {}) => ({ dir: '/run/d', names, links });
  const lib = (names: string[], links = {}) => ({ dir: '/usr/lib/d', names, links });
  test.each([
    [
      'sorted by base name over all directories',
      [etc(['50-b.conf']), lib(['40-a.conf', '60-c.conf'])],
      ['/usr/lib/d/40-a.conf', '/etc/d/50-b.conf', '/usr/lib/d/60-c.conf'],
    ],
    ['the same name is masked', [etc(['a.conf']), run(['a.conf']), lib(['a.conf'])], ['/etc/d/a.conf']],
    ['/run beats /usr/lib', [etc([]), run(['a.conf']), lib(['a.conf'])], ['/run/d/a.conf']],
    [
      'a link to /dev/null masks and is nothing',
      [etc(['a.conf'], { 'a.conf': '/dev/null' }), lib(['a.conf', 'b.conf'])],
      ['/usr/lib/d/b.conf'],
    ],
    ['a relative link to /dev/null too', [etc(['a.conf'], { 'a.conf': '../../dev/null' }), lib(['a.conf'])], []],
    [
      '/dev/null in a weaker directory masks nothing above',
      [etc(['a.conf']), lib(['a.conf'], { 'a.conf': '/dev/null' })],
      ['/etc/d/a.conf'],
    ],
    ['only *.conf', [etc(['README', 'a.conf~', 'b.conf.dpkg-old', 'c.conf'])], ['/etc/d/c.conf']],
    [
      'bytes, not locale',
      [etc(['a.conf', 'B.conf', '_.conf', '9.conf', 'ä.conf'])],
      ['/etc/d/9.conf', '/etc/d/B.conf', '/etc/d/_.conf', '/etc/d/a.conf', '/etc/d/ä.conf'],
    ],
    ['nothing', [], []],
  ])('%s', (_, listings, expected) => expect(paths(precedence(listings))).toEqual(expected));

  test('says what a file hides and what a link is', () => {
    const [file] = precedence([etc(['a.conf'], { 'a.conf': '../x.conf' }), run(['a.conf']), lib(['a.conf'])]);
    expect(file).toEqual({
      path: '/etc/d/a.conf',
      target: '/etc/x.conf',
      hides: ['/run/d/a.conf', '/usr/lib/d/a.conf'],
    });
  });

  test('takes .rules where that is the suffix', () => {
    expect(paths(precedence([etc(['a.rules', 'b.conf'])], '.rules'))).toEqual(['/etc/d/a.rules']);
  });

  test('a name such as __proto__.conf is a name', () => {
    expect(paths(precedence([etc(['__proto__.conf', 'toString.conf'])]))).toHaveLength(2);
  });
});

test.each([
  ['/etc/sysctl.d/99-sysctl.conf', '../sysctl.conf', '/etc/sysctl.conf'],
  ['/etc/a', '/b/./c//d', '/b/c/d'],
  ['/etc/a', '../../../x', '/x'],
])('%s → %s is %s', (path, target, expected) => expect(resolveLink(path, target)).toBe(expected));

test('compareBytes orders as Buffer.compare does', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
      expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
});
