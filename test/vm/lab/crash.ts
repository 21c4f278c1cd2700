// Stops ctfix at a step of its change, to be killed there or to lose its power there; says where it really was.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Vm } from '../machine.ts';

/** before: announced, not done; after: done, not ticked off; ticked: ticked off; begin: nothing announced; end: complete. */
export type Moment = 'begin' | 'before' | 'after' | 'ticked' | 'end';

export type Point = { readonly seq: number; readonly moment: Moment };

export type Stopped = {
  /** false: the moment was missed, the change is past it and stopped there, or ended */
  readonly reached: boolean;
  readonly why?: string;
  readonly pid?: number;
  readonly at?: readonly [number, string, boolean | null];
};

const SCRIPT = '/run/ctfix-test/stop-at.py';

/** Runs `ctfix ARGS` until that point. @param word the command of the process that is stopped: apply, or perform */
export async function stopAt(vm: Vm, { seq, moment }: Point, args: string, word = 'apply'): Promise<Stopped> {
  await vm.put(SCRIPT, await readFile(join(import.meta.dirname, 'stop-at.py')));
  return JSON.parse(await vm.sh(`python3 ${SCRIPT} ${moment} ${seq} ${word} ctfix ${args}`, { timeout: 300_000 }));
}

/** kill -9, as it is: stopped. */
export async function kill9(vm: Vm, { pid }: Stopped): Promise<void> {
  if (pid !== undefined)
    await vm.sh(
      `kill -9 ${pid}; while [ -e /proc/${pid} ] && ! grep -q '^State:.Z' /proc/${pid}/status; do sleep 0.05; done`,
    );
}

/** `write-file /etc/…`, `unload nf_conntrack`: what the step at `seq` does, from the plan of the change. */
export async function stepsOf(vm: Vm, args: string): Promise<string[]> {
  const { stdout } = await vm.run(`ctfix plan -o json ${args}`);
  type Step = { step: string; module?: string; unit?: string; tool?: string };
  const actions: { do: string; path?: string; step?: Step }[] = JSON.parse(stdout).actions;
  return actions.map(({ do: what, path, step }) =>
    step === undefined
      ? `${what} ${path ?? ''}`.trim()
      : [step.step, step.module ?? step.unit ?? step.tool ?? ''].join(' ').trim(),
  );
}
