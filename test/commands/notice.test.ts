/** What every command tells first of a change that is open, and what keeps it quiet. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { beforeEach, expect, test } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import type { ChangeRecord } from '../../src/model.ts';
import { memoryHost } from '../support/memory-host.ts';
import { stateDir } from '../support/state-dir.ts';
import { fakeDeps } from './support.ts';

const change = (more: Partial<ChangeRecord>): ChangeRecord => ({
  id: '20261124-054512-1a2b',
  at: '2026-11-24T05:45:12Z',
  bootId: 'boot-1',
  uptime: 10,
  outcome: 'applied',
  options: {},
  strategy: 'live',
  targets: { max: 2, buckets: 2, values: {} },
  before: {},
  ...more,
});

let dir = '';
beforeEach(() => {
  dir = '/var/lib/ctfix';
});

async function said(text: string | undefined, words = ['facts']): Promise<string> {
  const memory = memoryHost(text === undefined ? {} : { [`${dir}/state.json`]: text });
  const { deps, said: all } = fakeDeps({ look: async () => ({ ...memory.host, root: false }), stateDir: dir });
  await runProgram(words, deps);
  return all.err;
}

const state = (...changes: ChangeRecord[]) => JSON.stringify({ schema: 'ctfix.state/v1', changes });

test.each<[string, Partial<ChangeRecord>, RegExp | undefined]>([
  ['complete', {}, undefined],
  ['taken back', { outcome: 'undone' }, undefined],
  [
    'never finished',
    { outcome: 'unfinished' },
    /1a2b was never finished; run: sudo ctfix rollback 20261124-054512-1a2b\n$/,
  ],
  ['stuck', { outcome: 'stuck' }, /could not be taken back whole; run: sudo ctfix rollback/],
  [
    'waiting',
    { pendingConfirm: { until: 1100.5, bootId: 'boot-1' } },
    /goes back in 100 seconds unless it is confirmed/,
  ],
  [
    'from before the boot',
    { pendingConfirm: { until: 1100.5, bootId: 'boot-0' } },
    /the time to confirm .*1a2b is over; if this stays, run: sudo ctfix rollback 20261124-054512-1a2b\n$/,
  ],
  ['its time is over', { pendingConfirm: { until: 900, bootId: 'boot-1' } }, /is over/],
])('%s', async (_, more, text) => {
  if (text === undefined) expect(await said(state(change(more)))).toBe('');
  else expect(await said(state(change(more)))).toMatch(text);
});

test.each<[string, unknown]>([
  ['no change', null],
  ['a number', 7],
  ['half of one', { id: 'x', outcome: 'unfinished' }],
  ['a time that is none', { ...change({}), pendingConfirm: { until: 'soon' } }],
  ['a name that a shell would run', { ...change({ outcome: 'unfinished' }), id: '$(id); x' }],
])('a record that somebody has made up: %s', async (_, made) => {
  const text = JSON.stringify({ schema: 'ctfix.state/v1', changes: [made, change({ outcome: 'stuck' })] });
  expect(await said(text)).toBe(await said(state(change({ outcome: 'stuck' }))));
  expect(await said(text, ['history'])).not.toMatch(/this is a bug/);
});

test.each([
  ['no record', undefined],
  ['no JSON', '{'],
  ['something else', '[1]'],
  ['no list', '{"changes":3}'],
])('%s: quiet', async (_, text) => expect(await said(text)).toBe(''));

test('what it says is escaped', async () => {
  const text = state(change({ id: '\u001b[2J', outcome: 'unfinished' }));
  expect(await said(text)).not.toContain('\u001b');
});

test('commands that look at no host are quiet', async () => {
  expect(await said(state(change({ outcome: 'stuck' })), ['completion', 'bash'])).toBe('');
});

test('one damaged journal is told on stderr, and the command goes on', async () => {
  const real = stateDir();
  mkdirSync(`${real}/journal`, { recursive: true, mode: 0o700 });
  writeFileSync(`${real}/journal/20261124-054512-1a2b.jsonl`, 'no line\n{}\n', { mode: 0o600 });
  const memory = memoryHost({ [`${real}/journal/.here`]: '' });
  const { deps, said: all } = fakeDeps({ look: async () => ({ ...memory.host, root: true }), stateDir: real });
  await runProgram(['facts'], deps);
  expect(all.err).toMatch(/^ctfix: .*20261124-054512-1a2b/);
  expect(all.out).not.toBe('');
});
