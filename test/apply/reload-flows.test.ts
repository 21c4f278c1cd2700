/** Saving and loading of flows where conntrack, files or the kernel do not do as they should; the rest is proved on kernels. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ReloadRun } from '../../src/apply/reload.ts';
import { drainFlows, restoreFlows, saveFlows } from '../../src/apply/reload-flows.ts';
import { HostError } from '../../src/errors.ts';
import { chunksOf } from '../../src/flows.ts';
import type { Host, RunResult } from '../../src/host/host.ts';
import type { HostCommand, RulesRecord } from '../../src/model.ts';
import { memoryHost } from '../support/memory-host.ts';

const COUNT = '/proc/sys/net/netfilter/nf_conntrack_count';
const DIR = '/run/ctfix-flows';
const RECORD: RulesRecord = { record: 'rules', full: {}, inode: 1 };
const ok = (stdout = ''): RunResult => ({ code: 0, stdout, stderr: '' });
const line = (n: number) => `-A -t ${n % 100} -u ASSURED -s 10.0.0.1 -d 10.0.0.2 -p udp --sport ${n} --dport 53`;
const table = (count: number) => Array.from({ length: count }, (_, at) => `${line(at + 1)}\n`).join('');

type Scene = {
  saved?: string;
  /** lines with this in them cannot be loaded, and cost the whole input */
  bad?: string;
  /** what the kernel counts after a flush */
  held?: number;
  conntrack?: RunResult;
};

function scene({ saved = '', bad, held = 0, conntrack }: Scene, record: RulesRecord = RECORD) {
  const memory = memoryHost({ '/proc/modules': 'nf_conntrack 1 0 - Live 0x0\nnf_conntrack_netlink 1 0 - Live 0x0\n' });
  const did: HostCommand[] = [];
  const loaded: string[] = [];
  const perform = (command: HostCommand): RunResult => {
    did.push(command);
    if (!('flows' in command)) return ok();
    if (conntrack !== undefined) return conntrack;
    if (command.flows === 'save') return ok(saved);
    if (command.flows === 'flush') memory.kernel.count = held;
    if (command.flows !== 'load') return ok();
    const input = memory.files.get(command.file)?.text ?? '';
    if (bad !== undefined && input.includes(bad)) return { code: 2, stdout: '', stderr: 'unknown option' };
    loaded.push(...input.trimEnd().split('\n'));
    memory.kernel.count = new Set(loaded).size;
    return ok();
  };
  const host: Host = { ...memory.host, perform: async (command) => perform(command) };
  let clock = 0;
  const run: ReloadRun = {
    host,
    live: {},
    targets: { max: 1, buckets: 1, values: {} },
    sleep: async (ms) => {
      clock += ms;
    },
    now: () => clock,
    progress: () => {},
    record,
  };
  return { run, memory, did, loaded, files: () => [...memory.files.keys()].filter((path) => path.startsWith(DIR)) };
}

/** Saves, and gives the scene as the steps after it find it. */
async function savedScene(said: Scene) {
  const first = scene(said);
  const { record, saw } = await saveFlows(first.run);
  if (record === undefined) throw new Error('no record');
  return { ...first, saw, record, run: { ...first.run, record } };
}

describe('a saved table', () => {
  test('lies in files for root alone, each small enough to be read back, and none stays', async () => {
    const { run, memory, files, saw, record } = await savedScene({ saved: table(4500) });
    expect(saw).toBe('4500 flows are saved, 0 with a mark');
    expect(files()).toEqual(record.flows?.files);
    expect(files()).toHaveLength(3);
    for (const path of files()) expect(memory.files.get(path)?.mode).toBe(0o600);
    expect(await restoreFlows(run)).toBe('4500 of 4500 flows are restored; the kernel counts 4500');
    expect(files()).toEqual([]);
  });

  test.each([
    [
      'conntrack does not work',
      { conntrack: { code: 1, stdout: table(9), stderr: 'Operation failed' } },
      /^the flows cannot be saved: Operation failed$/,
    ],
    [
      'conntrack is not there',
      { conntrack: { code: 127, stdout: '', stderr: 'conntrack is not there' } },
      /is not there/,
    ],
  ])('cannot be had: %s', async (_, said, words) => {
    await expect(saveFlows(scene(said).run)).rejects.toThrow(words);
  });

  test('that conntrack cannot load again is found out while nothing has been stopped', async () => {
    const words = 'conntrack cannot load the flows that it has saved: unknown option';
    await expect(saveFlows(scene({ saved: table(9), bad: '-A' }).run)).rejects.toThrow(words);
  });

  test('finds no room: nothing has been stopped yet, and that is said', async () => {
    const { run } = scene({ saved: table(9) });
    const full = async (path: string) => {
      throw new HostError(path, 'ENOSPC', `${path}: no space left`);
    };
    await expect(saveFlows({ ...run, host: { ...run.host, replaceFile: full } })).rejects.toThrow('no space left');
  });

  test('what loaded nf_conntrack_netlink is taken away again, unless it was there before', async () => {
    for (const there of [true, false]) {
      const first = scene({ saved: table(3) });
      if (!there) first.memory.files.set('/proc/modules', { text: 'nf_conntrack 1 0 - Live 0x0\n', mode: 0o444 });
      const { record } = await saveFlows(first.run);
      const later = scene({}, record);
      for (const [path, node] of first.memory.files) later.memory.files.set(path, node);
      later.memory.files.set('/proc/modules', { text: 'nf_conntrack_netlink 1 0 - Live 0x0\n', mode: 0o444 });
      await restoreFlows(later.run);
      const taken = later.did.some((command) => 'module' in command && command.name === 'nf_conntrack_netlink');
      expect(taken).toBe(!there);
    }
  });
});

describe('restoreFlows', () => {
  test('one bad line costs that line, wherever it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 2500 }), fc.integer({ min: 1, max: 2500 }), async (count, at) => {
        const port = ((at - 1) % count) + 1;
        const { run, loaded } = await savedScene({ saved: table(count), bad: `--sport ${port} ` });
        const saw = await restoreFlows(run);
        expect(saw).toContain(`${count - 1} of ${count} flows are restored; 1 could not be loaded (unknown option)`);
        expect(new Set(loaded).size).toBe(count - 1);
      }),
      { numRuns: 25 },
    );
  });

  test('when nothing can be loaded it comes to an end', async () => {
    const { record } = await savedScene({ saved: table(6000) });
    const { run, memory, did } = scene({ bad: '-A' }, record);
    for (const [at, text] of chunksOf(table(6000).trimEnd().split('\n'), 2000).entries()) {
      memory.files.set(record.flows?.files[at] ?? '', { text, mode: 0o600 });
    }
    expect(await restoreFlows(run)).toMatch(/^0 of 6000 flows are restored; 6000 could not be loaded/);
    expect(did.length).toBeLessThan(1100);
    expect(memory.files.has(`${DIR}/part`)).toBe(false);
  });

  test('a kernel that counts fewer than were loaded is told of', async () => {
    const { run, memory } = await savedScene({ saved: table(500).replaceAll(/-t \d+/g, '-t 300') });
    const host: Host = { ...run.host, readFile: async (path) => (path === COUNT ? '3\n' : run.host.readFile(path)) };
    expect(await restoreFlows({ ...run, host })).toContain('the kernel counts 3, which is less than it should be');
    expect(memory.files.has(`${DIR}/000001`)).toBe(false);
  });

  test('nothing saved, nothing done', async () => {
    const { run, did } = scene({});
    expect(await restoreFlows(run)).toBe('no flow was saved');
    expect(did).toEqual([]);
  });
});

describe('drainFlows', () => {
  test('an empty table: nothing holds a flow', async () => {
    expect(await drainFlows(scene({ held: 0 }).run)).toBe('no packet holds a flow');
  });

  test('flows that stay are held by a packet: the unload is not begun, after a bounded time', async () => {
    const { run } = scene({ held: 5 });
    await expect(drainFlows(run)).rejects.toThrow(
      /^5 flows are held .* an unload would never end, so it is not begun$/,
    );
    expect(run.now()).toBeLessThan(30_000);
  });

  test('without conntrack nothing is claimed; one that fails is a failure', async () => {
    const gone = scene({ conntrack: { code: 127, stdout: '', stderr: '' } });
    expect(await drainFlows(gone.run)).toMatch(/not looked at/);
    const broken = scene({ conntrack: { code: 1, stdout: '', stderr: 'Operation not permitted' } });
    await expect(drainFlows(broken.run)).rejects.toThrow('cannot be flushed: Operation not permitted');
  });

  test('without a record it acts on nothing', async () => {
    const { run, did } = scene({});
    const { record: _, ...unrecorded } = run;
    await expect(drainFlows(unrecorded)).rejects.toThrow('there is no record');
    expect(did).toEqual([]);
  });
});
