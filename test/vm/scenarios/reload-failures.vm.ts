// A reload that fails on the way: the firewall's stop ends half-way, its start fails, the module cannot be loaded again.
// Each ends as it began, with the rules complete and a new ssh login possible. The faults are put into ufw's unit by
// drop-ins and happen once, as they do on a busy machine.
import { expect, test } from 'vitest';
import { evidence } from '../lab/evidence.ts';
import { active, expectRuleset, ruleset } from '../lab/firewalls.ts';
import { canLogIn, HOST6 } from '../lab/peer.ts';
import { type Vm, withVm } from '../machine.ts';
import { APPLY, expectAsBefore, look, says, setOthers } from './reload-hands.ts';

const BAD_OPTION = 'options nf_conntrack hashsize=99999999999';

type Fault = {
  readonly name: string;
  /** lines for the [Service] section of ufw's unit */
  readonly unit: string;
  /** what runs instead of ufw-init, once */
  readonly script: string;
  readonly says: RegExp;
  /** whether the module is the one from before at the end */
  readonly module: 'same' | 'any';
};

const FAULTS: Fault[] = [
  {
    name: 'the stop runs into its time limit half-way, and systemctl returns 0',
    unit: 'ExecStop=\nExecStop=/root/once stop\nTimeoutStopSec=5\n',
    script: 'iptables -F ufw-before-input; iptables -F ufw-user-input; iptables -P INPUT ACCEPT; sleep 1000',
    says: /the stop of ufw\.service did not come to its end \(failed, Result: timeout\)/,
    module: 'same',
  },
  {
    name: 'the start fails and leaves policy DROP without a rule that lets anybody in',
    unit: 'ExecStart=\nExecStart=/root/once start\n',
    script: '/lib/ufw/ufw-init start; iptables -F ufw-before-input; iptables -F ufw-user-input; exit 1',
    says: /ufw\.service did not start/,
    module: 'any',
  },
  {
    name: 'the module cannot be loaded again: an option that cannot be read appears after the preflight',
    unit: 'ExecStop=\nExecStop=/root/once stop\n',
    script: `echo '${BAD_OPTION}' >/etc/modprobe.d/zz-bad.conf; exec /lib/ufw/ufw-init stop`,
    says: /\/etc\/modprobe\.d\/zz-bad\.conf:1 gives it hashsize=99999999999/,
    module: 'any',
  },
];

for (const fault of FAULTS) {
  test(fault.name, () =>
    withVm({ firewall: 'ufw' }, async (vm) => {
      await setOthers(vm);
      await install(vm, fault);
      const [before, rules] = [await look(vm, 'ufw'), await ruleset(vm)];
      expect(await says(vm, APPLY, 5)).toMatch(fault.says);
      expect(await vm.sh('ls /run/fault')).toBe('/run/fault');
      await vm.sh('rm -f /etc/modprobe.d/zz-bad.conf');
      await expectRuleset(vm, rules);
      expectAsBefore(before, await look(vm, 'ufw'), fault);
      expect(await active(vm, 'ufw')).toBe(true);
      expect([await canLogIn(vm), await canLogIn(vm, HOST6)]).toEqual([true, true]);
      await says(vm, 'ctfix rollback', 0);
      await expectRuleset(vm, rules);
      const seen = 'exit 5; ruleset byte for byte and values (sysctl) as before, ufw active, new ssh login works';
      await evidence(vm, `reload, ${fault.name}`, seen, 'ufw');
    }),
  );
}

test('an option that cannot be read is there already: refused with file and line, nothing touched', () =>
  withVm({ firewall: 'ufw' }, async (vm) => {
    await vm.put('/etc/modprobe.d/zz-bad.conf', `# somebody's\n${BAD_OPTION}\n`);
    const [before, rules] = [await look(vm, 'ufw'), await ruleset(vm)];
    expect(await says(vm, APPLY, 3)).toContain('/etc/modprobe.d/zz-bad.conf:2');
    expectAsBefore(before, await look(vm, 'ufw'), { module: 'same' });
    expect(await ruleset(vm)).toBe(rules);
  }));

async function install(vm: Vm, { unit, script }: Fault): Promise<void> {
  const once = `#!/bin/sh\nif ! [ -e /run/fault ]; then touch /run/fault; ${script}; fi\nexec /lib/ufw/ufw-init "$1"\n`;
  await vm.put('/root/once', once, 0o755);
  await vm.sh('mkdir -p /etc/systemd/system/ufw.service.d');
  await vm.put('/etc/systemd/system/ufw.service.d/fault.conf', `[Service]\n${unit}`);
  await vm.sh('systemctl daemon-reload');
}
