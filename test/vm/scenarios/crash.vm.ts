// The process of a change dies, or the machine does: what brings the host back without any person. The whole matrix is in
// full/crash-*.vm.ts; this is one of each kind.
import { expect, test } from 'vitest';
import { kill9 } from '../lab/crash.ts';
import { evidence } from '../lab/evidence.ts';
import { active, expectRuleset, ruleset } from '../lab/firewalls.ts';
import { canLogIn, openSession, peerUp } from '../lab/peer.ts';
import { withVm } from '../machine.ts';
import { bootRules, expectClean, named, picture, pointsOf, reach, recovered, stepsOf } from './full/crash-steps.ts';
import { says } from './hands.ts';

const LIVE = '--max 131072';
const RELOAD = '--strategy reload --max 131072';

test('live, under ufw: the power goes between two steps; the boot takes it back before the firewall starts', () =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, async (vm) => {
    await vm.sh('sync');
    await vm.reboot('reset');
    await peerUp(vm);
    const [before, rules] = [await picture(vm), await bootRules(vm)];
    const steps = await stepsOf(vm, LIVE);
    const point = { seq: steps.findIndex((step) => step.startsWith('set-value')), moment: 'after' } as const;
    await reach(vm, point, `apply --yes ${LIVE}`);
    await vm.reboot('reset');
    await peerUp(vm);
    expect(await picture(vm)).toBe(before);
    expect(await active(vm, 'ufw')).toBe(true);
    expect(await bootRules(vm)).toBe(rules);
    await expectClean(vm);
    expect(await says(vm, 'history', 0)).toMatch(/taken back$/m);
    await evidence(vm, `power cut, live, ${named(point, steps)}`, ['after the boot: as before, ufw active'], 'ufw');
  }));

test('reload, under ufw: killed when nf_conntrack is gone; its recovery brings everything back by itself', () =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, async (vm) => {
    const [before, rules] = [await picture(vm), await ruleset(vm)];
    const session = await openSession(vm);
    const steps = await stepsOf(vm, RELOAD);
    const point = pointsOf(steps).find(
      ({ seq, moment }) => steps[seq] === 'unload nf_conntrack' && moment === 'ticked',
    );
    if (point === undefined) throw new Error(`no unload in ${steps.join(', ')}`);
    const stopped = await reach(vm, point, `apply --yes ${RELOAD}`, 'perform');
    await kill9(vm, stopped);
    await recovered(vm, 300_000);
    expect(await picture(vm)).toBe(before);
    expect(await active(vm, 'ufw')).toBe(true);
    await expectRuleset(vm, rules);
    await expectClean(vm);
    expect(await session.alive()).toBe(true);
    expect(await canLogIn(vm)).toBe(true);
    expect(await vm.sh('cat /run/ctfix-test/stop-at.out')).toMatch(/killed/);
    expect(await says(vm, 'history', 0)).toMatch(/taken back$/m);
    await evidence(
      vm,
      `kill -9, reload, ${named(point, steps)}`,
      ['as before, ufw active, a new ssh login works'],
      'ufw',
    );
  }));
