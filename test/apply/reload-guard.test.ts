/** The guard where the kernel, nft or somebody else does not do as it should; that it filters is proved on kernels. */
import { describe, expect, test } from 'vitest';
import type { ReloadRun } from '../../src/apply/reload.ts';
import { endGuard, holdGuard, keepGuard, lowerGuard, raiseGuard } from '../../src/apply/reload-guard.ts';
import { StepFailed } from '../../src/errors.ts';
import { GUARD_GONE } from '../../src/guard.ts';
import type { Host, RunResult } from '../../src/host/host.ts';
import type { Connection, RulesRecord } from '../../src/model.ts';
import { lookedAt, processAt, together } from '../support/looked-at.ts';

const RECORD: RulesRecord = { record: 'rules', full: {}, inode: 1 };
const SSH: Connection = { family: 4, ours: '10.77.0.1', ourPort: 22, theirs: '10.77.0.2', theirPort: 40644 };
const TCP =
  'sl\n 1: 01004D0A:0016 02004D0A:9EC4 01 0:0 02:0 0 0 0 12764 3 0\n 2: 01004D0A:0016 09004D0A:9EC4 01 0:0 02:0 0 0 0 9 3 0\n';

type Scene = {
  /** what nft does with input: takes it, refuses it, or says it worked and does nothing */
  nft?: 'works' | 'refuses' | 'pretends';
  there?: string;
  record?: RulesRecord;
  /** how nft answers instead when it is asked for the guard */
  listing?: RunResult;
};

const NONE = 'Error: No such file or directory\nlist table inet ctfix_guard\n                ^^^^^^^^^^^\n';
const LATE: RunResult = { code: 124, stdout: '', stderr: 'nft did not end in 60000 ms' };

/** A host whose nft keeps what it is given, and lists it as nft does. */
function scene({ nft = 'works', there = '', record = RECORD, listing: instead }: Scene = {}) {
  const looks = lookedAt(
    together(processAt(7, '/usr/sbin/sshd', { sockets: [12764] }), {
      files: { '/proc/net/tcp': TCP },
    }),
  );
  const state = { guard: there, inputs: [] as string[] };
  const answer = (code: number, stdout = '', stderr = ''): RunResult => ({ code, stdout, stderr });
  const host: Host = {
    ...looks,
    run: async (argv, options) => {
      if (argv[0] !== 'nft') return looks.run(argv, options);
      if (argv[1] === '-c') return nft === 'refuses' ? answer(1, '', 'syntax error') : answer(0);
      if (instead !== undefined) return instead;
      const listing = state.guard.replace(/counter drop/g, 'counter packets 12 bytes 99 drop');
      return state.guard === '' ? answer(1, '', NONE) : answer(0, listing);
    },
    perform: async (command, options) => {
      state.inputs.push(options?.input ?? JSON.stringify(command));
      if (nft === 'works') state.guard = (options?.input ?? '').replace(GUARD_GONE, '');
      return answer(0);
    },
    replaceFile: async () => {},
    replaceLink: async () => {},
    writeValue: async () => {},
  };
  let clock = 1000;
  const run: ReloadRun = {
    host,
    live: {},
    targets: { max: 1, buckets: 1, values: {} },
    sleep: async () => {},
    now: () => {
      clock += 500;
      return clock;
    },
    progress: () => {},
    record,
  };
  return { run, state };
}

describe('raiseGuard', () => {
  test('lets the ssh connections through that are there, and those alone; the record knows them', async () => {
    const { run, state } = scene();
    const { saw, record } = await raiseGuard(run);
    expect(saw).toBe('the guard is in force; 1 ssh connections go on (10.77.0.2 port 40644)');
    expect(record?.guard?.ssh).toEqual([SSH]);
    expect(state.guard).toContain('tcp sport 40644 tcp dport 22 accept');
    expect(state.guard).not.toContain('10.77.0.9');
  });

  test.each([
    ['refuses', /the guard cannot be made: syntax error/, 0],
    ['pretends', /the guard is not in force/, 1],
  ] as const)('nft %s: nothing may be stopped', async (nft, words, inputs) => {
    const { run, state } = scene({ nft });
    await expect(raiseGuard(run)).rejects.toThrow(words);
    expect(state.inputs).toHaveLength(inputs);
  });

  test('without a record it acts on nothing', async () => {
    const { run, state } = scene();
    const { record: _, ...unrecorded } = run;
    await expect(raiseGuard(unrecorded)).rejects.toThrow('there is no record');
    expect(state.inputs).toEqual([]);
  });
});

describe('lowerGuard', () => {
  test('tells how long it was and what it kept out', async () => {
    const { run, state } = scene();
    const { record } = await raiseGuard(run);
    const saw = await lowerGuard({ ...run, ...(record && { record }) });
    expect(saw).toMatch(/^the guard is gone after \d+\.\d s; it kept 12 packets out and held 12 back$/);
    expect(state.guard).toBe('');
  });

  test('one that stays is a failure; one that somebody took away is told', async () => {
    const { run, state } = scene();
    await raiseGuard(run);
    const stuck = { ...run, host: { ...run.host, perform: scene({ nft: 'pretends' }).run.host.perform } };
    await expect(lowerGuard(stuck)).rejects.toThrow('the guard cannot be taken away');
    state.guard = '';
    expect(await lowerGuard(run)).toMatch(/gone before its time/);
    expect(await endGuard(run, true)).toBeUndefined();
  });

  test.each<[string, RunResult, RegExp]>([
    ['a list that runs into its limit', LATE, /cannot be told \(nft did not end in 60000 ms\)/],
    ['nft is not there', { code: 127, stdout: '', stderr: 'nft is not there' }, /cannot be told \(nft is not there\)/],
    [
      'the kernel does not answer',
      { code: 1, stdout: '', stderr: 'netlink: Error: cache initialization failed: No such file or directory' },
      /cannot be told \(netlink: Error: cache/,
    ],
    ['a listing that is not understood', { code: 0, stdout: '{"nftables":[]}', stderr: '' }, /cannot be told/],
  ])(
    '%s: it is deleted all the same, and that nobody knows whether it is gone is a failure',
    async (_, listing, why) => {
      for (const end of [lowerGuard, (run: ReloadRun) => endGuard(run, true)]) {
        const { run, state } = scene({ listing });
        const failed = await end(run).catch((error: Error) => error);
        expect(failed).toBeInstanceOf(StepFailed);
        expect(String(failed)).toMatch(why);
        expect(String(failed)).toContain('end it by hand: nft delete table inet ctfix_guard');
        expect(state.inputs).toEqual([GUARD_GONE]);
      }
    },
  );

  test.each([
    '<cmdline>:1:1-27: Error: Could not process rule: No such file or directory\n',
    'Error: No such file or directory; did you mean table ‘filter’ in family inet?\n',
  ])('%s is one that is absent', async (stderr) => {
    const { run } = scene({ listing: { code: 1, stdout: '', stderr } });
    expect(await endGuard(run, true)).toBeUndefined();
  });
});

describe('endGuard', () => {
  test('of a change that never raised one deletes what it sees, and nothing where it sees none', async () => {
    const { run, state } = scene();
    await raiseGuard(run);
    expect(await endGuard(run, false)).toMatch(/^the guard is gone/);
    expect(state.guard).toBe('');
    const blind = scene({ listing: LATE });
    expect(await endGuard(blind.run, false)).toBeUndefined();
    expect(blind.state.inputs).toEqual([]);
  });
});

describe('holdGuard', () => {
  const record: RulesRecord = { ...RECORD, guard: { since: 0, ssh: [SSH] } };

  test('puts back what a stop took along', async () => {
    const { run, state } = scene({ record });
    expect(await holdGuard(run)).toBe('the guard was taken along and is in force again');
    expect(state.guard).toContain('10.77.0.2');
    expect(await holdGuard(run)).toBe('');
  });

  test('on the way back admins of before and of now may come again; in the middle of a step nobody new does', async () => {
    const gone = { ...SSH, theirs: '10.77.0.5' };
    const { run, state } = scene({ record: { ...RECORD, guard: { since: 0, ssh: [gone] } } });
    await holdGuard(run);
    expect(state.guard).not.toContain('10.77.0.2');
    state.guard = '';
    await holdGuard(run, 'again');
    for (const from of ['10.77.0.2', '10.77.0.5']) {
      expect(state.guard).toContain(`ip saddr ${from} ip daddr 10.77.0.1 tcp dport 22 accept`);
    }
  });

  test('one that cannot be looked at is put in force once more, and must be seen then', async () => {
    const { run, state } = scene({ record, listing: LATE });
    await expect(holdGuard(run)).rejects.toThrow('the guard is not in force: nft did not end');
    expect(state.guard).toContain('10.77.0.2');
  });

  test('does nothing without a guard', async () => {
    const { run, state } = scene();
    expect(await holdGuard(run)).toBe('');
    expect(state.inputs).toEqual([]);
  });
});

describe('keepGuard', () => {
  test('lets admins come again, those of before and those of now, from where they were', async () => {
    const gone = { ...SSH, theirs: '10.77.0.5' };
    const { run, state } = scene({ record: { ...RECORD, guard: { since: 0, ssh: [gone, SSH] } } });
    expect(await keepGuard(run, true)).toMatch(/stays closed.*nft delete table inet ctfix_guard would open it/);
    for (const from of ['10.77.0.2', '10.77.0.5']) {
      expect(state.guard).toContain(`ip saddr ${from} ip daddr 10.77.0.1 tcp dport 22 accept`);
    }
  });

  test('a guard from a crash, before its record was written, is kept too', async () => {
    const { run, state } = scene();
    await raiseGuard(run);
    expect(await keepGuard(run, true)).toMatch(/stays closed/);
    expect(state.guard).toContain('tcp dport 22 accept');
  });

  test.each<[string, Scene]>([
    ['there was none', {}],
    ['it cannot be made', { nft: 'refuses', record: { ...RECORD, guard: { since: 0, ssh: [] } } }],
  ])('%s: that the host may be open is said', async (_, said) => {
    expect(await keepGuard(scene(said).run, true)).toMatch(/there is no guard.* the host may be open/);
  });

  test('one that cannot be looked at is made anew where the change announced it, and nowhere else', async () => {
    const { run, state } = scene({ listing: LATE });
    expect(await keepGuard(run, false)).toMatch(/there is no guard/);
    expect(state.inputs).toEqual([]);
    expect(await keepGuard(run, true)).toMatch(/cannot be told.*nft delete table inet ctfix_guard would open it/);
    expect(state.guard).toContain('policy drop');
  });
});
