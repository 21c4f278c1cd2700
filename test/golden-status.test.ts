/**
 * What `ctfix status` and `ctfix check` say about every recorded host, word for word, as golden.test.ts has it for plans;
 * and about some that have one thing changed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { runProgram } from '../src/commands/program.ts';
import type { ReadHost } from '../src/host/host.ts';
import { recordedHost } from '../src/host/recorded.ts';
import { fakeDeps } from './commands/support.ts';
import { stateText } from './support/change-record.ts';
import { BRIEF, changed } from './support/recorded.ts';

const HOSTS = join(import.meta.dirname, 'hosts');
const golden = readdirSync(join(import.meta.dirname, 'golden'));
const schema = JSON.parse(readFileSync(join(import.meta.dirname, '../docs/status-v1.schema.json'), 'utf8'));
const valid = new Ajv2020({ strict: true, allErrors: true }).compile(schema);
const NETFILTER = '/proc/sys/net/netfilter/nf_conntrack_';

/** The answer as recorded; another exit code than the recorded one is a difference too. */
async function same(
  name: string,
  host: ReadHost,
  command: string,
  words: readonly string[],
  format: string,
): Promise<void> {
  const { deps, said } = fakeDeps({ look: async () => host });
  const code = await runProgram(words, deps);
  const file = `${name}.${command}.${code}.${format}`;
  const others = golden.filter((each) => each.startsWith(`${name}.${command}.`) && each.endsWith(`.${format}`));
  expect([...new Set([file, ...others])]).toEqual([file]);
  expect(said.err).toBe('');
  await expect(said.out).toMatchFileSnapshot(join('golden', file));
}

async function fits(host: ReadHost): Promise<void> {
  const { deps, said } = fakeDeps({ look: async () => host });
  await runProgram(['status', '-o', 'json'], deps);
  valid(JSON.parse(said.out));
  expect(valid.errors).toBeNull();
}

describe.each(readdirSync(HOSTS))('%s', (name) => {
  const host = () => recordedHost(join(HOSTS, name));

  test('status', async () => {
    await same(name, host(), 'status', ['status'], 'text');
    if (!BRIEF.includes(name)) await same(name, host(), 'status', ['status', '-o', 'prometheus'], 'prom');
  });

  test('JSON satisfies its schema', async () => {
    await fits(host());
  });

  test('check', async () => {
    await same(name, host(), 'check', ['check', '-w', '75', '-c', '90'], 'text');
  });
});

/** Every value has its place there, so these are long: one of each kind. */
test.each(['debian12-full-4g', 'el7-ish', 'no-module'])('%s as JSON', async (name) => {
  await same(name, recordedHost(join(HOSTS, name)), 'status', ['status', '-o', 'json'], 'json');
});

const LOST = { '/etc/sysctl.d/90-x.conf': '# 2024, after the incident\n\nnet.netfilter.nf_conntrack_max = 500000\n' };

describe.each<[string, Readonly<Record<string, string>>]>([
  ['with-lost-drop-in', LOST],
  [
    'with-later-file',
    {
      ...LOST,
      '/etc/sysctl.d/99-y.conf': 'net.netfilter.nf_conntrack_max=131072\n',
      '/etc/modules-load.d/ct.conf': 'nf_conntrack\n',
    },
  ],
  ['without-limit', { [`${NETFILTER}max`]: '0\n', [`${NETFILTER}count`]: '70000\n' }],
  [
    'with-timeouts',
    {
      [`${NETFILTER}tcp_timeout_established`]: '7500\n',
      '/etc/sysctl.d/80-t.conf': 'net.netfilter.nf_conntrack_udp_timeout = 10\n',
    },
  ],
  [
    'with-unconfirmed-change',
    {
      '/var/lib/ctfix/state.json': stateText({ until: 99_999 }),
      [`${NETFILTER}max`]: '131072\n',
      [`${NETFILTER}buckets`]: '131072\n',
    },
  ],
  ['with-change-of-an-earlier-boot', { '/var/lib/ctfix/state.json': stateText({ bootId: 'earlier' }) }],
  ['with-unfinished-change', { '/var/lib/ctfix/state.json': stateText({ outcome: 'unfinished' }) }],
  ['with-damaged-record', { '/var/lib/ctfix/state.json': '{' }],
])('debian12-idle-2g %s', (name, files) => {
  const host = () => changed('debian12-idle-2g', { files });

  test('JSON satisfies its schema', async () => {
    await fits(host());
  });

  test('status and metrics', async () => {
    await same(name, host(), 'status', ['status'], 'text');
    await same(name, host(), 'status', ['status', '-o', 'prometheus'], 'prom');
  });

  test('check', async () => {
    await same(name, host(), 'check', ['check'], 'text');
  });
});
