import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CtfixError } from '../src/errors.ts';
import { freeze } from '../src/frozen.ts';
import { sha256 } from '../src/host/chance.ts';
import type { Facts, PlanOptions, SavedPlan } from '../src/model.ts';
import { OWN } from '../src/own.ts';
import { json } from '../src/render/json.ts';
import { parseSaved } from '../src/saved.ts';
import { judgeSaved } from '../src/saved-survey.ts';
import { planFor } from '../src/survey.ts';
import { factsOf, fullLog, type Said, simulate, templates } from './support/facts.ts';
import { mutations } from './support/mutate.ts';

const deps = { templates, version: '0.1.0', digest: sha256 };
const at = new Date('2026-11-24T05:33:10.000Z');
const FULL: Said = { table: { count: 65_000 }, log: fullLog(4000, 4900) };

/** A saved plan as it comes out of its file. */
function save(facts: Facts, options: PlanOptions = {}): SavedPlan {
  return parseSaved('p', json(freeze(planFor(facts, options, deps).plan, facts, at, sha256)));
}

describe('nothing that binds it has moved', () => {
  const hidden = { unknown: 'no permission' };
  const other = '/etc/sysctl.d/10-secret.conf';
  test.each<[string, Said, Said]>([
    ['the count fell', FULL, { ...FULL, table: { count: 3 } }],
    ['the count rose', FULL, { ...FULL, table: { count: 65_500 } }],
    ['the log is gone', FULL, { ...FULL, log: fullLog() }],
    ['rebooted', FULL, { ...FULL, log: fullLog(), machine: { bootId: 'another', uptime: 20 } }],
    ['some pages of memory less', FULL, { ...FULL, machine: { memTotalKiB: 2_030_000 } }],
    ['root sees the log', { table: { count: 65_000 }, log: hidden }, FULL],
    ['root sees the slab', FULL, { ...FULL, table: { count: 65_000, slabObject: 320 } }],
    ['root sees the namespace', { ...FULL, table: { ...FULL.table, namespace: hidden } }, FULL],
  ])('%s: the same actions', (_, then, now) => {
    const saved = save(factsOf(then));
    const facts = factsOf(now);
    const { plan, moved } = judgeSaved(facts, saved, deps);
    expect(moved).toEqual([]);
    expect(plan.actions).toEqual(saved.actions);
    expect(plan.actions.length).toBeGreaterThan(3);
    expect(plan.refusals).toEqual([]);
    expect(plan.host.bootId).toBe(facts.machine.bootId);
    expect(plan.frozen).toBeUndefined();
  });

  test('a file that only root can read changes nothing, unless it would win', () => {
    const then = factsOf(FULL);
    const saved = save({ ...then, problems: [{ file: other, what: `${other} cannot be read` }] });
    const harmless = factsOf({ ...FULL, files: { [other]: 'net.netfilter.nf_conntrack_max = 80000\n' } });
    expect(judgeSaved(harmless, saved, deps)).toMatchObject({
      moved: [],
      plan: { actions: saved.actions, refusals: [] },
    });
    const later = '/etc/sysctl.d/99-secret.conf';
    const blind = save({ ...then, problems: [{ file: later, what: `${later} cannot be read` }] });
    const wins = factsOf({ ...FULL, files: { [later]: 'net.netfilter.nf_conntrack_max = 80000\n' } });
    const { moved, plan } = judgeSaved(wins, blind, deps);
    expect(moved).toEqual([]);
    expect(plan.refusals).toMatchObject([{ code: 'later-sysctl', file: later, line: 1 }]);
  });

  test('what root alone can read makes a plan of root’s not stale for others, and is named', () => {
    const secret = '/etc/sysctl.d/99-secret.conf';
    const files = { [secret]: 'net.netfilter.nf_conntrack_max = 400000\n' };
    const seen = factsOf({ ...FULL, files });
    const saved = save({ ...seen, root: true });
    const blind: Facts = { ...factsOf(FULL), root: false, problems: [{ file: secret, what: 'permission denied' }] };
    const { plan, moved, hidden } = judgeSaved(blind, saved, deps);
    expect(moved).toEqual([]);
    expect(hidden).toMatchObject([{ what: secret, now: 'only root can read it' }]);
    expect(plan.actions).toEqual(saved.actions);
    const gone = { ...blind, root: true, problems: [] };
    expect(judgeSaved(gone, saved, deps).moved.map(({ what }) => what)).toContain(secret);
    expect(judgeSaved({ ...blind, root: true }, saved, deps).moved.map(({ what }) => what)).toContain(secret);
  });

  test('what everybody can see is compared for others, too', () => {
    const saved = save({ ...factsOf(FULL), root: true });
    const other = { ...factsOf({ ...FULL, machine: { kernel: '6.2.0' } }), root: false };
    expect(judgeSaved(other, saved, deps).moved).toMatchObject([{ what: 'kernel' }]);
  });

  test('the flows of now have no room in the planned max: refused', () => {
    const { moved, plan } = judgeSaved(factsOf({ table: { count: 140_000 } }), save(factsOf(FULL)), deps);
    expect(moved).toEqual([]);
    expect(plan.refusals).toMatchObject([{ code: 'below-count', what: expect.stringContaining('140000') }]);
  });

  test('in a container now: refused', () => {
    const { plan } = judgeSaved(factsOf({ ...FULL, machine: { container: 'docker' } }), save(factsOf(FULL)), deps);
    expect(plan.refusals).toMatchObject([{ code: 'container' }]);
  });
});

describe('what moved is told, old and new', () => {
  const drop = { [OWN.modprobe]: 'options nf_conntrack hashsize=65536\n' };
  const ufw = { name: 'ufw', unit: 'ufw.service', state: 'active', takesAlong: [] } as const;
  test.each<[string, Said, Said, string, string | RegExp, string | RegExp]>([
    ['machine', {}, { machine: { machineId: 'f'.repeat(32) } }, 'machine id', /^0123/, /^fff/],
    ['kernel', {}, { machine: { kernel: '6.12.1' } }, 'kernel', /^6\.1\.0/, '6.12.1'],
    ['memory', {}, { machine: { memTotalKiB: 4_000_000 } }, 'memory', /KiB$/, '4000000 KiB'],
    ['max', {}, { table: { max: 100_000 } }, 'max', '65536', '100000'],
    ['max hidden', {}, { table: { max: { unknown: 'gone' } } }, 'max', '65536', 'unknown: gone'],
    ['buckets', {}, { table: { buckets: 131_072 } }, 'buckets', '65536', '131072'],
    ['module', {}, { module: { state: 'absent' } }, 'nf_conntrack', 'loaded', 'absent'],
    [
      'a holder',
      {},
      {
        module: {
          tree: {
            nf_conntrack: { refcnt: 1, holders: ['nf_nat'], driver: false },
            nf_nat: { refcnt: 0, holders: [], driver: false },
          },
        },
      },
      'its holders',
      'none',
      'nf_nat',
    ],
    ['command line', {}, { cmdlineHashsize: 4096 }, 'nf_conntrack.hashsize at boot', 'not set', '4096'],
    [
      'a value',
      {},
      { table: { values: { acct: '1', events: '2', timestamp: '0' } } },
      'net.netfilter.nf_conntrack_acct',
      '0',
      '1',
    ],
    [
      'a firewall',
      { firewalls: [ufw] },
      { firewalls: [{ ...ufw, state: 'inactive' }] },
      'ufw.service',
      'active',
      'inactive',
    ],
    ['a new firewall', {}, { firewalls: [ufw] }, 'ufw.service', 'not there', 'active'],
    ['a new file', {}, { files: drop }, OWN.modprobe, /^absent/, /^sha256 [0-9a-f]{12}$/],
    ['a file gone', { files: drop }, {}, OWN.modprobe, /^sha256/, /^absent/],
    [
      'a file edited',
      { files: drop },
      { files: { [OWN.modprobe]: `# x\n${drop[OWN.modprobe]}` } },
      OWN.modprobe,
      /^sha256/,
      /^sha256/,
    ],
  ])('%s', (_, then, now, what, planned, today) => {
    const saved = save(factsOf({ ...FULL, ...then, table: { ...FULL.table, ...then.table } }));
    const facts = factsOf({ ...FULL, ...now, table: { ...FULL.table, ...now.table } });
    const match = (text: string | RegExp) => (typeof text === 'string' ? text : expect.stringMatching(text));
    const { moved } = judgeSaved(facts, saved, deps);
    expect(moved).toContainEqual({ what, planned: match(planned), now: match(today) });
  });

  test('a change of ctfix since', () => {
    const before = factsOf(FULL);
    const saved = save(before);
    const after = simulate(before, planFor(before, {}, deps).plan);
    const rows = judgeSaved(after, saved, deps).moved.map(({ what }) => what);
    expect(rows).toEqual(expect.arrayContaining(['max', 'buckets', OWN.modprobe, OWN.sysctl, 'last change']));
  });

  test('a plan for a directory tree', () => {
    const saved = save(factsOf({ kind: 'sysroot' }), { max: 200_000 });
    expect(judgeSaved(factsOf(), saved, deps).moved[0]).toMatchObject({ what: 'host', now: 'a running machine' });
  });

  test.each<[string, (saved: SavedPlan) => SavedPlan, string]>([
    [
      'another path',
      (s) => ({ ...s, actions: s.actions.map((a) => ('path' in a ? { ...a, path: '/etc/passwd' } : a)) }),
      'step 1',
    ],
    [
      'another text',
      (s) => ({ ...s, actions: s.actions.map((a) => (a.do === 'write-file' ? { ...a, after: 'x' } : a)) }),
      'step 1',
    ],
    [
      'another command',
      (s) => ({
        ...s,
        actions: [...s.actions, { do: 'refresh', command: { module: 'unload', name: 'e1000' }, why: '' }],
      }),
      'step 7',
    ],
    ['a step less', (s) => ({ ...s, actions: s.actions.slice(1) }), 'step 1'],
    ['other targets', (s) => ({ ...s, sizing: { ...s.sizing, targets: { ...s.sizing.targets, max: 5 } } }), 'targets'],
    ['another strategy', (s) => ({ ...s, strategy: { ...s.strategy, taken: 'persist' } }), 'strategy'],
    ['another option', (s) => ({ ...s, options: { max: 300_000 } }), 'targets'],
  ])('edited by hand: %s', (_, edit, what) => {
    const facts = factsOf(FULL);
    const { moved } = judgeSaved(facts, edit(save(facts)), deps);
    expect(moved.map((one) => one.what)).toContain(what);
  });
});

test('whatever is in the file, what is done is what a fresh plan with its options and evidence would do', () => {
  const facts = factsOf({ ...FULL, files: { '/etc/sysctl.d/99-x.conf': 'net.netfilter.nf_conntrack_max = 70000\n' } });
  const saved = save(facts, { takeOver: true, timeouts: { tcp_timeout_established: 86_400 } });
  const mine = new Set<string>([...Object.values(OWN), ...Object.keys(facts.config.texts ?? {})]);
  let taken = 0;
  fc.assert(
    fc.property(mutations(saved), (value) => {
      try {
        const { moved, plan } = judgeSaved(facts, parseSaved('p', json(value)), deps);
        if (moved.length > 0) return;
        taken += 1;
        for (const action of plan.actions) {
          if (action.do === 'write-file') expect(mine).toContain(action.path);
          else if (action.do === 'set-value')
            expect(action.path).toMatch(/^\/proc\/sys\/net\/netfilter\/nf_conntrack_\w+$/);
          else expect(action).toMatchObject({ do: 'refresh', command: { udev: 'reload' } });
        }
      } catch (error) {
        if (!(error instanceof CtfixError)) throw error;
      }
    }),
    { numRuns: 700 },
  );
  expect(taken).toBeGreaterThan(5);
});
