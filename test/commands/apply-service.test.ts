/** A reload is handed to a service: what is handed, what comes back, and when it must be confirmed. */
import { readdirSync } from 'node:fs';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { takeHanded } from '../../src/apply/handed.ts';
import { createJournal } from '../../src/apply/journal.ts';
import { runProgram } from '../../src/commands/program.ts';
import { EXIT } from '../../src/errors.ts';
import type { Host, RunOptions, RunResult } from '../../src/host/host.ts';
import type { BeginLine, Facts, HostCommand, Plan } from '../../src/model.ts';
import { look, planOf } from '../support/changes.ts';
import { memoryHost } from '../support/memory-host.ts';
import { stateDir } from '../support/state-dir.ts';
import { fakeDeps } from './support.ts';

const survey = vi.hoisted(() => vi.fn());
vi.mock('../../src/survey.ts', () => ({ survey }));

const memory = memoryHost();
const facts: Facts = await look(memory.host);
const plan: Plan = planOf(
  memory,
  { max: 9, buckets: 512, values: {} },
  [{ do: 'reload', step: { step: 'load', module: 'nf_conntrack' }, why: '' }],
  'reload',
);
beforeEach(() => survey.mockResolvedValue({ facts, plan }));

type Scene = {
  readonly code?: number;
  readonly systemd?: string;
  readonly files?: Record<string, string | undefined>;
  readonly interactive?: boolean;
  readonly interrupted?: () => boolean;
  /** what happens while the service runs */
  readonly meanwhile?: (dir: string, id: string, options?: RunOptions) => void | Promise<void>;
};

async function run(words: readonly string[], scene: Scene = {}, answers: readonly string[] = []) {
  const dir = stateDir();
  const { host: inner } = memoryHost(scene.files);
  const did: { command: HostCommand; options?: RunOptions | undefined; handed?: unknown }[] = [];
  const host: Host = {
    ...inner,
    run: async (argv): Promise<RunResult> =>
      argv[0] === 'systemctl' ? { code: 0, stdout: scene.systemd ?? 'systemd 252\n', stderr: '' } : inner.run(argv),
    perform: async (command, options) => {
      if ('service' in command) {
        const id = command.run.at(-1) ?? '';
        did.push({ command, options, handed: takeHanded(dir, id) });
        await scene.meanwhile?.(dir, id, options);
      } else did.push({ command, options });
      return { code: scene.code ?? 0, stdout: '', stderr: '' };
    },
  };
  const more = {
    look: async () => host,
    change: async () => host,
    stateDir: dir,
    interactive: () => scene.interactive ?? false,
    catchSignals: (hangup?: string) => {
      expect(hangup).toBe('hangup-goes-on');
      return scene.interrupted ?? (() => false);
    },
    sleep: async () => new Promise<void>((resolve) => setTimeout(resolve, 1)),
  };
  const { deps, said } = fakeDeps(more, answers);
  const result: unknown = await runProgram(['apply', '--strategy', 'reload', ...words], deps).catch((error) => error);
  return { result, said, did, dir };
}

describe('the service', () => {
  test('is given the plan in a file, its recovery, and no time limit; its code is ours', async () => {
    const { result, did, dir, said } = await run(['--yes'], { code: EXIT.rolledBack });
    expect(result).toBe(EXIT.rolledBack);
    expect(did).toHaveLength(1);
    const [{ command, options, handed } = {}] = did;
    const id = command && 'service' in command ? command.service.replace('ctfix-apply-', '') : '';
    expect(command).toEqual({
      service: `ctfix-apply-${id}`,
      run: ['/usr/local/sbin/ctfix', 'perform', id],
      after: ['/usr/local/sbin/ctfix', 'recover', id],
    });
    expect(options).toEqual({ inherit: true, timeoutMs: 0, cancel: expect.any(AbortSignal) });
    expect(handed).toMatchObject({ plan: JSON.parse(JSON.stringify(plan)), flags: { output: 'text' } });
    expect(handed).not.toHaveProperty('confirmWithin');
    expect(readdirSync(dir)).toEqual(['journal']);
    expect(said.out).toBe('');
  });

  test.each<[string, Scene, string]>([
    ['no systemd', { files: { '/run/systemd/system/.here': undefined } }, 'not started by systemd'],
    ['an old one', { systemd: 'systemd 219\n' }, 'systemd 219'],
    ['a file system that cannot be written', { files: { '/proc/mounts': '/dev/vda / ext4 ro 0 0\n' } }, 'read-only'],
    ['an executable that is not root’s alone', { files: { '/usr/local/sbin/ctfix': undefined } }, 'is not there'],
  ])('%s: refused, nothing is begun', async (_, scene, why) => {
    const { result, did, said } = await run(['--yes'], scene);
    expect(result).toBe(EXIT.refused);
    expect(did).toEqual([]);
    expect(said.out.replace(/\s+/g, ' ')).toContain(why);
  });

  test('was killed before it began: nothing was changed', async () => {
    const { result, said } = await run(['--yes'], { code: 255 });
    expect(result).toBe(EXIT.failed);
    expect(said.out).toContain('was killed');
  });

  test('is stuck and kept by a child that nothing ends: its end is not waited for', async () => {
    const { result, said } = await run(['--yes'], {
      code: 143,
      meanwhile: (dir, id, options) => {
        const begin: BeginLine = {
          line: 'begin',
          schema: 'ctfix.journal/v1',
          id,
          at: '',
          uptime: 1,
          who: 'root',
          plan,
          live: {},
        };
        const journal = createJournal(dir, begin);
        journal.append({ line: 'end', at: '', uptime: 2, outcome: 'stuck', why: 'the kernel does not end the unload' });
        journal.close();
        return new Promise((resolve) => options?.cancel?.addEventListener('abort', () => resolve()));
      },
    });
    expect([result, said.out]).toEqual([EXIT.stuck, '']);
  });

  test('a signal is passed on, once', async () => {
    const { did } = await run(['--yes'], {
      interrupted: () => true,
      meanwhile: () => new Promise((resolve) => setTimeout(resolve, 100)),
    });
    expect(did.map(({ command }) => command).slice(1)).toEqual([
      { interrupt: expect.stringMatching(/^ctfix-apply-.*\.service$/) },
    ]);
  });
});

describe('it must be confirmed', () => {
  const REMOTE = { '/proc/1/stat': '1 (sshd) S 0 1 1 0 -1' };
  test.each<[string, string[], Scene, number | undefined]>([
    ['never by default with --yes', ['--yes'], { files: REMOTE }, undefined],
    ['when a person on a remote terminal starts it', [], { files: REMOTE, interactive: true }, 600],
    ['not on the console', [], { interactive: true }, undefined],
    ['when it is asked for', ['--yes', '--confirm-within', '90s'], {}, 90],
    ['unless that is turned off', ['--confirm-within', '0'], { files: REMOTE, interactive: true }, undefined],
  ])('%s', async (_, words, scene, seconds) => {
    const { result, did } = await run(words, scene, ['apply']);
    expect(result).toBe(EXIT.ok);
    expect(did[0]?.handed).toMatchObject(seconds === undefined ? {} : { confirmWithin: seconds });
    if (seconds === undefined) expect(did[0]?.handed).not.toHaveProperty('confirmWithin');
  });
});
