// A person reloads over ssh, and the terminal is stopped, breaks off, says Ctrl-C, or loses the process that waits there:
// the change goes on or goes back, and the firewall never stays down because of a terminal.
import { expect, test } from 'vitest';
import { evidence } from '../../lab/evidence.ts';
import { active, expectRuleset, ruleset } from '../../lab/firewalls.ts';
import { canLogIn } from '../../lab/peer.ts';
import { CTRL, openTerminal, type Terminal } from '../../lab/terminal.ts';
import { type Vm, withVm } from '../../machine.ts';
import { GUARD, noGuard } from '../guard-hands.ts';
import { APPLY, says, WANTED } from '../reload-hands.ts';

const LIMIT_MS = 1_200_000;
/** Far above a reload on a busy host; half the time after which the service is ended. */
const RELOAD_MS = 600_000;
/** The processes that wait for the service, and not sudo or ssh, which have the same words. */
const WAITING = `for each in /proc/[0-9]*; do [ "$(readlink $each/exe)" = /usr/local/sbin/ctfix ] && grep -qzx apply $each/cmdline && echo \${each#/proc/}; done; true`;

/** Begins a reload on a terminal and does something to it under the guard; then nobody does anything more. */
async function underTheGuard(
  user: 'root' | 'admin',
  disturb: (vm: Vm, terminal: Terminal) => Promise<unknown>,
  after: (vm: Vm, terminal: Terminal, rules: string) => Promise<void>,
): Promise<void> {
  await withVm({ firewall: 'ufw' }, async (vm) => {
    const rules = await ruleset(vm);
    const terminal = await openTerminal(vm, user, `${user === 'root' ? '' : 'sudo '}${APPLY}`);
    await vm.waitFor(GUARD, 'the guard is up', RELOAD_MS);
    await disturb(vm, terminal);
    await vm.sh(GUARD);
    await vm.waitFor(`! ${GUARD}`, 'the guard is gone', RELOAD_MS);
    await after(vm, terminal, rules);
  });
}

/** The change is made, whole, and the firewall is what it was. */
async function expectMade(vm: Vm, rules: string): Promise<void> {
  await vm.waitFor(`! systemctl list-units --no-legend 'ctfix-apply-*' | grep .`, 'the service has ended', RELOAD_MS);
  await says(vm, 'ctfix verify', 0);
  expect(await vm.sh('sysctl -n net.netfilter.nf_conntrack_max')).toBe(`${WANTED.max}`);
  await expectFirewall(vm, rules);
}

async function expectFirewall(vm: Vm, rules: string): Promise<void> {
  await noGuard(vm);
  await expectRuleset(vm, rules);
  expect([await active(vm, 'ufw'), await canLogIn(vm)]).toEqual([true, true]);
}

test('Ctrl-S on the terminal of a reload: the change goes on, and Ctrl-Q shows all of it', { timeout: LIMIT_MS }, () =>
  underTheGuard(
    'root',
    (_vm, terminal) => terminal.press(CTRL.s),
    async (vm, terminal, rules) => {
      await expectFirewall(vm, rules);
      // So the terminal was stopped all the time.
      expect(await terminal.shown()).not.toMatch(/the guard is gone|applied:/);
      await terminal.press(CTRL.q);
      expect(await terminal.ended(RELOAD_MS)).toBe(0);
      expect(await terminal.shown()).toMatch(/flows are saved.*flows are restored.*the guard is gone.*applied:/s);
      await expectMade(vm, rules);
      const seen =
        'nft: the guard is gone, ruleset as before, while the terminal shows nothing; Ctrl-Q: the rest, exit 0';
      await evidence(vm, 'Ctrl-S during a reload', seen, 'ufw');
    },
  ),
);

test('the ssh session of a reload breaks off: the change goes on', { timeout: LIMIT_MS }, () =>
  underTheGuard(
    'admin',
    (_vm, terminal) => terminal.breakOff(),
    async (vm, _terminal, rules) => {
      await expectMade(vm, rules);
      await evidence(
        vm,
        'the ssh session closed during a reload',
        'sshd ended it under the guard; made, ruleset as before',
        'ufw',
      );
    },
  ),
);

test('Ctrl-C during a reload: it stops after its step and takes everything back', { timeout: LIMIT_MS }, () =>
  underTheGuard(
    'admin',
    (_vm, terminal) => terminal.press(CTRL.c),
    async (vm, terminal, rules) => {
      expect(await terminal.ended(RELOAD_MS)).toBe(5);
      expect(await terminal.shown()).toContain('stopping after this step');
      expect(await vm.sh('sysctl -n net.netfilter.nf_conntrack_max')).not.toBe(`${WANTED.max}`);
      await expectFirewall(vm, rules);
      await evidence(vm, 'Ctrl-C during a reload', 'exit 5; values and ruleset as before, new login works', 'ufw');
    },
  ),
);

test('kill -9 of the ctfix that waits for a reload: the change goes on', { timeout: LIMIT_MS }, () =>
  underTheGuard(
    'admin',
    async (vm) => {
      expect(await vm.sh(WAITING)).toMatch(/^\d+$/);
      await vm.sh(`kill -9 $(${WAITING})`);
      await vm.waitFor(`test -z "$(${WAITING})"`, 'it is gone');
    },
    async (vm, terminal, rules) => {
      expect(await terminal.ended(RELOAD_MS)).not.toBe(0);
      await expectMade(vm, rules);
      await evidence(vm, 'kill -9 of ctfix apply during a reload', 'made by its service; ruleset as before', 'ufw');
    },
  ),
);
