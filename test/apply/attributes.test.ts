import { expect, test } from 'vitest';
import { attributesOf, isWhole, sameAttributes } from '../../src/apply/attributes.ts';
import type { RunResult } from '../../src/host/host.ts';
import { memoryHost } from '../support/memory-host.ts';

const PATH = '/etc/x';
const BASE = 'owner 0:0, mode 644';

async function seen(ended: RunResult): Promise<string | undefined> {
  const { host } = memoryHost({ [PATH]: '' });
  return attributesOf({ ...host, run: async () => ended }, PATH);
}

test.each<[string, RunResult, string, boolean]>([
  [
    'two',
    { code: 0, stdout: '# file: /etc/x\nuser.b=0x62\nuser.a=0x61\n\n', stderr: '' },
    ', user.a=0x61, user.b=0x62',
    true,
  ],
  ['none', { code: 0, stdout: '', stderr: '' }, '', true],
  ['no getfattr', { code: 127, stdout: '', stderr: '' }, ', extended attributes unknown', false],
  [
    'a file system that has none',
    { code: 1, stdout: '', stderr: 'getfattr: /etc/x: Operation not supported\n' },
    '',
    true,
  ],
  [
    'getfattr that fails',
    { code: 1, stdout: '', stderr: 'getfattr: /etc/x: Input/output error\n' },
    ', extended attributes unknown',
    false,
  ],
])('%s', async (_, ended, more, whole) => {
  const text = await seen(ended);
  expect(text).toBe(BASE + more);
  expect(isWhole(text ?? '')).toBe(whole);
});

test('nothing for what is no regular file', async () => {
  expect(await attributesOf(memoryHost().host, '/etc')).toBeUndefined();
});

const UNKNOWN = `${BASE}, extended attributes unknown`;
test.each([
  [BASE, BASE, true],
  [BASE, `${BASE}, user.a=0x61`, false],
  [BASE, 'owner 0:0, mode 600', false],
  [`${BASE}, user.a=0x61`, UNKNOWN, true],
  [UNKNOWN, `${BASE}, user.a=0x61`, true],
  [UNKNOWN, UNKNOWN, true],
  [UNKNOWN, 'owner 0:5, mode 644, user.a=0x61', false],
])('%s and %s: %s', (before, now, same) => expect(sameAttributes(before, now)).toBe(same));
