import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashsizeOf, logicalLines, moduleName, parseModprobe, printModprobe } from '../../src/facts/modprobe-files.ts';

const parse = (text: string) => parseModprobe('/etc/modprobe.d/x.conf', text);

describe('directives about nf_conntrack', () => {
  test.each([
    ['options nf_conntrack hashsize=5', [['options', 1, 'hashsize=5', 5]]],
    ['options nf-conntrack hashsize=0x10 acct=1', [['options', 1, 'hashsize=0x10 acct=1', 16]]],
    ['\toptions \t nf_conntrack\thashsize=5  ', [['options', 1, 'hashsize=5', 5]]],
    ['options nf_conntrack hashsize="5"', [['options', 1, 'hashsize="5"', 5]]],
    ['options nf_conntrack hashsize=5 hashsize=6', [['options', 1, 'hashsize=5 hashsize=6', 6]]],
    ['options nf_conntrack expect_hashsize=5', [['options', 1, 'expect_hashsize=5', undefined]]],
    [
      'options nf_conntrack \\\n  hashsize=5\noptions nf_conntrack acct=1',
      [
        ['options', 1, 'hashsize=5', 5],
        ['options', 3, 'acct=1', undefined],
      ],
    ],
    ['options nf_conn\\\ntrack hashsize=5', [['options', 1, 'hashsize=5', 5]]],
    ['install nf_conntrack /bin/true', [['install', 1, '/bin/true', undefined]]],
    ['blacklist nf_conntrack', [['blacklist', 1, '', undefined]]],
    ['softdep nf_conntrack post: x', [['softdep', 1, 'post: x', undefined]]],
    [
      'remove nf_conntrack x\nalias nf_conntrack off',
      [
        ['remove', 1, 'x', undefined],
        ['alias', 2, 'off', undefined],
      ],
    ],
    ['# options nf_conntrack hashsize=5', []],
    ['# continued \\\noptions nf_conntrack hashsize=5', []],
    ['options nf_conntrack_ftp ports=21', []],
    ['options xt_x y\nnonsense\n\n', []],
    ['options nf_conntrack\v hashsize=5', []],
    ['options nf_conntrack hash\\size=5', [['options', 1, 'hashsize=5', 5]]],
    ['options nf_conntrack acct=1 \\\\\nhashsize=5', [['options', 1, 'acct=1 \\', undefined]]],
    ['options', []],
  ])('%j', (text, expected) => {
    const { lines, problems } = parse(text);
    expect(lines.map(({ directive, line, rest, hashsize }) => [directive, line, rest.trim(), hashsize])).toEqual(
      expected,
    );
    expect(problems).toEqual([]);
  });

  test.each([
    ['#\noptions nf_conntrack hashsize = 5', 2, /without a value.*cannot be loaded/],
    ['options nf_conntrack hashsize=', 1, /not a number/],
    ['options nf_conntrack hashsize=99999999999', 1, /cannot be loaded/],
    ['options nf_conntrack hashsize=-1', 1, /cannot be loaded/],
    ['options nf_conntrack hashsize=134217729', 1, /2\^27/],
    ['options nf_conntrack hashsize=0', 1, /the choice to the kernel/],
    ['options nf_conntrack hashsize=5\r\n', 1, /CR LF/],
    ['blacklist nf_conntrack\r\n', 1, /CR LF/],
  ])('%j is a problem in line %i', (text, line, what) => {
    const { problems } = parse(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ file: '/etc/modprobe.d/x.conf', line });
    expect(problems[0]?.what).toMatch(what);
  });

  test('CRLF: options still work, a blacklist does not', () => {
    expect(parse('options nf_conntrack hashsize=5\r\n').lines).toMatchObject([{ hashsize: 5, rest: 'hashsize=5' }]);
    expect(parse('blacklist nf_conntrack\r\n').lines).toEqual([]);
  });

  test('a bad value after a good one leaves none: the load fails', () => {
    expect(hashsizeOf('hashsize=5 hashsize=x')).toEqual({ what: expect.stringContaining('not a number') });
    expect(hashsizeOf('hashsize=x hashsize=5')).toEqual({ what: expect.stringContaining('not a number') });
  });
});

test('moduleName', () => expect(moduleName('nf-conntrack-ftp')).toBe('nf_conntrack_ftp'));

describe('laws', () => {
  const piece = fc.constantFrom(
    'options ',
    'nf_conntrack',
    ' hashsize=',
    '5',
    '"',
    '\\\n',
    '\\',
    '\n',
    '\r\n',
    '#',
    '=',
    ' ',
    'blacklist ',
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.oneof(piece, fc.string()), { maxLength: 40 }).map((parts) => parts.join('')),
  );

  test('print undoes the split for any text, and nothing throws', () => {
    fc.assert(
      fc.property(text, (any) => {
        expect(printModprobe(logicalLines(any))).toBe(any);
        const { lines, problems } = parse(any);
        const count = any.split('\n').length;
        for (const { line } of [...lines, ...problems]) expect(line).toSatisfy((at: number) => at >= 1 && at <= count);
      }),
    );
  });

  test('a written option comes back, wherever the line is broken', () => {
    const value = fc.integer({ min: 1, max: 2 ** 27 });
    fc.assert(
      fc.property(value, fc.nat(40), fc.boolean(), (size, cut, dash) => {
        const line = `options ${dash ? 'nf-conntrack' : 'nf_conntrack'} acct=1 hashsize=${size}`;
        const broken = `${line.slice(0, cut)}\\\n${line.slice(cut)}\n`;
        expect(parse(broken).lines).toMatchObject([{ directive: 'options', line: 1, hashsize: size }]);
      }),
    );
  });
});
