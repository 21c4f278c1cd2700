import { describe, expect, test } from 'vitest';
import { parseWithin } from '../src/duration.ts';

describe('--confirm-within', () => {
  test.each([
    ['90s', 90],
    ['10m', 600],
    ['1h', 3600],
    ['168h', 604_800],
    ['0', 0],
  ])('%s', (text, seconds) => expect(parseWithin(text)).toBe(seconds));

  test.each(['', '10', '0m', '-5m', '1.5h', '10 m', '10M', '169h', '9999999s', '10m ', 'm', '1d', '00s', '1e3s'])(
    'not %j',
    (text) => {
      expect(() => parseWithin(text)).toThrow(/^--confirm-within: .* is no time; allowed is/);
    },
  );
});
