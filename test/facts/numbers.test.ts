import { expect, test } from 'vitest';
import { moduleNumber, sysctlNumber } from '../../src/facts/numbers.ts';

test.each([
  ['65536', 65536, undefined],
  ['0x10', 16, undefined],
  ['010', 8, undefined],
  ['2147483647', 2147483647, /2\^27/],
  ['134217728', 134217728, undefined],
  ['134217729', 134217729, /2\^27/],
  ['0', 0, /no limit/],
  ['65536 # more', 65536, /text after the number/],
  ['2147483648', undefined, /more than 2147483647/],
  ['9007199254740993', undefined, /more than 2147483647/],
  ['99999999999999999999999999', undefined, /more than 2147483647/],
  ['-5', undefined, /negative/],
  ['65536x', undefined, /not a number/],
  ['089', undefined, /not a number/],
  ['+5', undefined, /not a number/],
  ['6.5', undefined, /not a number/],
  ['1e6', undefined, /not a number/],
  ['', undefined, /not a number/],
])('sysctl max %j is %j', (text, value, what) => {
  const found = sysctlNumber(text, 'unlimited');
  expect(found.value).toBe(value);
  if (what === undefined) expect(found.what).toBeUndefined();
  else expect(found.what).toMatch(what);
});

test('0 buckets are refused, a timeout of 0 is fine, a timeout may be large', () => {
  expect(sysctlNumber('0', 'refused')).toEqual({ what: '0 buckets: the kernel refuses it' });
  expect(sysctlNumber('0', 'fine')).toEqual({ value: 0 });
  expect(sysctlNumber('200000000', 'fine')).toEqual({ value: 200000000 });
});

test('a long value is quoted in part', () => {
  expect(sysctlNumber('x'.repeat(5000), 'fine').what?.length).toBeLessThan(120);
});

test.each([
  ['65536', 65536, undefined],
  ['+5', 5, undefined],
  ['0x1F', 31, undefined],
  ['017', 15, undefined],
  ['0', 0, /leaves the choice/],
  ['134217729', 134217729, /2\^27/],
  ['536870911', 536870911, /2\^27/],
  ['536870912', undefined, /more than any kernel allows/],
  ['4294967296', undefined, /32 bits/],
  ['99999999999', undefined, /cannot be loaded/],
  ['-1', undefined, /cannot be loaded/],
  ['5k', undefined, /cannot be loaded/],
  ['', undefined, /cannot be loaded/],
])('hashsize %j is %j', (text, value, what) => {
  const found = moduleNumber(text);
  expect(found.value).toBe(value);
  if (what === undefined) expect(found.what).toBeUndefined();
  else expect(found.what).toMatch(what);
});
