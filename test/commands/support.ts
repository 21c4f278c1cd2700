/** What a command is given in a test: no process, no terminal, everything that it says kept. */
import type { Ask, Question } from '../../src/ask.ts';
import type { Deps } from '../../src/commands/deps.ts';
import type { Host } from '../../src/host/host.ts';
import type { Terminal } from '../../src/host/screen.ts';

export type Said = { out: string; err: string; readonly asked: Question<string>[] };

const none = async (): Promise<never> => {
  throw new Error('this test has no host');
};

/**
 * @param answers what the person answers, in order; after the last one, the question's own fallback
 */
export function fakeDeps(more: Partial<Deps> = {}, answers: readonly string[] = []): { deps: Deps; said: Said } {
  const said: Said = { out: '', err: '', asked: [] };
  const rest = [...answers];
  const ask: Ask = async (question) => {
    said.asked.push(question);
    const next = rest.shift();
    return question.choices.find(({ value }) => value === next)?.value ?? question.fallback;
  };
  const deps: Deps = {
    look: none,
    change: none as () => Promise<Host>,
    ask,
    write: (text) => {
      said.out += text;
    },
    note: (text) => {
      said.err += text;
    },
    view: () => ({ colour: false, unicode: false }),
    now: () => new Date('2026-11-24T05:33:10.000Z'),
    sleep: async () => undefined,
    input: async function* () {},
    watched: () => false,
    interactive: () => false,
    openTerminal: none as () => Promise<Terminal>,
    catchSignals: () => () => false,
    isRoot: true,
    recovery: () => ({ argv: ['/usr/local/sbin/ctfix'], unit: '{{program}} {{command}}' }),
    templates: { modprobe: '', sysctl: '', udev: '', install: '' },
    version: '0.1.0',
    stateDir: '/var/lib/ctfix',
    lockPath: `${more.stateDir ?? '/dev/shm'}/lock`,
    ...more,
  };
  return { deps, said };
}
