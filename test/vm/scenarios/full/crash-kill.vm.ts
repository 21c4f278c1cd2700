// kill -9 at every step of a live resize and of a change of files alone: the next command says so, rollback brings back
// every byte and value, and no lock, unit or file is left that a person would have to remove.
import { expect, test } from 'vitest';
import { kill9 } from '../../lab/crash.ts';
import { evidence } from '../../lab/evidence.ts';
import { withVm } from '../../machine.ts';
import { says } from '../hands.ts';
import { expectClean, named, picture, pointsOf, proved, reach, stepsOf } from './crash-steps.ts';

const ARGS = '--max 131072 --timeout tcp_established=86400';

test.each([
  ['live', 'modprobe nf_conntrack'],
  ['persist', 'true'],
])('%s: killed at every step', { timeout: 3_600_000 }, (strategy, prepare) =>
  withVm({ kernel: '6.1' }, async (vm) => {
    await vm.sh(prepare);
    const before = await picture(vm);
    const steps = await stepsOf(vm, ARGS);
    const points = pointsOf(steps);
    for (const point of points) {
      const where = named(point, steps);
      const stopped = await reach(vm, point, `apply --yes ${ARGS}`);
      await kill9(vm, stopped);
      if (point.moment === 'end') expect(await says(vm, 'history', 0), where).not.toContain('never finished');
      else expect(await says(vm, 'history', 0), where).toContain('was never finished; run: sudo ctfix rollback');
      await says(vm, 'rollback', 0);
      expect(await picture(vm), where).toBe(before);
      await expectClean(vm);
      proved(strategy, where, 'kill -9');
    }
    await says(vm, `apply --yes ${ARGS}`, 0);
    await evidence(vm, `kill -9 at every step, ${strategy}`, [
      `${points.length} points: ${points.map((point) => named(point, steps)).join(' · ')}`,
      'after ctfix rollback: /etc by sha256, mode, owner and extended attributes, sysctl -a, /proc/modules as before',
    ]);
  }),
);
