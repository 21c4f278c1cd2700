import { describe, expect, test } from 'vitest';
import { judgeJournal, parseJournal, parseKmsg } from '../../src/facts/log.ts';

const kmsg = (text: string, prio = 4, seq = 0) => parseKmsg(`${prio},${seq},1500000,-;${text}\n`).log.full;

describe('the texts of all kernels', () => {
  test.each([
    ['ip_conntrack: table full, dropping packet.', undefined],
    ['nf_conntrack: table full, dropping packet', undefined],
    ['nf_conntrack: nf_conntrack: table full, dropping packet', undefined],
    ['nf_conntrack: nf_conntrack: table full in netns 4026532230, dropping packet', 4026532230],
  ])('%s', (text, netns) => expect(kmsg(text)).toEqual([{ at: 1.5, text, ...(netns === undefined ? {} : { netns }) }]));

  test.each(['nf_conntrack: falling back to vmalloc.', 'net_ratelimit: 20 callbacks suppressed', 'table full'])(
    'not %s',
    (text) => expect(kmsg(text)).toEqual([]),
  );
});

describe('/dev/kmsg', () => {
  test('what a program wrote into it does not count', () => {
    expect(kmsg('nf_conntrack: table full, dropping packet', 12)).toEqual([]);
  });
  test('continuation lines and records with more fields are taken in stride', () => {
    const text = '6,0,1,-;a\n SUBSYSTEM=net\n4,1,2000000,-,caller=T1;nf_conntrack: table full, dropping packet\n';
    expect(parseKmsg(text)).toEqual({
      rotated: false,
      log: { source: 'kmsg', total: 1, full: [expect.objectContaining({ at: 2 })] },
    });
  });
  test('a first number above 0 means that the beginning is gone', () => {
    expect(parseKmsg('6,7,1,-;a\n').rotated).toBe(true);
    expect(parseKmsg('').rotated).toBe(false);
  });
  test('the last 50 are kept, all are counted', () => {
    const text = Array.from(
      { length: 60 },
      (_, n) => `4,${n},${n}000000,-;nf_conntrack: table full, dropping packet`,
    ).join('\n');
    const { log } = parseKmsg(text);
    expect([log.total, log.full.length, log.full[0]?.at]).toEqual([60, 50, 10]);
  });
});

describe('the journal', () => {
  const record = (fields: object) => JSON.stringify(fields);
  const MESSAGE = 'nf_conntrack: nf_conntrack: table full, dropping packet';
  test("the kernel's own time goes before the journal's", () => {
    const text = [
      record({ MESSAGE, __MONOTONIC_TIMESTAMP: '9000000', _SOURCE_MONOTONIC_TIMESTAMP: '8000000' }),
      record({ MESSAGE, __MONOTONIC_TIMESTAMP: '9500000' }),
      record({ MESSAGE: 'other', __MONOTONIC_TIMESTAMP: '1' }),
      '{"MESSAGE":[1,2]} _conntrack: table full',
      'no json',
    ].join('\n');
    expect(parseJournal(text)).toEqual({
      source: 'journal',
      total: 2,
      full: [
        { at: 8, text: MESSAGE },
        { at: 9.5, text: MESSAGE },
      ],
    });
  });

  test.each([
    [0, '{}', '', 'lines'],
    [0, '', '', 'lines'],
    [1, '', '', 'lines'],
    [1, '', 'No journal files were opened due to insufficient permissions.', 'denied'],
    [0, '', 'Hint: You are currently not seeing messages from other users and the system.', 'denied'],
    [1, '', "journalctl: unrecognized option '--grep=x'", 'no-grep'],
    [1, '', 'Compiled without pattern matching support', 'no-grep'],
    [1, '', 'No journal files were found.', 'failed'],
    [127, '', '', 'failed'],
    [124, '', 'journalctl did not end in 20000 ms', 'failed'],
  ])('code %i, %j, %j: %s', (code, stdout, stderr, expected) =>
    expect(judgeJournal(code, stdout, stderr)).toBe(expected),
  );
});
