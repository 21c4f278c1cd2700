import { expect, test } from 'vitest';
import { mountOf, parseMounts } from '../../src/facts/mounts.ts';
import { namespaceOf, needsSecondLook, sizeOf } from '../../src/facts/table.ts';

test.each([
  ['65536', 65536],
  ['0', 0],
  ['-1', 4294967295],
  ['', undefined],
  ['6 5', undefined],
])('size %j is %s', (text, value) => expect(sizeOf(text)).toBe(value));

test.each([
  [0o644, true, 'initial'],
  [0o644, false, 'child'],
  [0o444, true, 'child'],
  [0o444, false, 'child'],
])('mode %o, alias %s: %s', (mode, alias, expected) => expect(namespaceOf(mode, alias)).toBe(expected));

test('without nf_conntrack nobody can tell', () => {
  expect(namespaceOf(undefined, false)).toEqual({ unknown: expect.any(String) });
});

test.each([
  ['healthy', 100, 10, { drop: 0, early_drop: 0 }, 0, false],
  ['drops once', 100, 10, { drop: 1, early_drop: 0 }, 0, true],
  ['early drops once', 100, 10, { drop: 0, early_drop: 1 }, 0, true],
  ['log lines once', 100, 10, { drop: 0, early_drop: 0 }, 1, true],
  ['full now', 100, 95, { drop: 9, early_drop: 9 }, 1, false],
  ['almost full', 100, 94, { drop: 9, early_drop: 9 }, 1, true],
  ['no limit', 0, 94, { drop: 9, early_drop: 0 }, 0, true],
  ['no counters to look at', 100, 10, { unknown: 'x' }, 1, false],
])('%s: a second look %s', (_, max, count, counters, lines, expected) => {
  const full = Array.from({ length: lines }, () => ({ at: 1, text: 'x' }));
  expect(
    needsSecondLook(
      { max, count, counters: counters as Record<string, number> },
      { source: 'kmsg', full, total: lines },
    ),
  ).toBe(expected);
});

test('lines of another namespace are no reason', () => {
  const full = [{ at: 1, text: 'x', netns: 5 }];
  expect(needsSecondLook({ max: 9, count: 1, counters: { drop: 0 } }, { source: 'kmsg', full, total: 1 })).toBe(false);
});

test('the mount of a path: the longest one, the last one, never a name that only begins alike', () => {
  const mounts = parseMounts(
    [
      '/dev/x / ext4 rw 0 0',
      'proc /proc proc rw 0 0',
      'proc /proc/sys proc ro,nosuid 0 0',
      'sys /sys sysfs rw 0 0',
      'sys /sys sysfs ro 0 0',
      'x /proc/sys/netx tmpfs rw 0 0',
      'x /a\\040b tmpfs ro 0 0',
    ].join('\n'),
  );
  expect(mountOf(mounts, '/proc/sys/net/netfilter')).toEqual({ at: '/proc/sys', type: 'proc', readOnly: true });
  expect(mountOf(mounts, '/sys/module')?.readOnly).toBe(true);
  expect(mountOf(mounts, '/proc/x')?.readOnly).toBe(false);
  expect(mountOf(mounts, '/a b/c')?.readOnly).toBe(true);
  expect(mountOf(mounts, '/etc')?.type).toBe('ext4');
  expect(mountOf([], '/etc')).toBeUndefined();
});
