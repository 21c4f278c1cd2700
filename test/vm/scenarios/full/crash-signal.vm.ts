// SIGHUP and SIGTERM at steps of a change, the service of a reload stopped by somebody, the terminal of a reload gone: the
// change takes itself back, or goes on to its end, and nobody has to clear up.
import { expect, test } from 'vitest';
import { type Point, type Stopped, stopAt } from '../../lab/crash.ts';
import { evidence } from '../../lab/evidence.ts';
import { active, expectRuleset, ruleset } from '../../lab/firewalls.ts';
import { canLogIn } from '../../lab/peer.ts';
import { type Vm, withVm } from '../../machine.ts';
import { says, table } from '../hands.ts';
import { expectClean, named, picture, pointsOf, proved, reach, recovered, stepsOf } from './crash-steps.ts';

const HOUR = 3_600_000;
const LIVE = '--max 131072 --timeout tcp_established=86400';
const RELOAD = '--strategy reload --max 131072';
const SAID = '/run/ctfix-test/stop-at.out';

/** The signal is pending when the process goes on, so it is seen at this step and no later one. */
async function signalled(vm: Vm, { pid }: Stopped, signal: string): Promise<void> {
  await vm.sh(`kill -${signal} ${pid} && kill -CONT ${pid}`);
}

test('live: SIGHUP and SIGTERM, in turn, at every third step', { timeout: HOUR }, () =>
  withVm({ kernel: '6.1' }, async (vm) => {
    await vm.sh('modprobe nf_conntrack');
    const before = await picture(vm);
    const steps = await stepsOf(vm, LIVE);
    const points = pointsOf(steps).filter(({ moment }, at) => moment !== 'end' && at % 3 === 1);
    const told: string[] = [];
    for (const [at, point] of points.entries()) {
      const [where, signal] = [named(point, steps), at % 2 === 0 ? 'HUP' : 'TERM'];
      await signalled(vm, await reach(vm, point, `apply --yes ${LIVE}`), signal);
      await recovered(vm);
      expect(await vm.sh(`cat ${SAID}`), where).toContain('stopping after this step');
      expect(await picture(vm), where).toBe(before);
      await expectClean(vm);
      expect(await says(vm, 'history', 0), where).toMatch(/failed and taken back$/m);
      proved('live', where, `SIG${signal}`);
      told.push(`SIG${signal} ${where}`);
    }
    await says(vm, `apply --yes ${LIVE}`, 0);
    await evidence(vm, 'SIGHUP and SIGTERM, live', [
      `${told.length} points: ${told.join(' · ')}`,
      'nothing run by hand: /etc by sha256, mode, owner and extended attributes, sysctl -a, /proc/modules as before',
    ]);
  }),
);

type Ending = { readonly how: string; readonly moment: Point['moment']; readonly step: string; readonly end: string };

// {pid} is the process that makes the change; the other one is that of the person, who waits for it.
const FRONT = `$(pgrep -o -f '(^|/)[c]tfix apply .*--strategy reload')`;
const SERVICE = `$(systemctl list-units --no-legend 'ctfix-apply-*' | grep -o 'ctfix-apply-[0-9a-f-]*.service')`;
const ENDINGS: readonly Ending[] = [
  { how: 'SIGHUP', step: 'unload nf_conntrack', moment: 'before', end: 'kill -HUP {pid}' },
  {
    how: 'systemctl stop of its service',
    step: 'start ufw',
    moment: 'before',
    end: `systemctl stop --no-block ${SERVICE}`,
  },
  { how: 'SIGTERM', step: 'guard-up', moment: 'ticked', end: 'kill -TERM {pid}' },
  { how: 'SIGTERM to the one who waits', step: 'prove-down', moment: 'ticked', end: `kill -TERM ${FRONT}` },
  {
    how: 'kill -9 of the one who waits, then of it',
    step: 'load nf_conntrack',
    moment: 'after',
    end: `kill -9 ${FRONT} {pid}`,
  },
];

test('reload, under ufw: signals and systemctl stop take it back', { timeout: HOUR }, () =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, async (vm) => {
    const [before, rules] = [await picture(vm), await ruleset(vm)];
    const steps = await stepsOf(vm, RELOAD);
    const told: string[] = [];
    for (const { how, step, moment, end } of ENDINGS) {
      const point = { seq: steps.findIndex((each) => each.startsWith(step)), moment };
      const where = named(point, steps);
      const { pid } = await reach(vm, point, `apply --yes ${RELOAD}`, 'perform');
      await vm.sh(end.replaceAll('{pid}', `${pid}`));
      // The one who waits passes the signal on by systemctl: only when it is there (proc(5), SIGHUP to
      // SIGQUIT or SIGTERM) may the change go on.
      const there = `[ ! -e /proc/${pid} ] || grep -Eq '^(Shd|Sig)Pnd:.*([1-9a-f]|[4-7c-f]...)$' /proc/${pid}/status`;
      await vm.waitFor(there, `${how}: the signal is there`);
      await vm.run(`kill -CONT ${pid}`);
      await recovered(vm, 600_000);
      await expectRuleset(vm, rules);
      expect(await picture(vm), `${how}, ${where}`).toBe(before);
      expect(await active(vm, 'ufw'), where).toBe(true);
      await expectClean(vm);
      expect(await canLogIn(vm), where).toBe(true);
      expect(await says(vm, 'history', 0), where).toMatch(/taken back$/m);
      proved('reload', where, how);
      told.push(`${how}: ${where}`);
    }
    await evidence(
      vm,
      'signals, reload',
      [`${told.length} points: ${told.join(' · ')}`, 'as before; a new login works'],
      'ufw',
    );
  }),
);

test('reload, under ufw: a terminal that goes away stops nothing', { timeout: HOUR }, () =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, async (vm) => {
    const rules = await ruleset(vm);
    const steps = await stepsOf(vm, RELOAD);
    const point = { seq: steps.indexOf('unload nf_conntrack'), moment: 'before' } as const;
    const stopped = await stopAt(vm, point, `apply --yes ${RELOAD}`, 'perform');
    expect(stopped).toMatchObject({ reached: true });
    await vm.sh(`kill -HUP ${FRONT} && kill -CONT ${stopped.pid}`);
    await recovered(vm, 600_000);
    expect((await table(vm)).max).toBe(131_072);
    await expectRuleset(vm, rules);
    await expectClean(vm);
    await says(vm, 'verify', 0);
    proved('reload', named(point, steps), 'SIGHUP to the one who waits: goes on');
    await evidence(vm, 'SIGHUP, reload', ['the one who waits is hung up: the reload goes on to its end'], 'ufw');
  }),
);
