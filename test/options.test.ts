import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CtfixError } from '../src/errors.ts';
import {
  addTimeout,
  parseHashsize,
  parseHeadroom,
  parseMax,
  parseMemoryLimit,
  parseRatio,
  planOptions,
  TIMEOUT_KEYS,
} from '../src/options.ts';

const parsers: Record<string, (text: string) => unknown> = {
  '--max': parseMax,
  '--hashsize': parseHashsize,
  '--ratio': parseRatio,
  '--headroom': parseHeadroom,
  '--memory-limit': parseMemoryLimit,
  '--timeout': (text) => addTimeout(text),
};

/** The error of a parser, or undefined when it took the text. */
function refusal(flag: string, text: string): CtfixError | undefined {
  try {
    parsers[flag]?.(text);
  } catch (error) {
    if (error instanceof CtfixError) return error;
    throw error;
  }
  return undefined;
}

describe('wrong values', () => {
  test.each([
    ...[
      '',
      ' ',
      '0',
      '-1',
      '+5',
      '1e6',
      '0x10',
      '1.5',
      '12k',
      '1,000',
      '007',
      ' 5',
      '5 ',
      '5\n',
      '٣',
      'NaN',
      'Infinity',
    ].map((text) => ['--max', text]),
    ['--max', '2147483648'],
    ['--max', '9007199254740993'],
    ['--max', '9'.repeat(400)],
    ['--hashsize', '134217729'],
    ['--hashsize', '0'],
    ['--ratio', '0'],
    ['--ratio', '1025'],
    ...['', '0', '0.5', '101', '-2', '1e1', '2x', '.5', '2.', '1/2'].map((text) => ['--headroom', text]),
    ...[
      '',
      '%',
      '0%',
      '101%',
      '-5%',
      '5 %',
      '1e1%',
      '512',
      '0M',
      '1.5G',
      '512MB',
      '512m',
      '512 M',
      'M',
      '9007199254740992K',
    ].map((text) => ['--memory-limit', text]),
    ...[
      '',
      'tcp_established',
      '=5',
      'nosuch=5',
      'tcp_established=',
      'tcp_established=0',
      'tcp_established=1h',
      'max=5',
    ].map((text) => ['--timeout', text]),
    ['--timeout', 'tcp_established=2147484'],
  ])('%s %j is refused with the flag, the value and what is allowed', (flag, text) => {
    const error = refusal(flag, text);
    expect(error?.exit).toBe('usage');
    expect(error?.message.startsWith(flag)).toBe(true);
    expect(error?.message).toContain(text === '' ? 'an empty value' : text.slice(text.indexOf('=') + 1));
    expect(error?.message).toMatch(/allowed|an example is|known are/);
  });
});

describe('right values', () => {
  test.each([
    ['--max', '1', 1],
    ['--max', '2147483647', 2_147_483_647],
    ['--hashsize', '134217728', 134_217_728],
    ['--headroom', '1.5', 1.5],
    ['--headroom', '1', 1],
    ['--memory-limit', '5%', { share: 0.05 }],
    ['--memory-limit', '2.5%', { share: 0.025 }],
    ['--memory-limit', '100%', { share: 1 }],
    ['--memory-limit', '512M', { bytes: 536_870_912 }],
    ['--memory-limit', '1GiB', { bytes: 1_073_741_824 }],
    ['--memory-limit', '64K', { bytes: 65_536 }],
    ['--timeout', 'tcp_established=86400', { tcp_timeout_established: 86_400 }],
    ['--timeout', 'tcp_timeout_established=86400', { tcp_timeout_established: 86_400 }],
    ['--timeout', 'net.netfilter.nf_conntrack_tcp_timeout_established=60', { tcp_timeout_established: 60 }],
    ['--timeout', 'net/netfilter/nf_conntrack_udp_timeout=30', { udp_timeout: 30 }],
    ['--timeout', 'udp=30', { udp_timeout: 30 }],
    ['--timeout', 'udp_stream=120', { udp_timeout_stream: 120 }],
    ['--timeout', 'generic=600', { generic_timeout: 600 }],
  ])('%s %s', (flag, text, value) => {
    expect(parsers[flag]?.(text)).toEqual(value);
  });

  test('a whole number is read as it was written, whatever it is', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (value) => parseMax(String(value)) === value));
  });

  test('any other text never becomes a number', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        fc.pre(!/^[1-9][0-9]*$/.test(text));
        return refusal('--max', text) !== undefined;
      }),
    );
  });

  test.each(TIMEOUT_KEYS)('%s has one short name and is found under it', (key) => {
    const name = key.replaceAll('_timeout', '');
    expect(addTimeout(`${name}=7`)).toEqual({ [key]: 7 });
  });
});

test('timeouts add up, and a contradiction is refused', () => {
  const first = addTimeout('udp=30');
  expect(addTimeout('tcp_close=10', first)).toEqual({ udp_timeout: 30, tcp_timeout_close: 10 });
  expect(addTimeout('udp_timeout=30', first)).toEqual({ udp_timeout: 30 });
  expect(() => addTimeout('udp=31', first)).toThrow(/contradicts 30 seconds/);
});

test('what was not given stays absent', () => {
  expect(planOptions({})).toEqual({});
  expect(planOptions({ guard: true, carry: true })).toEqual({});
  expect(planOptions({ guard: false, carry: false })).toEqual({ guard: false, carry: false });
  expect(planOptions({ max: 5, timeout: { udp_timeout: 30 } })).toEqual({ max: 5, timeouts: { udp_timeout: 30 } });
});
