// How long a reload holds the host closed, against the bare commands in the same machine.
import { expect, test } from 'vitest';
import { evidence } from '../lab/evidence.ts';
import { bareRecipe } from '../lab/exposure.ts';
import { type Vm, withVm } from '../machine.ts';
import { APPLY, says } from '../scenarios/reload-hands.ts';

/** A host that is busy with other things makes any of them longer, never shorter: the shortest are compared. */
const ROUNDS = 4;

test('the guard is in force hardly longer than the bare commands take', () =>
  withVm({ firewall: 'ufw' }, async (vm) => {
    const lines: string[] = [];
    const [bares, windows]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      const bare = await bareRecipe(vm, 'ufw');
      const steps = await reloaded(vm);
      const ours = parts(steps);
      bares.push(bare);
      windows.push(ours.window);
      const apart = `save ${ours.save}, restore ${ours.restore}, proofs ${ours.proof}`;
      lines.push(`bare ${bare.toFixed(1)} s; guard ${ours.guard} s, without ${apart}: ${ours.window.toFixed(1)} s`);
      lines.push(told(steps));
      await says(vm, 'ctfix rollback', 0);
    }
    const ratio = Math.min(...windows) / Math.min(...bares);
    lines.push(`the shortest against the shortest: ${ratio.toFixed(2)}`);
    await evidence(vm, 'the window of a reload', lines, 'ufw');
    expect(ratio, lines.join('\n')).toBeLessThanOrEqual(1.1);
  }));

/** What each step of the last change said, from its journal: `… (1.2 s)`. */
async function reloaded(vm: Vm): Promise<{ step: string; saw: string }[]> {
  await says(vm, APPLY, 0);
  const text = await vm.sh('cat $(ls -t /var/lib/ctfix/*/*.jsonl /var/lib/ctfix/*.jsonl 2>/dev/null | head -1)');
  const lines = text.split('\n').map((line) => JSON.parse(line));
  const steps = new Map<number, string>();
  for (const line of lines) if (line.line === 'intend') steps.set(line.seq, line.action.step?.step ?? '');
  return lines.filter(({ line }) => line === 'done').map(({ seq, saw }) => ({ step: steps.get(seq) ?? '', saw }));
}

function parts(steps: { step: string; saw: string }[]) {
  const sum = (names: string[]) =>
    steps.filter(({ step }) => names.includes(step)).reduce((total, { saw }) => total + secondsOf(saw), 0);
  const down = steps.find(({ step }) => step === 'guard-down')?.saw ?? '';
  const guard = Number(/the guard is gone after ([\d.]+) s/.exec(down)?.[1]);
  const [save, restore] = [sum(['save-flows']), sum(['restore-flows'])];
  const proof = sum(['prove-down', 'drain-flows', 'prove-rules']);
  return { guard, save, restore, proof, window: guard - save - restore - proof };
}

/** What a step says that it took; those that took less than a tenth of a second say nothing. */
function secondsOf(saw: string): number {
  return Number(/\(([\d.]+) s\)$/.exec(saw)?.[1] ?? 0);
}

/** The steps that say so, under the guard. */
function told(steps: { step: string; saw: string }[]): string {
  const timed = steps.filter(({ step, saw }) => step !== '' && secondsOf(saw) > 0);
  return timed.map(({ step, saw }) => `${step} ${secondsOf(saw)}`).join(', ');
}
