import { apply } from '../../src/apply/apply.ts';
import type { ApplyDeps } from '../../src/apply/outcome.ts';
import type { Host } from '../../src/host/host.ts';
import type { Targets } from '../../src/model.ts';
import { OWN } from '../../src/own.ts';
import { depsFor, FOREIGN, growActions, look, planOf } from './changes.ts';
import { type Memory, memoryHost } from './memory-host.ts';
import { stateDir } from './state-dir.ts';

const TARGETS: Targets = { max: 131072, buckets: 131072, values: {} };
export const UNIT = '/etc/systemd/system/ctfix-recover.service';
export const LINK = '/etc/systemd/system/sysinit.target.wants/ctfix-recover.service';

export async function setUp(more: Partial<ApplyDeps> = {}, files: Record<string, string | undefined> = {}) {
  const memory = memoryHost({ [OWN.modprobe]: FOREIGN, ...files });
  withSystemd(memory);
  const plan = planOf(memory, TARGETS, growActions(memory, TARGETS));
  const dir = stateDir();
  const survey = async () => ({ facts: await look(memory.host), plan });
  const deps = (host: Host = memory.host) => depsFor(host, dir, plan, { survey, ...more });
  return { memory, plan, dir, deps, facts: await look(memory.host), before: memory.snapshot() };
}

/** Where `systemctl --version` says 252; changes the host in place, so that every wrapper sees it. */
export function withSystemd({ host }: Memory): void {
  const run = host.run;
  host.run = async (argv, options) =>
    argv[0] === 'systemctl' ? { code: 0, stdout: 'systemd 252 (x)\n', stderr: '' } : run(argv, options);
}

export const timers = (memory: Memory) =>
  memory.performed.filter((one) => 'timer' in one || ('unit' in one && /timer$/.test(one.name)));
export const walls = (memory: Memory) => memory.performed.flatMap((one) => ('wall' in one ? [one.wall] : []));

/** Dies at the first call whose words match. */
function dieAt(memory: Memory, words: RegExp): Host {
  const { host } = memory;
  const die = () => new Promise<never>(() => {});
  return {
    ...host,
    replaceFile: (path, file) => (words.test(`file ${path}`) ? die() : host.replaceFile(path, file)),
    writeValue: (path, value) => (words.test(`value ${path}`) ? die() : host.writeValue(path, value)),
    perform: (command) => (words.test(`do ${JSON.stringify(command)}`) ? die() : host.perform(command)),
  };
}

/** Begins a change in a process that dies at that call. */
export async function killed(
  memory: Memory,
  deps: (host?: Host) => ApplyDeps,
  plan: Parameters<typeof apply>[0],
  words: RegExp,
) {
  const facts = await look(memory.host);
  await Promise.race([
    apply(plan, facts, deps(dieAt(memory, words))),
    new Promise((resolve) => setTimeout(resolve, 300)),
  ]);
  memory.restart();
}
