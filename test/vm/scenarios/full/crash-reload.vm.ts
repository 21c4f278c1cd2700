// kill -9 and signals at the steps of a reload: its own recovery brings everything back, the firewall too.
import { expect, test } from 'vitest';
import { kill9, type Point } from '../../lab/crash.ts';
import { evidence } from '../../lab/evidence.ts';
import { active, expectRuleset, ruleset } from '../../lab/firewalls.ts';
import { canLogIn } from '../../lab/peer.ts';
import { type Vm, withVm } from '../../machine.ts';
import { says } from '../hands.ts';
import { expectClean, named, picture, pointsOf, proved, reach, recovered, stepsOf } from './crash-steps.ts';

const ARGS = '--strategy reload --max 131072';
const HOUR = 3_600_000;

/**
 * One moment a step, each in turn, of the first step of each kind and of those for nf_conntrack and ufw; what comes before
 * the first record has nothing to take back but files.
 */
function onePerStep(steps: readonly string[]): Point[] {
  const kind = (step = '') => step.split(' ')[0];
  return pointsOf(steps).filter(({ seq, moment }) => {
    const step = steps[seq];
    const first = steps.findIndex((each) => kind(each) === kind(step)) === seq;
    if (step === undefined || !(first || /(nf_conntrack|ufw)$/.test(step))) return false;
    const moments = pointsOf(steps).filter((one) => one.seq === seq);
    return moments[seq % moments.length]?.moment === moment;
  });
}

async function expectAsBefore(vm: Vm, before: string, where: string) {
  expect(await picture(vm), where).toBe(before);
  expect(await active(vm, 'ufw'), where).toBe(true);
  await expectClean(vm);
  expect(await canLogIn(vm), where).toBe(true);
  expect(await says(vm, 'history', 0), where).toMatch(/taken back$/m);
}

/** From the first step to the last one with the old module, and from its unload to the end. */
const HALVES = ['down', 'up'] as const;

test.each(HALVES)('reload, under ufw: killed at every step on the way %s', { timeout: HOUR }, (half) =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, async (vm) => {
    const [before, rules] = [await picture(vm), await ruleset(vm)];
    const steps = await stepsOf(vm, ARGS);
    const unload = steps.findIndex((step) => step.startsWith('unload'));
    const points = onePerStep(steps).filter(({ seq }) => (half === 'down' ? seq < unload : seq >= unload));
    expect(points.length).toBeGreaterThan(5);
    for (const point of points) {
      const where = named(point, steps);
      await kill9(vm, await reach(vm, point, `apply --yes ${ARGS}`, 'perform'));
      await recovered(vm, 600_000);
      await expectRuleset(vm, rules);
      await expectAsBefore(vm, before, where);
      proved('reload', where, 'kill -9');
    }
    await says(vm, 'apply --yes --max 131072', 0);
    const lines = [`${points.length} points: ${points.map((point) => named(point, steps)).join(' · ')}`];
    lines.push(
      'with nothing run by hand: /etc, sysctl -a, /proc/modules, ruleset as before; ufw active; a new ssh login',
    );
    await evidence(vm, `kill -9 at every step, reload, the way ${half}`, lines, 'ufw');
  }),
);

test('reload, under ufw: killed, and its recovery killed as well: a timer goes on with it', { timeout: HOUR }, () =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, async (vm) => {
    const [before, rules] = [await picture(vm), await ruleset(vm)];
    const steps = await stepsOf(vm, ARGS);
    const point = { seq: steps.indexOf('unload nf_conntrack'), moment: 'ticked' } as const;
    const stopped = await reach(vm, point, `apply --yes ${ARGS}`, 'perform');
    // systemd runs ExecStopPost once: whoever is killed there is not started again by it.
    const RECOVERY = `pkill -9 -f '^[^ ]*[c]tfix recover'`;
    const killer = await vm.spawn(
      `until ${RECOVERY}; do sleep 0.1; done; for n in $(seq 100); do ${RECOVERY}; sleep 0.1; done`,
    );
    await kill9(vm, stopped);
    await vm.waitFor(`! systemctl is-active 'ctfix-apply-*'`, 'the service has ended', 300_000);
    while (await killer.running()) await vm.sh('sleep 0.1');
    expect(await active(vm, 'ufw')).toBe(false);
    await vm.waitFor(`ctfix history 2>/dev/null | grep -q 'taken back$'`, 'the change is taken back', 300_000);
    await recovered(vm, 300_000);
    await expectRuleset(vm, rules);
    await expectAsBefore(vm, before, 'the recovery was killed');
    await vm.waitFor(`! systemctl list-units --all --no-legend 'ctfix-re*' | grep .`, 'no timer is left');
    proved('reload', named(point, steps), 'kill -9, then of its recovery');
    await evidence(vm, 'kill -9 of a reload and of its recovery', 'as before, ufw active, a new ssh login', 'ufw');
  }),
);
