/**
 * Dies at every moment of a change that follows an earlier, good one: nothing undoes that one, and whatever is left of the
 * dead is removed or told.
 */
import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { apply } from '../../src/apply/apply.ts';
import { takeLock } from '../../src/apply/lock.ts';
import type { ApplyDeps } from '../../src/apply/outcome.ts';
import { recoverAtBoot } from '../../src/apply/recover.ts';
import { rollback } from '../../src/apply/rollback.ts';
import { notice } from '../../src/commands/notice.ts';
import { HostError } from '../../src/errors.ts';
import type { JournalLine, PlanOptions } from '../../src/model.ts';
import { survey } from '../../src/survey.ts';
import { fakeDeps } from '../commands/support.ts';
import { type Crash, type Disk, NEVER, NOTHING, type State, watched } from '../support/crashes.ts';
import { templates } from '../support/facts.ts';
import { LINK, UNIT } from '../support/net.ts';
import { booted, killed, started, type World, worldWith } from '../support/world.ts';
import { hostOver } from '../support/world-host.ts';

const disk = vi.hoisted((): Disk => ({ at: () => {} }));
vi.mock('node:fs', async (original) => {
  const { toldOf } = await import('../support/told-fs.ts');
  return toldOf(await original<typeof import('node:fs')>(), disk);
});

const HALF = '.ctfix-0123456789ab.tmp';

function change(start: State, options: PlanOptions) {
  const look = (world: World) =>
    survey(hostOver(world), options, { templates, version: '0.1.0', sleep: async () => {} });
  return watched(start, disk, async (deps, world) => {
    const { facts, plan } = await look(world);
    return apply(plan, facts, { ...deps, survey: () => look(world) });
  });
}

/** What a person would compare: files of ctfix's own and others', and live values; the unit is asked for by itself. */
function picture({ world }: State): unknown {
  const files = [...world.files].filter(([path]) => path.startsWith('/etc/') && !path.startsWith('/etc/systemd/'));
  return [files.sort(), [...(world.values ?? [])]];
}

const unitIn = ({ world }: State): string[] =>
  [...world.files.keys()].filter((path) => path.startsWith('/etc/systemd/') && /ctfix/.test(path));

/** Every journal, oldest first; a torn line is left out. */
function journalsIn({ records }: State): readonly (readonly JournalLine[])[] {
  const journals = [...records].filter(([name]) => name.endsWith('.jsonl')).sort();
  const lines = journals.map(([, { text = '' }]) => text.split('\n').slice(0, -1));
  return lines.map((each) => each.map((line): JournalLine => JSON.parse(line))).filter((each) => each.length > 0);
}

/** How each change ended, oldest first. */
const outcomes = (state: State): (string | undefined)[] =>
  journalsIn(state).map((lines) => lines.findLast((line) => line.line === 'end')?.outcome);

/** The newest journal with its last line torn: what is older is on the disk. */
function torn(crash: Crash): Crash {
  const [newest] = [...crash.records]
    .filter(([name]) => name.endsWith('.jsonl'))
    .sort((a, b) => (a[0] < b[0] ? 1 : -1));
  if (newest === undefined) return crash;
  const [name, { text = '', mode }] = newest;
  const records = new Map(crash.records).set(name, { text: text.slice(0, -7), mode });
  return { ...crash, moment: `${crash.moment}, the last line torn`, records };
}

/** Every moment; those that wrote a line with that line torn, and where the link is not there, half-written ones. */
function moments(crashes: readonly Crash[]): readonly Crash[] {
  const lines = crashes.map((crash) => journalsIn(crash).flat().length);
  return crashes.flatMap((crash, at) => {
    const all = (lines[at] ?? 0) > (lines[at - 1] ?? lines[at] ?? 0) ? [crash, torn(crash)] : [crash];
    if (crash.world.files.has(LINK)) return all;
    return [...all, ...[UNIT, LINK].map((path) => half(crash, posix.dirname(path)))];
  });
}

/** The same in the middle of writing the unit or its link, which have no name of their own yet. */
function half(crash: Crash, dir: string): Crash {
  const world = structuredClone(crash.world);
  world.files.set(`${dir}/${HALF}`, { text: '[Un', mode: 0o600 });
  return { ...crash, moment: `${crash.moment}, half-written in ${dir}`, world };
}

/** What ctfix says first, whatever it is asked. */
async function told({ host, stateDir, lockPath }: ApplyDeps): Promise<string> {
  // The records are on a disk of their own, beside the world.
  const stat = async (path: string) => host.stat(path === `${stateDir}/journal` && existsSync(path) ? '/etc' : path);
  const { deps: outside, said } = fakeDeps({ stateDir, lockPath, look: async () => ({ ...host, stat }) });
  await notice(outside);
  return said.err;
}

const next = <T>(crash: State, work: (deps: ApplyDeps) => Promise<T>) =>
  watched({ world: killed(crash.world), records: crash.records }, disk, work, NEVER);

/** A person who does what is told, and the same again: nothing of it may go further back. */
async function person(deps: ApplyDeps): Promise<string> {
  const text = await told(deps);
  if (/recover --boot/.test(text)) await recoverAtBoot(deps);
  else if (/rollback/.test(text)) await rollback(/rollback (\S+)/.exec(text)?.[1], deps);
  return text;
}

describe.each<[string, PlanOptions, PlanOptions]>([
  ['live', { max: 300000 }, { max: 400000, timeouts: { tcp_established: 86400 } }],
  ['persist', { max: 300000 }, { max: 400000, strategy: 'persist' }],
])('%s, over an earlier change', (_, first, second) => {
  const begin = async () => {
    const earlier = await change({ world: worldWith(['firewalld.service']), records: NOTHING }, first);
    const ran = await change(earlier, second);
    expect([earlier.result.exit, ran.result.exit]).toEqual(['ok', 'ok']);
    return { earlier, ran, old: picture(earlier), done: picture(ran) };
  };

  test('every death is silent or told, and what is told leaves the earlier change alone', async () => {
    const { ran, old, done } = await begin();
    const seen = new Set<string>();
    for (const crash of moments(ran.crashes)) {
      const { result, ...state } = await next(crash, person);
      const words = `${crash.step}, ${crash.moment}: ${result}`;
      const isOver = outcomes(crash)[1] === 'applied';
      expect(picture(state), words).toEqual(isOver ? done : old);
      expect(outcomes(state)[0], words).toBe('applied');
      expect(unitIn(state), words).toEqual([]);
      expect((await next(state, told)).result, words).toBe('');
      seen.add(result.replace(/\d{8}-\S+|[0-9a-f]{12}|\/\S+/g, 'x').trim());
    }
    expect(seen.size).toBeGreaterThan(2);
  }, 120_000);

  test('ctfix rollback after a death that left a unit and no record clears that up alone', async () => {
    const { ran, old } = await begin();
    const unrecorded = moments(ran.crashes).filter((crash) => outcomes(crash).length === 1);
    const left = unrecorded.filter((crash) => unitIn(crash).length > 0);
    expect(left.length).toBeGreaterThan(4);
    for (const crash of left) {
      const { result, ...state } = await next(crash, (deps) => rollback(undefined, deps));
      expect(result).toMatchObject({ exit: 'ok', lines: [{ kind: 'undone' }] });
      expect(result.lines[0]?.text).toMatch(/the change \S+ stays: ctfix rollback/);
      expect([picture(state), outcomes(state), unitIn(state)]).toEqual([old, ['applied'], []]);
    }
  }, 120_000);

  test('the boot, and the next change, leave nothing of it', async () => {
    const { ran } = await begin();
    for (const crash of moments(ran.crashes)) {
      const start = { world: booted(crash.world), records: crash.records };
      const isEnabled = start.world.files.has(UNIT) && start.world.files.has(LINK);
      const boot = await watched(start, disk, async (deps) => isEnabled && recoverAtBoot(deps), NEVER);
      const words = `${crash.step}, ${crash.moment}`;
      expect(outcomes(boot)[0], words).toBe('applied');
      if (isEnabled) expect(unitIn(boot), words).toEqual([]);
      if (unitIn(boot).length > 0) expect((await next(boot, told)).result, words).toMatch(/recover --boot/);
      const newer = await change(boot, { max: 500000, strategy: 'persist' });
      expect([newer.result.exit, unitIn(newer)], words).toEqual(['ok', []]);
    }
  }, 120_000);

  test('every death in the rollback of the second leaves the first', async () => {
    const { ran, old, done } = await begin();
    const back = await watched(ran, disk, (deps) => rollback(undefined, deps));
    expect([back.result.exit, picture(back)]).toEqual(['ok', old]);
    for (const crash of moments(back.crashes)) {
      const { result, ...state } = await next(crash, person);
      const words = `${crash.step}, ${crash.moment}: ${result}`;
      const isUndone = outcomes(crash)[1] !== 'applied';
      expect(picture(state), words).toEqual(isUndone ? old : done);
      expect([outcomes(state)[0], unitIn(state)], words).toEqual(['applied', []]);
    }
  }, 120_000);
});

test('every death in the recovery at boot of the second leaves the first', async () => {
  const first = await change({ world: worldWith(['firewalld.service']), records: NOTHING }, { max: 300000 });
  const ran = await change(first, { max: 400000 });
  const half = ran.crashes
    .filter((crash) => crash.moment === 'after file /etc/sysctl.d/90-ctfix-conntrack.conf')
    .at(-1);
  if (half === undefined) throw new Error('the change has no such moment');
  const start = { world: booted(half.world), records: half.records };
  const back = await watched(start, disk, recoverAtBoot);
  expect([outcomes(back), unitIn(back)]).toEqual([['applied', 'undone'], []]);
  for (const crash of moments(back.crashes)) {
    const { result, ...state } = await next(crash, person);
    const words = `${crash.step}, ${crash.moment}: ${result}`;
    expect(picture({ ...state, world: started(state.world) }), words).toEqual(
      picture({ ...first, world: started(booted(first.world)) }),
    );
    expect([outcomes(state), unitIn(state)], words).toEqual([['applied', 'undone'], []]);
  }
}, 120_000);

test('without any earlier change, every death is silent or told as well', async () => {
  const start = { world: worldWith(['firewalld.service']), records: NOTHING };
  const ran = await change(start, { max: 300000 });
  for (const crash of moments(ran.crashes)) {
    const { result, ...state } = await next(crash, person);
    const words = `${crash.step}, ${crash.moment}: ${result}`;
    expect(picture(state), words).toEqual(picture(outcomes(crash)[0] === 'applied' ? ran : start));
    expect(unitIn(state), words).toEqual([]);
    expect((await next(state, told)).result, words).toBe('');
    expect((await next(crash, (deps) => rollback(undefined, deps))).result.exit, words).toBe('ok');
  }
}, 120_000);

describe('what is left of the unit, beside two good changes', () => {
  const begin = async (left: (world: World, ids: readonly string[]) => void) => {
    const first = await change({ world: worldWith([]), records: NOTHING }, { max: 300000 });
    const ran = await change(first, { max: 400000 });
    const ids = journalsIn(ran).flatMap(([line]) => (line?.line === 'begin' ? [line.id] : []));
    const world = structuredClone(ran.world);
    left(world, ids);
    return { ran, ids, start: { world, records: ran.records } };
  };
  const unit = (id: string) => ({ text: `# For the change ${id}\n[Unit]\n`, mode: 0o644 });

  test.each<[string, number, (world: World, ids: readonly string[]) => void]>([
    ['one of the first: its rollback died', 0, (world, [id = '']) => world.files.set(UNIT, unit(id))],
    [
      'one of the second, and another that is half-written over it',
      1,
      (world, [, id = '']) => world.files.set(UNIT, unit(id)).set(`/etc/systemd/system/${HALF}`, unit('x')),
    ],
    ['one that says nothing of whose it is', 1, (world) => world.files.set(UNIT, { text: '[Unit]\n', mode: 0o644 })],
  ])('%s: no change is taken back', async (_, meant, left) => {
    const { ran, ids, start } = await begin(left);
    const { result, ...state } = await next(start, (deps) => rollback(undefined, deps));
    expect(result.lines[0]?.text).toContain(`the change ${ids[meant]} stays: ctfix rollback ${ids[meant]}`);
    expect([picture(state), outcomes(state), unitIn(state)]).toEqual([picture(ran), ['applied', 'applied'], []]);
  });

  test('one of the second: ctfix rollback takes that one back, as it always does', async () => {
    const { ids, start } = await begin((world, [, id = '']) => world.files.set(UNIT, unit(id)));
    const { result, ...state } = await next(start, (deps) => rollback(undefined, deps));
    expect([result.id, outcomes(state), unitIn(state)]).toEqual([ids[1], ['applied', 'undone'], []]);
  });

  test('a unit that an administrator has masked is none', async () => {
    const masked = { text: '', mode: 0o777, link: '/dev/null' };
    const { start } = await begin((world) => world.files.set(UNIT, masked));
    expect((await next(start, told)).result).toBe('');
  });

  test('one that cannot be removed is a failure, and no change is taken back', async () => {
    const { ran, start } = await begin((world) => world.files.set(UNIT, unit('x')));
    const replaceFile = async (path: string) => Promise.reject(new HostError(path, 'EROFS', `${path} is read-only`));
    const { result, ...state } = await next(start, (deps) =>
      rollback(undefined, { ...deps, host: { ...deps.host, replaceFile } }),
    );
    expect(result).toMatchObject({ exit: 'failed', lines: [{ kind: 'failed' }, { kind: 'note' }] });
    expect([picture(state), outcomes(state)]).toEqual([picture(ran), ['applied', 'applied']]);
  });

  test('somebody who is at work is not told of, nor a unit to anybody but root', async () => {
    const { start } = await begin((world) => world.files.set(UNIT, unit('x')));
    const quiet = await next(start, async (deps) => {
      const lock = await takeLock(deps.lockPath, deps.host, deps.now());
      const text = await told(deps);
      lock.release();
      return [text, await told({ ...deps, host: { ...deps.host, root: false } })];
    });
    expect(quiet.result).toEqual(['', '']);
    expect((await next(start, told)).result).toMatch(/ctfix-recover\.service was left by a ctfix that died/);
  });
});
