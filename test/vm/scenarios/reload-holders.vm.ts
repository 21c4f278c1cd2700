// A module that is in use beyond the firewall's rules: found before anything is touched, or gone back from; and a
// listener on conntrack events, which hears on afterwards.
import { expect, test } from 'vitest';
import { evidence } from '../lab/evidence.ts';
import { active, expectRuleset, ruleset } from '../lab/firewalls.ts';
import { holdInQueue, listen, otherNamespace } from '../lab/listener.ts';
import { canLogIn, tryConnections } from '../lab/peer.ts';
import { type Vm, withVm } from '../machine.ts';
import { APPLY, expectAsBefore, expectReloaded, look, says, setOthers, WANTED } from './reload-hands.ts';

const HOLDERS: [string, (vm: Vm) => Promise<unknown>, RegExp][] = [
  ['a namespace with an nft ct rule', (vm) => otherNamespace(vm, 'nft'), /network namespace tenant.* nft_ct/],
  [
    'a namespace with an iptables ct rule',
    (vm) => otherNamespace(vm, 'iptables'),
    /network namespace tenant.* xt_conntrack/,
  ],
  ['packets held in an nfqueue', (vm) => holdInQueue(vm, 5), /5 packets wait in queue 77 for python3 \(\d+\)/],
];

for (const [name, hold, words] of HOLDERS) {
  test(`${name}: refused, nothing touched`, () =>
    withVm({ firewall: 'ufw' }, async (vm) => {
      await hold(vm);
      const [before, rules] = [await look(vm, 'ufw'), await ruleset(vm)];
      const called = await vm.sh('systemctl show -p InvocationID ufw');
      expect(await says(vm, APPLY, 3)).toMatch(words);
      expect(await says(vm, 'ctfix plan --strategy reload --max 131072', 3)).toMatch(words);
      expectAsBefore(before, await look(vm, 'ufw'), { module: 'same' });
      expect(await ruleset(vm)).toBe(rules);
      expect(await vm.sh('systemctl show -p InvocationID ufw')).toBe(called);
      await evidence(
        vm,
        `reload, ${name}`,
        'exit 3 with the holder named; files, values, rules, unit as before',
        'ufw',
      );
    }));
}

test('a holder that appears after the preflight: everything back, exit 5, the holder named', () =>
  withVm({ firewall: 'ufw' }, async (vm) => {
    await setOthers(vm);
    await vm.sh('ip netns add late');
    const rule = "nft 'table inet t { chain c { type filter hook input priority 0; ct state new accept; }; }'";
    await vm.put('/root/late', `#!/bin/sh\nexec ip netns exec late ${rule}\n`, 0o755);
    await vm.sh('mkdir -p /etc/systemd/system/ufw.service.d');
    await vm.put('/etc/systemd/system/ufw.service.d/late.conf', '[Service]\nExecStopPost=/root/late\n');
    await vm.sh('systemctl daemon-reload');
    const [before, rules] = [await look(vm, 'ufw'), await ruleset(vm)];
    expect(await says(vm, APPLY, 5)).toMatch(/network namespace late.* nft_ct/);
    await expectRuleset(vm, rules);
    expectAsBefore(before, await look(vm, 'ufw'), { module: 'same' });
    expect([await active(vm, 'ufw'), await canLogIn(vm)]).toEqual([true, true]);
    const seen = 'exit 5; sha256 of every file, values, ruleset as before, ufw active, new ssh login works';
    await evidence(vm, 'reload, a holder appears after the preflight', seen, 'ufw');
  }));

test('conntrack -E listens: named in the plan, and hears events after the reload', () =>
  withVm({ firewall: 'ufw' }, async (vm) => {
    await setOthers(vm);
    const listener = await listen(vm);
    const [before, rules] = [await look(vm, 'ufw'), await ruleset(vm)];
    await tryConnections(vm, 5);
    await expect.poll(() => listener.events(), { timeout: 30_000 }).toBeGreaterThan(5);
    const plan = `ctfix plan -o json --strategy reload --max ${WANTED.max} --hashsize ${WANTED.buckets}`;
    expect(await says(vm, plan, 0)).toMatch(/conntrack \(\d+\) listens to conntrack events and hears on afterwards/);
    await says(vm, APPLY, 0);
    const heard = await listener.events();
    await tryConnections(vm, 5);
    await expect.poll(() => listener.events(), { timeout: 30_000 }).toBeGreaterThan(heard + 5);
    expect(await listener.alive()).toBe(true);
    await expectRuleset(vm, rules);
    expectReloaded(before, await look(vm, 'ufw'));
    await evidence(
      vm,
      'reload, a listener',
      `conntrack -E: ${heard} events before, more after, the same process`,
      'ufw',
    );
  }));
