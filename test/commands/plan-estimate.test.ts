import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { type Recording, readRecording, recordedFrom } from '../../src/host/recorded.ts';
import { templates } from '../support/facts.ts';
import { fakeDeps } from './support.ts';

const base = readRecording(join(import.meta.dirname, '../hosts/debian12-idle-2g'));
const established = (left: number) =>
  `tcp      6 ${left} ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 [ASSURED] mark=0 use=1\n`;
const table = { code: 0, stdout: established(432_000) + established(1000) + established(100), stderr: '' };

const VERSION = { code: 0, stdout: 'conntrack v1.4.7 (conntrack-tools)\n', stderr: '' };
const NETLINK = { '/sys/module/nf_conntrack_netlink': [] };

/** The notes of a plan with a shorter timeout. */
async function notes(more: Recording, words = ['--timeout', 'tcp_established=86400']): Promise<string[]> {
  const recording: Recording = {
    ...base,
    ...more,
    files: { ...base.files, ...more.files },
    dirs: { ...base.dirs, ...more.dirs },
    commands: { ...base.commands, 'conntrack -V': VERSION, ...more.commands },
  };
  const { deps, said } = fakeDeps({ look: async () => recordedFrom(recording), templates });
  await runProgram(['plan', ...words, '-o', 'json'], deps);
  const found: string[] = JSON.parse(said.out).notes;
  return found.filter((note) => /frees|fewer|shorter timeout/.test(note));
}

const ANSWER = [
  'tcp_timeout_established = 86,400 instead of 432,000: 1 flow fewer (33 % of all), of 3 flows in that state; 1 more cannot be told and go by themselves within 300 s',
  expect.stringContaining('counts from a flow'),
];

describe('plan --timeout', () => {
  test.each([
    [
      'through conntrack, whose module is there',
      { root: true, files: { '/usr/sbin/conntrack': '' }, dirs: NETLINK, commands: { 'conntrack -L': table } },
      ANSWER,
    ],
    [
      'out of /proc, where that module is not',
      {
        root: true,
        files: { '/usr/sbin/conntrack': '', '/proc/net/nf_conntrack': '' },
        commands: { 'cat -- /proc/net/nf_conntrack': table },
      },
      ANSWER,
    ],
    [
      'not out of /proc, when the table is large',
      {
        root: true,
        files: { '/proc/net/nf_conntrack': '', '/proc/sys/net/netfilter/nf_conntrack_count': '50001\n' },
        commands: { 'cat -- /proc/net/nf_conntrack': table },
      },
      [expect.stringMatching(/is not estimated.*sudo ctfix top --what-if tcp_timeout_established=86400 tells/)],
    ],
    [
      'not where a module would be loaded',
      { root: true, files: { '/usr/sbin/conntrack': '' }, commands: { 'conntrack -L': table } },
      [expect.stringMatching(/load a module/)],
    ],
    [
      'not when conntrack fails',
      { root: true, files: { '/usr/sbin/conntrack': '' }, dirs: NETLINK },
      [expect.stringMatching(/is not estimated/)],
    ],
    [
      'not for an ordinary user',
      { root: false, files: { '/usr/sbin/conntrack': '' }, dirs: NETLINK, commands: { 'conntrack -L': table } },
      [expect.stringMatching(/only root/)],
    ],
  ] as [string, Recording, unknown[]][])('%s', async (_, recording, expected) => {
    expect(await notes(recording)).toEqual(expected);
  });

  test('says nothing about a timeout that is not shorter, or that no flow shows', async () => {
    expect(await notes({ root: true }, ['--timeout', 'tcp_established=500000'])).toEqual([]);
    expect(await notes({ root: true }, ['--timeout', 'tcp_max_retrans=10'])).toEqual([]);
    expect(await notes({ root: true }, [])).toEqual([]);
  });
});
