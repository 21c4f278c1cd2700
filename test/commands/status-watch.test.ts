/** `ctfix status --watch` with a clock and a terminal of the test's own: when it looks, what it shows, how it ends. */
import { describe, expect, test } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { EXIT, HostError } from '../../src/errors.ts';
import type { ReadHost } from '../../src/host/host.ts';
import { type Recording, recordedFrom } from '../../src/host/recorded.ts';
import type { Terminal, Woken } from '../../src/host/screen.ts';
import { fakeDeps } from './support.ts';

const KEYS = '/proc/sys/net/netfilter/nf_conntrack_';
const files = (count: number, max = 65_536): Recording => ({
  files: {
    [`${KEYS}count`]: `${count}\n`,
    [`${KEYS}max`]: `${max}\n`,
    '/proc/net/stat/nf_conntrack': 'entries drop early_drop\n00000000 00000000 00000000\n',
    '/sys/module/nf_conntrack/initstate': 'live\n',
  },
});

type Wait = { readonly until: number; readonly why: Woken };

/**
 * A terminal whose clock goes on by waiting alone.
 * @param whys how each wait ends, and how late; the last one should end it all
 */
function fakeTerminal(whys: readonly (Woken | { late: number })[], inPlace = false) {
  let now = 5000;
  const seen = { waits: [] as Wait[], drawn: [] as (readonly string[])[], lines: '', closed: 0 };
  const rest = [...whys];
  const terminal: Terminal = {
    inPlace,
    keys: inPlace,
    size: () => ({ columns: 80, rows: 24 }),
    clock: () => now,
    async wait(until) {
      const next = rest.shift() ?? 'ended';
      const why = typeof next === 'string' ? next : 'time';
      if (why === 'time') now = until + (typeof next === 'string' ? 0 : next.late);
      seen.waits.push({ until: until - 5000, why });
      return why;
    },
    draw: (lines) => void seen.drawn.push(lines),
    write(text) {
      seen.lines += text;
    },
    async close() {
      seen.closed += 1;
    },
  };
  return { terminal, seen };
}

/** Every look finds the next recording; the last one stays. */
function hostOf(...recordings: readonly Recording[]): ReadHost {
  const hosts = recordings.map(recordedFrom);
  const first = recordedFrom({});
  let look = -1;
  const now = () => hosts[Math.min(look, hosts.length - 1)] ?? first;
  return {
    ...first,
    readFile: async (path) => {
      if (path.endsWith('_count')) look += 1;
      return now().readFile(path);
    },
    stat: async (path) => now().stat(path),
    run: async () => {
      throw new Error('a watch starts no child');
    },
  };
}

async function watches(words: string, host: ReadHost, whys: readonly (Woken | { late: number })[], inPlace = false) {
  const { terminal, seen } = fakeTerminal(whys, inPlace);
  const { deps, said } = fakeDeps({ look: async () => host, openTerminal: async () => terminal });
  const code = await runProgram(['status', ...words.split(' ')], deps);
  return { code, seen, said };
}

describe('when it looks', () => {
  test('every two seconds unless told, counted from the first look', async () => {
    const { seen } = await watches('--watch', hostOf(files(5)), ['time', 'time', 'time', 'ended']);
    expect(seen.waits.map(({ until }) => until)).toEqual([2000, 4000, 6000, 8000]);
  });

  test('a late look moves no later one; looks that were missed are left out', async () => {
    const { seen } = await watches('--watch 1', hostOf(files(5)), [{ late: 300 }, { late: 2500 }, 'time', 'ended']);
    expect(seen.waits.map(({ until }) => until)).toEqual([1000, 2000, 5000, 6000]);
  });

  test('a timer that fires a little early makes no second look', async () => {
    const { seen } = await watches('--watch 1', hostOf(files(5)), [{ late: -0.4 }, 'time', 'ended']);
    expect(seen.waits.map(({ until }) => until)).toEqual([1000, 2000, 3000]);
    expect(seen.lines.split('\n')).toHaveLength(4);
  });
});

describe('without a screen', () => {
  test('a line a look, the peak last on stdout, the terminal given back', async () => {
    const { code, seen, said } = await watches('--watch 1', hostOf(files(5), files(90), files(7)), ['time', 'time']);
    expect(code).toBe(EXIT.ok);
    expect(seen.lines.split('\n').map((line) => /count=(\d+)/.exec(line)?.[1])).toEqual(['5', '90', '7', undefined]);
    expect(said.out).toMatch(/^highest: 90 flows .*\nctfix plan --peak 90\n$/);
    expect(said.err).toBe('');
    expect(seen.closed).toBeGreaterThan(0);
    expect(seen.drawn).toEqual([]);
  });

  test('json: objects alone on stdout, the peak on stderr', async () => {
    const { seen, said } = await watches('--watch 1 -o json', hostOf(files(5), files(90)), ['time', 'ended']);
    const counts = seen.lines.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line).count]));
    expect(counts).toEqual([5, 90]);
    expect(said).toMatchObject({ out: '', err: 'ctfix plan --peak 90\n' });
  });

  test('a change of the size of the screen is nothing', async () => {
    const { seen } = await watches('--watch 1', hostOf(files(5)), ['resized', 'resized', 'time', 'ended']);
    expect(seen.waits.map(({ until }) => until)).toEqual([1000, 1000, 1000, 2000]);
    expect(seen.lines.split('\n')).toHaveLength(3);
  });
});

describe('on a screen', () => {
  test('drawn at every look and at every change of its size, which is no look', async () => {
    const { seen } = await watches('--watch 1', hostOf(files(5), files(90)), ['resized', 'time', 'ended'], true);
    expect(seen.drawn.map((lines) => /flows +(\d+)/.exec(lines[2] ?? '')?.[1])).toEqual(['5', '5', '90']);
    expect(seen.drawn.every((lines) => lines.at(-1) === 'q ends')).toBe(true);
    expect(seen.lines).toBe('');
  });

  test('the last screen and the peak stay to be read', async () => {
    const { said } = await watches('--watch 1', hostOf(files(5), files(90)), ['time', 'ended'], true);
    expect(said.out).toMatch(/^ctfix status --watch 1 .*\n\nflows +90 of 65,536/);
    expect(said.out).toMatch(/\nctfix plan --peak 90\n$/);
    expect(said.out).not.toContain('q ends');
  });
});

test('nf_conntrack comes and goes meanwhile', async () => {
  const host = hostOf({}, files(5), {}, files(4));
  const { code, seen } = await watches('--watch 1', host, ['time', 'time', 'time', 'ended']);
  const lines = seen.lines
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^\S+ /, ''));
  expect(lines[0]).toBe('nf_conntrack is not loaded');
  expect(lines[1]).toMatch(/^count=5 .*\(nf_conntrack was loaded\)$/);
  expect(lines[2]).toBe('nf_conntrack is not loaded (nf_conntrack was unloaded)');
  expect(lines[3]).toMatch(/^count=4 .*highest=5 \(nf_conntrack was loaded\)$/);
  expect(code).toBe(EXIT.ok);
});

test('what cannot be read is unknown, with its reason, and no end', async () => {
  const host = recordedFrom({
    ...files(5),
    errors: { '/proc/net/stat/nf_conntrack': { code: 'EACCES', message: 'the counters are closed' } },
  });
  const { seen } = await watches('--watch 1 -o json', host, ['time', 'ended']);
  const objects = seen.lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(objects.map(({ count, dropsPerSecond }) => [count, dropsPerSecond])).toEqual([
    [5, { unknown: 'the counters are closed' }],
    [5, { unknown: 'the counters are closed' }],
  ]);
});

test('an answer that cannot be written ends with 1, a broken host gives the terminal back', async () => {
  expect((await watches('--watch 1', hostOf(files(5)), ['time', 'failed'])).code).toBe(EXIT.failed);
  const { terminal, seen } = fakeTerminal([]);
  const { deps } = fakeDeps({
    openTerminal: async () => terminal,
    look: async () => {
      throw new HostError('/', 'EIO', 'gone');
    },
  });
  await expect(runProgram(['status', '--watch'], deps)).rejects.toThrow('gone');
  expect(seen.closed).toBe(1);
});

test.each([
  ['--watch 0', /--watch: 0 is no number of seconds/],
  ['--watch 0.05', /allowed is a number from 0.1/],
  ['--watch 1e3', /is no number of seconds/],
  ['--watch 86401', /is no number of seconds/],
  ['--watch -o prometheus', /no answer in the form prometheus/],
  ['--watch --root /', /below --root there is none/],
  ['--watch --textfile x.prom', /do not go together/],
])('%s is wrong usage', async (words, message) => {
  const { deps } = fakeDeps({ look: async () => hostOf(files(5)) });
  await expect(runProgram(['status', ...words.split(' ')], deps)).rejects.toMatchObject({
    exit: 'usage',
    message: expect.stringMatching(message),
  });
});
