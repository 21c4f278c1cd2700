// kill -9 and power cuts at the steps of a reload: its own recovery, or the boot, brings everything back, the firewall too.
import { expect, test } from 'vitest';
import { kill9, type Point } from '../../lab/crash.ts';
import { evidence } from '../../lab/evidence.ts';
import { active, expectRuleset, ruleset } from '../../lab/firewalls.ts';
import { canLogIn, peerUp } from '../../lab/peer.ts';
import { type Vm, withVm } from '../../machine.ts';
import { says } from '../hands.ts';
import { bootRules, expectClean, named, picture, pointsOf, reach, recovered, stepsOf } from './crash-steps.ts';

const ARGS = '--strategy reload --max 131072';
const HOUR = 3_600_000;

async function expectAsBefore(vm: Vm, before: string, where: string) {
  expect(await picture(vm), where).toBe(before);
  expect(await active(vm, 'ufw'), where).toBe(true);
  await expectClean(vm);
  expect(await canLogIn(vm), where).toBe(true);
  expect(await says(vm, 'history', 0), where).toMatch(/taken back$/m);
}

test('reload, under ufw: killed at every step', { timeout: HOUR }, () =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, async (vm) => {
    const [before, rules] = [await picture(vm), await ruleset(vm)];
    const steps = await stepsOf(vm, ARGS);
    // One moment a step, each in turn; what comes before the first record has nothing to take back but files.
    const points = pointsOf(steps).filter(({ seq, moment }) => {
      const moments = pointsOf(steps).filter((one) => one.seq === seq);
      return seq >= 0 && moments[seq % moments.length]?.moment === moment;
    });
    for (const point of points) {
      const where = named(point, steps);
      await kill9(vm, await reach(vm, point, `apply --yes ${ARGS}`, 'perform'));
      await recovered(vm, 600_000);
      await expectRuleset(vm, rules);
      await expectAsBefore(vm, before, where);
    }
    const lines = [`${points.length} points: ${points.map((point) => named(point, steps)).join(' · ')}`];
    lines.push(
      'with nothing run by hand: /etc, sysctl -a, /proc/modules, ruleset as before; ufw active; a new ssh login',
    );
    await evidence(vm, 'kill -9 at every step, reload', lines, 'ufw');
  }),
);

test('reload, under ufw: the power goes while the firewall is down', { timeout: HOUR }, () =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, async (vm) => {
    await vm.sh('sync');
    await vm.reboot('reset');
    await peerUp(vm);
    const [before, rules] = [await picture(vm), await bootRules(vm)];
    const steps = await stepsOf(vm, ARGS);
    const at = (text: string, moment: Point['moment']): Point => ({
      seq: steps.findIndex((step) => step.startsWith(text)),
      moment,
    });
    const points = [
      at('write-file', 'after'),
      at('stop ufw', 'after'),
      at('unload nf_conntrack', 'ticked'),
      at('load nf_conntrack', 'after'),
      at('start ufw', 'before'),
      at('prove-rules', 'ticked'),
    ].filter(({ seq }) => seq >= 0);
    for (const point of points) {
      const where = named(point, steps);
      await reach(vm, point, `apply --yes ${ARGS}`, 'perform');
      await vm.reboot('reset');
      await peerUp(vm);
      expect(await bootRules(vm), where).toBe(rules);
      await expectAsBefore(vm, before, where);
    }
    await evidence(
      vm,
      'power cut, reload',
      [`${points.length} points: ${points.map((point) => named(point, steps)).join(' · ')}`],
      'ufw',
    );
  }),
);
