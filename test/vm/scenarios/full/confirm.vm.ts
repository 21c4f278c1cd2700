// A change that nobody confirms goes back by itself: whatever became of the shell, of sshd, of ctfix, of the clock and of
// the machine meanwhile; a confirmed one stays.
import { expect, test } from 'vitest';
import { kill9 } from '../../lab/crash.ts';
import { evidence } from '../../lab/evidence.ts';
import { expectRuleset, ruleset } from '../../lab/firewalls.ts';
import { HOST4, peerUp } from '../../lab/peer.ts';
import { type Vm, withVm } from '../../machine.ts';
import { ctfix, listing, says, table } from '../hands.ts';
import { bootRules, named, reach, stepsOf } from './crash-steps.ts';

const HOUR = 3_600_000;
const APPLY = 'apply --yes --max 131072 --timeout tcp_established=86400';
const PEER = 'ip netns exec peer ssh -o BatchMode=yes';
const ESTABLISHED = 'sysctl -n net.netfilter.nf_conntrack_tcp_timeout_established';

/** `rules`: absent where a boot lies between, after which other programs' rules are made anew. */
type Before = { files: string; values: string; rules?: string };

/** Files with owner, mode and attributes, values and rules, as foreign tools see them. */
async function look(vm: Vm): Promise<Before> {
  const values = `${JSON.stringify(await table(vm))} ${await vm.sh(ESTABLISHED)}`;
  return { files: await listing(vm, '/etc'), values, rules: await ruleset(vm) };
}

async function expectBack(vm: Vm, before: Before): Promise<void> {
  await vm.waitFor(`ctfix history 2>/dev/null | grep -q 'taken back$'`, 'the change is taken back', 300_000);
  await vm.waitFor(`! systemctl is-active 'ctfix-revert-*'`, 'the revert has ended');
  expect(await listing(vm, '/etc')).toBe(before.files);
  expect(`${JSON.stringify(await table(vm))} ${await vm.sh(ESTABLISHED)}`).toBe(before.values);
  if (before.rules !== undefined) await expectRuleset(vm, before.rules);
  expect(await vm.sh('cat /run/motd.d/ctfix')).toContain('was taken back');
  // What ran at the boot is known to systemd as active (exited) until the next one; no file of it is left for that.
  expect(await vm.sh(`systemctl list-units --all --no-legend 'ctfix-revert*'`)).toBe('');
  expect(await vm.sh(`find /etc/systemd /run/systemd/system /run/systemd/transient -name 'ctfix-re*'`)).toBe('');
}

/** A foreign file in the place of ours, with everything that a file can have. */
async function dress(vm: Vm): Promise<void> {
  await vm.put(
    '/etc/modprobe.d/nf_conntrack.conf',
    '# ours\r\noptions nf_conntrack expect_hashsize=64\n# no end',
    0o640,
  );
  await vm.sh('chown root:daemon /etc/modprobe.d/nf_conntrack.conf');
  const mark = `import os; os.setxattr('/etc/modprobe.d/nf_conntrack.conf', 'user.mark', b'x')`;
  await vm.sh(`python3 -c "${mark}"`);
}

test('over ssh and sudo: the shell, sshd and ctfix are killed', { timeout: HOUR }, () =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, async (vm) => {
    await dress(vm);
    const before = await look(vm);
    const session = await vm.spawn(`${PEER} -tt admin@${HOST4} 'sudo ctfix ${APPLY} --confirm-within 60s; sleep 600'`);
    await vm.waitFor(`ctfix history 2>/dev/null | grep -q 'waits to be confirmed'`, 'it waits', 300_000);
    expect((await table(vm)).max).toBe(131_072);
    await vm.sh(`pkill -9 -u admin; systemctl kill -s KILL ssh; pkill -9 sshd; pkill -9 -f '(^|/)[c]tfix '; true`);
    await session.stop();
    await expectBack(vm, before);
    await vm.sh('systemctl restart ssh');
    // The terminal of the next login says what happened.
    expect(await vm.sh(`echo exit | ${PEER} -tt root@${HOST4}`)).toContain('was taken back');
    expect(await says(vm, 'confirm', 1)).toContain('nothing waits to be confirmed');
    await evidence(
      vm,
      'confirm, sessions killed',
      ['files by sha256, mode, owner and attributes, sysctl -n, ruleset: as before', 'the next login shows it'],
      'ufw',
    );
  }),
);

test('ctfix is killed in the middle, and the clock is stepped', { timeout: HOUR }, () =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, async (vm) => {
    await dress(vm);
    const before = await look(vm);
    const steps = await stepsOf(vm, APPLY.replace('apply --yes ', ''));
    const point = { seq: steps.findIndex((step) => step.startsWith('set-value')), moment: 'after' } as const;
    const stopped = await reach(vm, point, `${APPLY} --confirm-within 60s`);
    expect(await listing(vm, '/etc')).not.toBe(before.files);
    await vm.sh(`date -s '2 hours ago'`);
    await kill9(vm, stopped);
    await expectBack(vm, before);
    await evidence(
      vm,
      'confirm, ctfix killed, clock set back two hours',
      [`killed ${named(point, steps)}; back, as before`],
      'ufw',
    );
  }),
);

test('rebooted before it was confirmed; another change has to wait; a confirmed one stays', { timeout: HOUR }, () =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, async (vm) => {
    await vm.sh('sync');
    await vm.reboot('clean');
    await peerUp(vm);
    const [{ files, values }, rules] = [await look(vm), await bootRules(vm)];
    await says(vm, `${APPLY} --confirm-within 1h`, 0);
    expect(await says(vm, 'apply --yes --max 150000', 3)).toContain('waits to be confirmed');
    // A clock that is set forward ends no time of anybody's.
    await vm.sh(`date -s '3 hours'; sleep 2`);
    expect((await ctfix(vm, 'plan', { user: 'admin' })).stderr).toMatch(
      /goes back in \d+ seconds unless it is confirmed/,
    );
    await vm.reboot('clean');
    await peerUp(vm);
    await expectBack(vm, { files, values });
    expect(await bootRules(vm)).toBe(rules);
    await says(vm, `${APPLY} --confirm-within 60s`, 0);
    await says(vm, 'confirm', 0);
    expect(
      await vm.sh(
        `systemctl list-units --all --no-legend 'ctfix-revert*'; ls /etc/systemd/system | grep ctfix-recover || true`,
      ),
    ).toBe('');
    await vm.sh('sleep 65');
    await says(vm, 'verify', 0);
    expect((await table(vm)).max).toBe(131_072);
    await evidence(
      vm,
      'confirm, rebooted',
      ['taken back by the boot; the next one, confirmed, is in force after its time'],
      'ufw',
    );
  }),
);
