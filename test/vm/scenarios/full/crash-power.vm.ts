// The power goes, or somebody runs reboot -f, at a step of a change: nobody runs anything, and the boot has taken it back
// before any firewall starts.
import { expect, test } from 'vitest';
import type { Point } from '../../lab/crash.ts';
import { evidence } from '../../lab/evidence.ts';
import { active } from '../../lab/firewalls.ts';
import { canLogIn, peerUp } from '../../lab/peer.ts';
import { type Vm, withVm } from '../../machine.ts';
import { says } from '../hands.ts';
import { bootRules, expectClean, named, picture, pointsOf, proved, reach, stepsOf } from './crash-steps.ts';

const HOUR = 3_600_000;
const LIVE = '--max 131072 --timeout tcp_established=86400';
const RELOAD = '--strategy reload --max 131072';
const HOW = { reset: 'power cut', force: 'reboot -f', clean: 'reboot' } as const;

type Cut = { readonly point: Point; readonly how: keyof typeof HOW };

/** Every cut, one after the other in one machine, each against the same picture of a booted system. */
async function cutEach(vm: Vm, strategy: 'live' | 'reload', cutsOf: (steps: string[]) => Cut[]): Promise<void> {
  const args = strategy === 'live' ? LIVE : RELOAD;
  await vm.sh('sync');
  await vm.reboot('reset');
  await peerUp(vm);
  const [before, rules] = [await picture(vm), await bootRules(vm)];
  const steps = await stepsOf(vm, args);
  const cuts = cutsOf(steps);
  for (const { point, how } of cuts) {
    const where = named(point, steps);
    await reach(vm, point, `apply --yes ${args}`, strategy === 'live' ? 'apply' : 'perform');
    await vm.reboot(how);
    await peerUp(vm);
    expect(await picture(vm), where).toBe(before);
    expect(await active(vm, 'ufw'), where).toBe(true);
    expect(await bootRules(vm), where).toBe(rules);
    await expectClean(vm);
    expect(await canLogIn(vm), where).toBe(true);
    expect(await says(vm, 'history', 0), where).toMatch(/taken back$/m);
    proved(strategy, where, HOW[how]);
  }
  const list = cuts.map(({ point, how }) => `${HOW[how]} ${named(point, steps)}`);
  await says(vm, `apply --yes ${LIVE}`, 0);
  await evidence(
    vm,
    `power cut and reboot -f, ${strategy}`,
    [
      `${list.length} points: ${list.join(' · ')}`,
      'after the boot, nothing run by hand: /etc, sysctl -a, /proc/modules and the ruleset as before; ufw active; a new ssh login',
    ],
    'ufw',
  );
}

test('live, under ufw: power cuts and reboot -f, in turn, at every fifth point', { timeout: HOUR }, () =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, (vm) =>
    cutEach(vm, 'live', (steps) =>
      pointsOf(steps)
        .filter(({ moment }, at) => moment !== 'end' && at % 5 === 0)
        .map((point, at) => ({ point, how: at % 2 === 0 ? 'reset' : 'force' })),
    ),
  ),
);

test('reload, under ufw: power cuts, reboot -f and an orderly reboot', { timeout: HOUR }, () =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, (vm) =>
    cutEach(vm, 'reload', (steps) => {
      const cut = (text: string, moment: Point['moment'], how: Cut['how']): Cut => {
        const seq = steps.findIndex((step) => step.startsWith(text));
        expect(seq, `${text} in ${steps.join(', ')}`).toBeGreaterThanOrEqual(0);
        return { point: { seq, moment }, how };
      };
      return [
        cut('unload nf_conntrack', 'ticked', 'reset'),
        cut('start ufw', 'before', 'force'),
        cut('stop ufw', 'after', 'clean'),
        cut('guard-down', 'before', 'reset'),
      ];
    }),
  ),
);
