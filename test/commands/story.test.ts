/** The main job through the command line, on a host in memory: plan, apply, nothing to do, verify, history, roll back. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { EXIT } from '../../src/errors.ts';
import { templates } from '../support/facts.ts';
import { memoryHost } from '../support/memory-host.ts';
import { stateDir } from '../support/state-dir.ts';
import { fakeDeps } from './support.ts';

const DEBIAN = {
  '/lib/modules/6.1.0-56-cloud-amd64/modules.dep': 'kernel/net/netfilter/nf_conntrack.ko:\n',
  '/usr/lib/systemd/systemd-sysctl': '',
};

test('a full table is repaired, stays repaired, and can be taken back', async () => {
  const memory = memoryHost(DEBIAN, { count: 65_000 });
  const dir = stateDir();
  const host = async () => memory.host;
  /** One command line; state.json is put where the host in memory shows it. */
  const ctfix = async (...words: string[]) => {
    const { deps, said } = fakeDeps({ look: host, change: host, templates, stateDir: dir });
    const code = await runProgram(words, deps);
    try {
      const text = readFileSync(join(dir, 'state.json'), 'utf8');
      memory.files.set('/var/lib/ctfix/state.json', { text, mode: 0o644 });
    } catch {
      // nothing was changed yet
    }
    return { code, ...said };
  };
  const before = memory.snapshot();

  const plan = await ctfix('plan', '--detailed-exitcode');
  expect(plan.code).toBe(EXIT.pending);
  expect(plan.out).toMatch(/^needed: 65,000 of 65,536 flows/);
  expect((await ctfix('apply', '--dry-run')).code).toBe(EXIT.ok);
  expect(memory.snapshot()).toEqual(before);

  const applied = await ctfix('apply', '--yes');
  expect(applied.code).toBe(EXIT.ok);
  expect(applied.out).toMatch(/^applied: /);
  expect(applied.err).toMatch(/^\* .*nf_conntrack_max.*131072/m);
  expect(memory.kernel).toMatchObject({ max: 131_072, buckets: 131_072, count: 65_000 });
  const id = /ctfix rollback (\S+)/.exec(applied.out)?.[1] ?? '';

  const again = await ctfix('apply', '--yes');
  expect(again).toMatchObject({ code: EXIT.ok, err: '' });
  expect(again.out).toMatch(/^nothing to do: /);
  expect((await ctfix('plan', '--detailed-exitcode')).code).toBe(EXIT.ok);
  expect(await ctfix('verify')).toMatchObject({ code: EXIT.ok, out: expect.stringMatching(/^holds: /) });

  memory.kernel.max = 65_536;
  const drifted = await ctfix('verify');
  expect(drifted.code).toBe(EXIT.pending);
  expect(drifted.out).toContain('wanted 131072, is 65536');
  memory.kernel.max = 131_072;

  expect((await ctfix('history')).out).toMatch(new RegExp(`^${id}  .*, live, in force$`, 'm'));
  const steps = await ctfix('history', id);
  expect(steps.out).toMatch(/^journal$/m);
  expect(steps.out).toMatch(/intend +create \/etc\/modprobe\.d\/nf_conntrack\.conf$/m);

  expect(await ctfix('rollback', id)).toMatchObject({ code: EXIT.ok, out: expect.stringMatching(/^taken back: /) });
  memory.files.delete('/var/lib/ctfix/state.json');
  expect(memory.snapshot()).toEqual(before);
  expect(await ctfix('rollback', id)).toMatchObject({ code: EXIT.ok, out: expect.stringMatching(/^nothing to do: /) });
});
