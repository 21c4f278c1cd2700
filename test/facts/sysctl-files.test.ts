import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  effective,
  exclusions,
  parseSysctl,
  printSysctl,
  sysctlKey,
  sysctlPath,
  sysctlProblems,
} from '../../src/facts/sysctl-files.ts';

const MAX = 'net.netfilter.nf_conntrack_max';
const file = (name: string, text: string) => ({ file: name, entries: parseSysctl(text) });
const winners = (loader: 'systemd' | 'procps', ...texts: string[]) => {
  const lines = effective(
    texts.map((text, index) => file(`${index}`, text)),
    loader,
    ['nf_conntrack_max', 'nf_conntrack_buckets'],
  );
  return Object.fromEntries(
    lines.map(({ key, value }) => [key.replace('net.netfilter.nf_conntrack_', ''), Number(value)]),
  );
};

test.each([
  ['net.netfilter.nf_conntrack_max', 'net/netfilter/nf_conntrack_max', MAX],
  ['net/netfilter/nf_conntrack_max', 'net/netfilter/nf_conntrack_max', MAX],
  ['net.nf_conntrack_max', 'net/nf_conntrack_max', MAX],
  ['net/nf_conntrack_max', 'net/nf_conntrack_max', MAX],
  ['/net/netfilter/nf_conntrack_max', 'net/netfilter/nf_conntrack_max', MAX],
  ['net.ipv4.conf.eth0/200.forwarding', 'net/ipv4/conf/eth0.200/forwarding', 'net.ipv4.conf.eth0/200.forwarding'],
  ['net/ipv4/conf/eth0.200/forwarding', 'net/ipv4/conf/eth0.200/forwarding', 'net.ipv4.conf.eth0/200.forwarding'],
  ['net.netfilter/nf_conntrack_max', 'net/netfilter.nf_conntrack_max', 'net.netfilter/nf_conntrack_max'],
])('key %s means %s', (key, path, long) => {
  expect(sysctlPath(key)).toBe(path);
  expect(sysctlKey(sysctlPath(key))).toBe(long);
});

test.each([
  ['key and value', `${MAX}=5`, { kind: 'assign', value: '5', optional: false }],
  ['spaces around =', `  ${MAX} \t=  5  `, { kind: 'assign', value: '5' }],
  ['CRLF', `${MAX} = 5\r\n`, { kind: 'assign', value: '5' }],
  ['optional', `-${MAX} = 5`, { kind: 'assign', value: '5', optional: true }],
  ['optional with a space', `- ${MAX} = 5`, { kind: 'assign', value: '5', optional: true }],
  ['exclusion', `-${MAX}`, { kind: 'exclude' }],
  ['value with =', `${MAX} = a=b`, { kind: 'assign', value: 'a=b' }],
  ['# comment', `# ${MAX} = 5`, { kind: 'other' }],
  ['; comment', `  ; ${MAX} = 5`, { kind: 'other' }],
  ['blank', '   ', { kind: 'other' }],
  ['no assignment', MAX, { kind: 'bad' }],
  ['no key', '= 5', { kind: 'bad' }],
])('%s', (_, line, expected) => expect(parseSysctl(line)[0]).toMatchObject(expected));

describe('laws', () => {
  const piece = fc.constantFrom(
    'net.netfilter.nf_conntrack_max',
    'net/nf_conntrack_max',
    '=',
    ' ',
    '\t',
    '\r',
    '\n',
    '\n',
    '-',
    '#',
    ';',
    '[',
    '*',
    '0',
    '5',
    '\ufeff',
    '__proto__',
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.oneof(piece, fc.string()), { maxLength: 60 }).map((parts) => parts.join('')),
  );

  test('print undoes parse for any text, and nothing throws', () => {
    fc.assert(
      fc.property(text, (any) => {
        const entries = parseSysctl(any);
        expect(printSysctl(entries)).toBe(any);
        expect(entries.map(({ line }) => line)).toEqual(entries.map((_, index) => index + 1));
        for (const problem of sysctlProblems({ file: 'f', entries })) expect(problem.what).not.toBe('');
        for (const loader of ['systemd', 'procps'] as const) {
          for (const line of effective([{ file: 'f', entries }], loader))
            expect(Number.isSafeInteger(Number(line.value))).toBe(true);
        }
      }),
    );
  });

  test('parse undoes print for any setting', () => {
    const space = fc.stringMatching(/^[ \t]{0,3}$/);
    fc.assert(
      fc.property(
        fc.constantFrom('max', 'buckets', 'tcp_loose'),
        fc.nat(),
        fc.boolean(),
        space,
        space,
        (name, value, slash, a, b) => {
          const key = slash ? `net/netfilter/nf_conntrack_${name}` : `net.netfilter.nf_conntrack_${name}`;
          const [entry] = parseSysctl(`${a}${key}${b}=${a}${value}${b}\n`);
          expect(entry).toMatchObject({
            kind: 'assign',
            path: `net/netfilter/nf_conntrack_${name}`,
            value: String(value),
          });
        },
      ),
    );
  });
});

describe('who wins', () => {
  test.each([
    ['the last line', [`${MAX}=1\n${MAX}=2`], { max: 2 }, { max: 2 }],
    ['the last file', [`${MAX}=2`, `${MAX}=1`], { max: 1 }, { max: 1 }],
    ['the legacy name is the same value', [`${MAX}=1`, 'net.nf_conntrack_max=2'], { max: 2 }, { max: 2 }],
    ['either spelling', ['net/netfilter/nf_conntrack_max=1', `${MAX}=3`], { max: 3 }, { max: 3 }],
    ['a refused value wins nothing, and systemd forgets what came before', [`${MAX}=1`, `${MAX}=lots`], {}, { max: 1 }],
    ['a good value after a refused one', [`${MAX}=`, `${MAX}=1`], { max: 1 }, { max: 1 }],
    [
      'a refused value of the other spelling takes nothing back',
      [`${MAX}=1`, 'net.nf_conntrack_max=-1'],
      { max: 1 },
      { max: 1 },
    ],
    [
      'a glob of one spelling after a line of the other',
      ['net.nf_conntrack_max=1', 'net.netfilter.nf_conntrack_m*=7'],
      { max: 7 },
      { max: 7 },
    ],
    ['a glob alone', ['net.netfilter.nf_conntrack_*=7'], { max: 7, buckets: 7 }, { max: 7, buckets: 7 }],
    [
      'a glob gives way to an explicit line before it',
      [`${MAX}=1`, 'net.netfilter.nf_conntrack_m*=7'],
      { max: 1 },
      { max: 1 },
    ],
    ['white space that systemd does not take off', [`\v${MAX}=2`, `net.nf_conntrack_max=\v3`], { max: 3 }, { max: 3 }],
    ['white space before the key', [`\f${MAX}=1`], {}, { max: 1 }],
    ['a space after the dash', [`- ${MAX} = 1`], { max: 1 }, {}],
    ['two dashes', [`--${MAX} = 1`], {}, { max: 1 }],
    ['a separator at the end', [`${MAX}.=1`], { max: 1 }, {}],
    ['separators at the front', [`//net/netfilter/nf_conntrack_max=1`], { max: 1 }, { max: 1 }],
    [
      'a key that is spelled otherwise keeps no glob away from procps',
      ['net//netfilter/nf_conntrack_max=1', 'net.netfilter.nf_conntrack_m*=7'],
      { max: 1 },
      { max: 7 },
    ],
    [
      'a refused value of a glob takes the glob back',
      ['net.netfilter.*=7', 'net.netfilter.*=x'],
      {},
      { max: 7, buckets: 7 },
    ],
    [
      '0 of a glob is fine for max alone',
      ['net.netfilter.*=7', 'net.netfilter.*=0'],
      { max: 0 },
      { max: 0, buckets: 7 },
    ],
    ['a carriage return within the line', [`${MAX}=1\r${MAX}=2`], {}, { max: 1 }],
    ['an exclusion after the line', [`${MAX}=1`, `-${MAX}`], {}, { max: 1 }],
    ['an exclusion before the line', [`-${MAX}`, `${MAX}=1`], { max: 1 }, { max: 1 }],
    ['an exclusion keeps globs away', ['net.netfilter.nf_conntrack_*=7', `-${MAX}`], { buckets: 7 }, { buckets: 7 }],
    [
      'a repeated value does not move a spelling',
      ['net.nf_conntrack_max=1', `${MAX}=2`, 'net.nf_conntrack_max=1'],
      { max: 2 },
      { max: 1 },
    ],
    [
      'a changed value moves it',
      ['net.nf_conntrack_max=1', `${MAX}=2`, 'net.nf_conntrack_max=3'],
      { max: 3 },
      { max: 3 },
    ],
    ['other keys are left out', ['net.ipv4.ip_forward=1\nnet.ipv4.netfilter.ip_conntrack_max=9'], {}, {}],
    ['octal and hexadecimal come out decimal', [`${MAX}=0x100`], { max: 256 }, { max: 256 }],
    ['text after the number', [`${MAX} = 65536 # was 262144`], { max: 65536 }, { max: 65536 }],
  ])('%s', (_, texts, systemd, procps) => {
    expect(winners('systemd', ...texts)).toEqual(systemd);
    expect(winners('procps', ...texts)).toEqual(procps);
  });

  test('every line keeps its place: file, line, raw', () => {
    expect(effective([file('/etc/sysctl.d/a.conf', `# x\r\n-${MAX} = 5\r\n`)], 'systemd')).toEqual([
      { file: '/etc/sysctl.d/a.conf', line: 2, key: MAX, value: '5', raw: `-${MAX} = 5`, optional: true },
    ]);
  });

  test('lines that are overwritten stay in the list, before their winner', () => {
    const lines = effective([file('a', `${MAX}=1`), file('b', `${MAX}=2`)], 'systemd');
    expect(lines.map(({ file }) => file)).toEqual(['a', 'b']);
  });
});

test.each([
  [`${MAX} = 65536 more`, 1, /text after the number/],
  [`\n${MAX} = -1`, 2, /^keeps systemd-sysctl from setting net.netfilter.nf_conntrack_max .*negative/],
  [`net.netfilter.nf_conntrack_buckets = 0`, 1, /^keeps.*refuses/],
  [`${MAX} = 99999999999999999999`, 1, /^keeps.*more than 2147483647/],
  [`${MAX} = 268435456`, 1, /2\^27/],
  [`${MAX}`, 1, /not an assignment/],
  [`${MAX}=1\r${MAX}=2`, 1, /carriage return/],
  [`-${MAX}`, 1, /keeps systemd-sysctl from setting/],
  [`\ufeff${MAX} = 5`, 1, /byte order mark/],
  ['net.netfilter.nf_conntrack_tcp_timeout_established = 1 day', 1, /text after/],
])('%j is a problem in line %i', (text, line, what) => {
  const problems = sysctlProblems(file('/etc/x.conf', text));
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatchObject({ file: '/etc/x.conf', line });
  expect(problems[0]?.what).toMatch(what);
});

test("what does not concern conntrack is nobody's problem", () => {
  expect(sysctlProblems(file('f', 'kernel.x = ö\nnonsense\n-net.ipv4.ip_forward\nvm.swappiness = -9 a\n'))).toEqual([]);
});

test('exclusions are listed with their place', () => {
  expect(exclusions([file('f', `${MAX}=1\n-net/nf_conntrack_max\n-kernel.x\n-${MAX} = 5\n${MAX}=x\n`)])).toEqual([
    { file: 'f', line: 2, key: MAX, value: '', raw: '-net/nf_conntrack_max', optional: true },
    { file: 'f', line: 5, key: MAX, value: '', raw: `${MAX}=x`, optional: true },
  ]);
});
