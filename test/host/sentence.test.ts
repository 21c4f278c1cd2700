import { describe, expect, test } from 'vitest';
import { errnoOf, hostError, meaningOf } from '../../src/host/sentence.ts';

const failure = (code: string) => Object.assign(new Error(`${code}: as node says it`), { code });

describe('errors of files, in words', () => {
  test('EPERM is what an ordinary user gets from /dev/kmsg, and root from an immutable file', () => {
    const error = hostError('/dev/kmsg', 'be read', failure('EPERM'));
    expect(error).toMatchObject({ code: 'EPERM' });
    expect(String(error)).toMatch(/\/dev\/kmsg could not be read: .*needs root, or the file is immutable/);
  });

  test('an errno without words of its own is named; what is no errno comes back as it is', () => {
    expect(String(hostError('/x', 'be written', failure('ENODEV')))).toMatch('/x could not be written: ENODEV');
    const other = failure('ERR_INVALID_ARG');
    expect(errnoOf(other)).toBeUndefined();
    expect(hostError('/x', 'be read', other)).toBe(other);
    expect(meaningOf(undefined)).toBeUndefined();
  });
});
