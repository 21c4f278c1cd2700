import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { CtfixError } from '../../src/errors.ts';
import { type Recording, recordedFrom } from '../../src/host/recorded.ts';
import { fakeDeps } from './support.ts';

const LISTINGS = join(import.meta.dirname, '../listings');
const SYSCTL = '/proc/sys/net/netfilter/nf_conntrack_';
const line = (source: string, more = '') =>
  `udp      17 27 src=${source} dst=192.0.2.53 sport=1 dport=53 ${more}src=192.0.2.53 dst=${source} sport=53 dport=1 mark=0 use=1\n`;
const printed = (stdout: string) => ({ code: 0, stdout, stderr: '' });

/** A host with a table, with conntrack and with /proc. */
const both: Recording = {
  root: true,
  files: {
    [`${SYSCTL}count`]: '2\n',
    [`${SYSCTL}udp_timeout`]: '30\n',
    '/usr/sbin/conntrack': '',
    '/proc/net/nf_conntrack': '',
  },
  dirs: { '/sys/module/nf_conntrack_netlink': [] },
  commands: {
    'conntrack -L': printed(line('10.0.0.1') + line('2001:db8::1') + line('10.0.0.1', '[UNREPLIED] ')),
    'conntrack -V': printed('conntrack v1.4.7 (conntrack-tools)\n'),
    'cat -- /proc/net/nf_conntrack': printed(line('10.0.0.9')),
  },
};

const without = (path: string): Recording => ({
  ...both,
  files: Object.fromEntries(Object.entries(both.files ?? {}).filter(([name]) => name !== path)),
});

async function top(words: readonly string[], recording: Recording = both, more: Parameters<typeof fakeDeps>[0] = {}) {
  const { deps, said } = fakeDeps({ look: async () => recordedFrom(recording), ...more });
  const code = await runProgram(['top', ...words], deps);
  return { ...said, code };
}

async function answer(words: readonly string[], recording: Recording = both) {
  return JSON.parse((await top([...words, '-o', 'json'], recording)).out);
}

async function wrong(words: readonly string[], recording: Recording = both, more = {}): Promise<CtfixError> {
  const error: unknown = await top(words, recording, more).catch((thrown: unknown) => thrown);
  if (!(error instanceof CtfixError)) throw new Error(`no CtfixError: ${String(error)}`);
  return error;
}

/** Rows of one table, as they are counted. */
const rowsOf = (report: { tables: { by: string; rows: { key: string; flows: number }[] }[] }, by: string) =>
  report.tables.find((table) => table.by === by)?.rows.map(({ key, flows }) => `${flows} ${key}`);

describe('on this host', () => {
  test('through conntrack, where it is', async () => {
    const report = await answer([]);
    expect(report.origin).toEqual({ kind: 'conntrack', name: 'conntrack -L' });
    expect(rowsOf(report, 'source')).toEqual(['2 10.0.0.1', '1 2001:db8::1']);
    expect([report.flows, report.unreplied, report.notes]).toEqual([3, 1, []]);
    expect(report.tables.map(({ by }: { by: string }) => by)).toEqual([
      'source',
      'destination',
      'port',
      'protocol',
      'state',
      'nat',
    ]);
  });

  test('out of /proc, where conntrack is not', async () => {
    const report = await answer([], without('/usr/sbin/conntrack'));
    expect(report.origin).toEqual({ kind: 'proc', name: '/proc/net/nf_conntrack' });
    expect(rowsOf(report, 'source')).toEqual(['1 10.0.0.9']);
  });

  test('out of /proc, and large', async () => {
    const { files, ...rest } = without('/usr/sbin/conntrack');
    const commands = { 'cat -- /proc/net/nf_conntrack': printed(line('10.0.0.9').repeat(50_001)) };
    expect((await answer([], { ...rest, files: files ?? {}, commands })).notes).toEqual([
      expect.stringContaining('read faster through conntrack'),
    ]);
  });

  test('neither', async () => {
    const { files, ...rest } = both;
    const error = await wrong([], { ...rest, files: { [`${SYSCTL}count`]: files?.[`${SYSCTL}count`] ?? '' } });
    expect([error.exit, error.message]).toEqual(['failed', expect.stringContaining('neither conntrack nor /proc')]);
  });

  test('nothing is asked where nothing is tracked: that would load the module', async () => {
    const { out, code } = await top([], { root: true, files: { '/usr/sbin/conntrack': '' } });
    expect(code).toBe(0);
    expect(out).toContain('no flows: nf_conntrack is not loaded');
  });

  test('the module that was loaded for it is named', async () => {
    const { dirs, ...rest } = both;
    expect((await top([], rest)).out).not.toContain('nf_conntrack_netlink');
    let seen = 0;
    const host = recordedFrom(rest);
    const look = async () => ({
      ...host,
      stat: async (path: string) => {
        if (path !== '/sys/module/nf_conntrack_netlink') return host.stat(path);
        seen += 1;
        return seen === 1 ? undefined : recordedFrom({ dirs: dirs ?? {} }).stat(path);
      },
    });
    expect((await top([], rest, { look })).out).toContain(
      'nf_conntrack_netlink was loaded to list the table and stays',
    );
  });

  test.each([
    ['v1.4.7', 0],
    ['v1.5.0', 0],
    ['v1.4.5', 1],
    ['unknown', 1],
  ])('conntrack %s without an IPv6 flow is asked for them %d times', async (version, times) => {
    const commands = {
      'conntrack -L': printed(line('10.0.0.1')),
      'conntrack -L -f ipv6': printed(line('2001:db8::7')),
      'conntrack -V': printed(`conntrack ${version} (conntrack-tools)\n`),
    };
    const report = await answer([], { ...both, commands });
    expect(report.flows).toBe(1 + times);
  });

  test('with a larger buffer where stdbuf is, and without it where that fails', async () => {
    const buffered = 'stdbuf --output=64K conntrack -L';
    const there = { ...both, files: { ...both.files, '/usr/bin/stdbuf': '' } };
    const asked = (code: number, text: string) =>
      answer([], {
        ...there,
        commands: { ...both.commands, [buffered]: { code, stdout: text, stderr: 'no library' } },
      });
    expect(rowsOf(await asked(0, line('10.0.0.8')), 'source')).toEqual(['1 10.0.0.8']);
    const { origin, notes, flows } = await asked(125, '');
    expect([origin.name, flows]).toEqual(['conntrack -L', 3]);
    expect(notes).toEqual([`${buffered} ended with code 125: no library`]);
  });

  const failed = { code: 1, stdout: '', stderr: 'conntrack v1.4.7: Operation failed: \x1b[31mno\n' };

  test('conntrack fails, and /proc is read instead', async () => {
    const { origin, notes, flows } = await answer([], {
      ...both,
      commands: { ...both.commands, 'conntrack -L': failed },
    });
    expect([origin.kind, flows]).toEqual(['proc', 1]);
    expect(notes).toEqual([
      expect.stringMatching(/^conntrack -L ended with code 1: conntrack v1.4.7: Operation failed/),
    ]);
  });

  test('all ways fail', async () => {
    const error = await wrong([], { ...without('/proc/net/nf_conntrack'), commands: { 'conntrack -L': failed } });
    expect(error.exit).toBe('failed');
    expect(error.message).toMatch(/conntrack -L ended with code 1: conntrack v1.4.7: Operation failed/);
    expect((await wrong([], { ...both, commands: {} })).message).toMatch(
      /^cat -- \/proc\/net\/nf_conntrack ended with/,
    );
  });

  test('other namespaces, each by its name', async () => {
    const link = (inode: number) => `net:[${inode}]`;
    const recording: Recording = {
      ...both,
      links: { '/proc/self/ns/net': link(1), '/proc/7/ns/net': link(2), '/proc/8/ns/net': link(3) },
      files: { ...both.files, '/proc/7/comm': 'dnsmasq\n', '/proc/8/comm': 'gone\n' },
      dirs: { ...both.dirs, '/proc': ['7', '8', 'self'] },
      commands: {
        ...both.commands,
        'nsenter --net=/proc/7/ns/net -- conntrack -L': printed(`${line('10.7.0.1')}no flow\n`),
      },
    };
    const report = await answer(['--namespaces', '--by', 'namespace', '--by', 'source'], recording);
    expect(rowsOf(report, 'namespace')).toEqual(['3 this one', '1 dnsmasq (7)', '0 gone (8)']);
    expect(rowsOf(report, 'source')).toContain('1 10.7.0.1');
    expect(report.bad.first).toEqual([{ line: 2, where: 'dnsmasq (7)', why: expect.any(String), text: 'no flow' }]);
    expect(rowsOf(await answer(['--by', 'namespace'], recording), 'namespace')).toEqual(['3 this one']);
  });

  test('root alone can', async () => {
    const error = await wrong([], both, { isRoot: false });
    expect([error.exit, error.hint]).toEqual(['notRoot', expect.stringContaining('--from')]);
  });

  test('what if, against the value that is set', async () => {
    const report = await answer(['--what-if', 'udp=2', '--by', 'nat']);
    expect(report.whatIf).toEqual([
      { key: 'udp_timeout', seconds: 2, now: 30, flows: 3, freed: 3, unsure: 0, beyond: 0, assumed: false },
    ]);
  });
});

describe('a saved listing', () => {
  test('needs no root and no host', async () => {
    const { out, code } = await top(['--from', join(LISTINGS, 'default.txt'), '--by', 'nat', '-n', '1'], both, {
      isRoot: false,
      look: async () => {
        throw new Error('it was looked at');
      },
    });
    expect(code).toBe(0);
    expect(out).toContain('by nat, the top 1 of 3');
  });

  test('from standard input', async () => {
    const input = async function* () {
      yield new TextEncoder().encode(line('10.0.0.1').slice(0, 30));
      yield new TextEncoder().encode(line('10.0.0.1').slice(30));
    };
    const { out } = await top(['--from', '-'], both, { input });
    expect(out).toContain('1 flow from standard input');
  });

  test('what if: the set value is assumed unless it is given', async () => {
    const words = ['--from', join(LISTINGS, 'default.txt'), '--what-if', 'tcp_established=86400'];
    expect((await answer(words)).whatIf).toMatchObject([{ now: 432_000, freed: 1, assumed: true }]);
    const given = await answer([...words, '--timeout-now', 'nf_conntrack_tcp_timeout_established=173000']);
    expect(given.whatIf).toMatchObject([{ now: 173_000, freed: 0, beyond: 1, assumed: false }]);
  });

  test('bad lines are told, and nothing of them reaches the terminal as it is', async () => {
    const input = async function* () {
      yield new TextEncoder().encode(`${line('10.0.0.1')}\x1b]0;title\x07\u202e\n`);
    };
    const { out } = await top(['--from', '-'], both, { input });
    expect(out).toContain('- line 2: it does not begin with a protocol and its number');
    expect(out).toContain('\\e]0;title\\x07\\u202e');
    expect(out).not.toMatch(/[\x00-\x09\x0b-\x1f\u202e]/);
  });
});

describe('progress', () => {
  const slow = () => {
    let ms = 0;
    return () => {
      ms += 400;
      return new Date(ms);
    };
  };
  const input = async function* () {
    for (let n = 0; n < 6; n += 1) yield new TextEncoder().encode(line('10.0.0.1').repeat(1000));
  };

  test('on a terminal, after a second, written over and away', async () => {
    const { err } = await top(['--from', '-'], both, { input, watched: () => true, now: slow() });
    expect(err).toMatch(/^(\r[0-9,]+ flows read)+\r +\r$/);
  });

  test.each([
    ['without a terminal', { watched: (): boolean => false, now: slow() }],
    ['when it is quick', { watched: (): boolean => true }],
  ])('none %s', async (_, more) => {
    expect((await top(['--from', '-'], both, { input, ...more })).err).toBe('');
  });
});

describe('used wrongly', () => {
  test.each([
    [['--by', 'colour'], 'usage', /Allowed choices are source, destination/],
    [['-n', '0'], 'usage', /whole number from 1/],
    [['-n', '1e3'], 'usage', /whole number from 1/],
    [['--what-if', 'udp'], 'usage', /^--what-if: udp is not NAME=SECONDS/],
    [['--what-if', 'nosuch=3'], 'usage', /^--what-if: nosuch=3 names no timeout/],
    [['--what-if', 'icmp=3'], 'usage', /this kernel has no such timeout/],
    [['--what-if', 'tcp_max_retrans=3'], 'usage', /does not tell which flows/],
    [['--timeout-now', 'udp=3'], 'usage', /is for --from/],
    [['--from', ''], 'usage', /names no file/],
    [['--from', '/nosuch'], 'usage', /there is no file \/nosuch/],
    [['--from', '/'], 'failed', /it is a directory/],
    [['--from', join(LISTINGS, 'NOTES.md')], 'usage', /is no listing of flows: line 1 of \d+ such lines/],
    [['--from', join(LISTINGS, 'xml.txt'), '--namespaces'], 'usage', /a listing is of one/],
    [['--from', join(LISTINGS, 'xml.txt'), '--what-if', 'sctp_established=3'], 'usage', /does not say what is set/],
  ])('%j', async (words, exit, message) => {
    const error = await wrong(words);
    expect(error.exit).toBe(exit);
    expect(error.message).toMatch(message);
  });
});
