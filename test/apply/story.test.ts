/** The whole story on a host in memory: survey, apply, survey again, verify, roll back. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { apply } from '../../src/apply/apply.ts';
import { rollback } from '../../src/apply/rollback.ts';
import { verify } from '../../src/apply/verify.ts';
import type { PlanOptions } from '../../src/model.ts';
import { survey } from '../../src/survey.ts';
import { FOREIGN, RECOVERY } from '../support/changes.ts';
import { templates } from '../support/facts.ts';
import { type Kernel, memoryHost } from '../support/memory-host.ts';
import { stateDir } from '../support/state-dir.ts';

const MODULES = '/lib/modules/6.1.0-56-cloud-amd64/modules.dep';
const DEBIAN = { [MODULES]: 'kernel/net/netfilter/nf_conntrack.ko:\n', '/usr/lib/systemd/systemd-sysctl': '' };

function setUp(options: PlanOptions, files: Record<string, string>, kernel: Partial<Kernel>) {
  const memory = memoryHost({ ...DEBIAN, ...files }, kernel);
  const dir = stateDir();
  const look = () => survey(memory.host, options, { templates, version: '0.1.0', sleep: async () => {} });
  const deps = {
    host: memory.host,
    stateDir: dir,
    lockPath: `${dir}/lock`,
    now: () => new Date('2026-11-24T05:45:12Z'),
    sleep: async () => {},
    progress: () => {},
    interrupted: () => false,
    survey: look,
    recovery: RECOVERY,
  };
  /** The record is where gather looks for it. */
  const publish = () => {
    const text = readFileSync(join(dir, 'state.json'), 'utf8');
    memory.files.set('/var/lib/ctfix/state.json', { text, mode: 0o644 });
  };
  return { memory, look, deps, publish };
}

const cases: [string, PlanOptions, Record<string, string>, Partial<Kernel>][] = [
  ['a full table', {}, {}, { count: 65000 }],
  ['a table asked for', { max: 300000 }, {}, {}],
  ['a foreign drop-in with other options', { max: 300000 }, { '/etc/modprobe.d/nf_conntrack.conf': FOREIGN }, {}],
  ['a timeout', { max: 300000, timeouts: { tcp_established: 86400 } }, {}, {}],
  ['files alone, beside a loaded module', { max: 300000, strategy: 'persist' }, {}, {}],
  [
    'a timeout alone, where a file brings a larger table with the next boot',
    { timeouts: { tcp_established: 86400 } },
    { '/etc/modprobe.d/zz.conf': 'options nf_conntrack hashsize=131072\n' },
    {},
  ],
  [
    'the wanted max under its legacy key, which no hook applies',
    { max: 300000 },
    { '/etc/sysctl.d/99-admin.conf': 'net.nf_conntrack_max = 300000\n' },
    {},
  ],
  ['a smaller table', { max: 32768, hashsize: 32768, allowShrink: true }, {}, {}],
  [
    'a later line that wins, taken over',
    { max: 300000, takeOver: true },
    { '/etc/sysctl.d/99-z.conf': '# mine\r\nnet/netfilter/nf_conntrack_max=7\r\n' },
    {},
  ],
];

describe.each(cases)('%s', (_, options, files, kernel) => {
  test('is applied, has nothing to do the second time, verifies, and goes back byte for byte', async () => {
    const { memory, look, deps, publish } = setUp(options, files, kernel);
    const before = memory.snapshot();
    const { facts, plan } = await look();
    expect(plan.refusals).toEqual([]);
    const outcome = await apply(plan, facts, deps);
    expect(outcome.lines.filter((line) => line.kind !== 'done')).toEqual([]);
    expect(outcome.exit).toBe('ok');
    publish();
    const again = await look();
    expect(again.plan.actions).toEqual([]);
    expect(await apply(again.plan, again.facts, deps)).toMatchObject({ exit: 'ok', lines: [{ kind: 'note' }] });
    expect(await verify(memory.host, { sleep: async () => {} })).toMatchObject({ exit: 'ok', findings: [] });
    expect((await rollback(undefined, deps)).exit).toBe('ok');
    memory.files.delete('/var/lib/ctfix/state.json');
    expect(memory.snapshot()).toEqual(before);
  });
});

test('the module is not loaded: files only, proved by modprobe, and right when it loads', async () => {
  const { memory, look, deps } = setUp({ max: 300000 }, {}, {});
  const host = {
    ...memory.host,
    readFile: async (path: string) => {
      if (path === '/proc/modules') return 'ext4 1 0 - Live 0x0\n';
      return /nf_conntrack/.test(path) && /^\/(proc|sys)\//.test(path) ? undefined : memory.host.readFile(path);
    },
    readDir: async (path: string) => (path === '/proc/sys/net/netfilter' ? [] : memory.host.readDir(path)),
    stat: async (path: string) => (/^\/(proc|sys)\/.*nf_conntrack/.test(path) ? undefined : memory.host.stat(path)),
  };
  const lookAbsent = () => survey(host, { max: 300000 }, { templates, version: '0.1.0', sleep: async () => {} });
  const { facts, plan } = await lookAbsent();
  expect(plan.strategy.taken).toBe('persist');
  const outcome = await apply(plan, facts, { ...deps, host, survey: lookAbsent });
  expect(outcome.exit).toBe('ok');
  expect(outcome.lines.map((line) => line.text)).toContain(
    `modprobe --show-depends nf_conntrack says hashsize=${plan.sizing.targets.buckets}`,
  );
  expect((await look()).plan.strategy.taken).toBe('live');
});

test.each([
  ['{', 0o644],
  ['{"schema":"ctfix.state/v1","changes":[]}', 0o666],
])('a record of changes that cannot be believed is not one without changes: %s %i', async (text, mode) => {
  const memory = memoryHost();
  memory.files.set('/var/lib/ctfix/state.json', { text, mode });
  expect(await verify(memory.host, { sleep: async () => {} })).toMatchObject({
    exit: 'failed',
    unknown: [expect.stringContaining('state.json')],
  });
});
