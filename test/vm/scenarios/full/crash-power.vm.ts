// The power goes at a step of a change: nobody runs anything, and the boot has taken it back before any firewall starts.
import { expect, test } from 'vitest';
import { evidence } from '../../lab/evidence.ts';
import { active } from '../../lab/firewalls.ts';
import { peerUp } from '../../lab/peer.ts';
import { withVm } from '../../machine.ts';
import { says } from '../hands.ts';
import { bootRules, expectClean, named, picture, pointsOf, reach, stepsOf } from './crash-steps.ts';

const ARGS = '--max 131072 --timeout tcp_established=86400';

test('live, under ufw: a power cut at every other step', { timeout: 3_600_000 }, () =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, async (vm) => {
    await vm.sh('sync');
    await vm.reboot('reset');
    await peerUp(vm);
    const [before, rules] = [await picture(vm), await bootRules(vm)];
    const steps = await stepsOf(vm, ARGS);
    const points = pointsOf(steps).filter((_, at) => at % 2 === 0);
    for (const point of points) {
      const where = named(point, steps);
      await reach(vm, point, `apply --yes ${ARGS}`);
      await vm.reboot('reset');
      await peerUp(vm);
      expect(await picture(vm), where).toBe(before);
      expect(await active(vm, 'ufw'), where).toBe(true);
      expect(await bootRules(vm), where).toBe(rules);
      await expectClean(vm);
      expect(await vm.sh(`journalctl -b -u ctfix-recover --no-pager -o cat`), where).toContain('taken back');
      expect(await says(vm, 'history', 0), where).toMatch(/taken back$/m);
    }
    await evidence(
      vm,
      'power cut, live',
      [
        `${points.length} points: ${points.map((point) => named(point, steps)).join(' · ')}`,
        'after the boot, nothing run by hand: /etc, sysctl -a, /proc/modules and the ruleset as before; ufw active',
      ],
      'ufw',
    );
  }),
);
