// A reload under a firewall with an IPv6 rule, a set and fail2ban beside: the option from modprobe.d is in force, the
// ruleset is the same byte for byte, nobody was cut off, and a new login works.
import { expect } from 'vitest';
import type { Kernel } from '../image.ts';
import { evidence } from '../lab/evidence.ts';
import { active, expectRuleset, type Kind, ruleset, UNITS } from '../lab/firewalls.ts';
import { canLogIn, HOST6, openSession } from '../lab/peer.ts';
import { type Vm, withVm } from '../machine.ts';
import { APPLY, expectReloaded, look, says, setOthers, WANTED } from './reload-hands.ts';

/** One firewall on one kernel, reloaded and looked at with other eyes. */
export function reloaded(kind: Kind, kernel: Kernel): Promise<void> {
  return withVm({ kernel, firewall: kind }, async (vm) => {
    await setOthers(vm);
    const [before, rules, called] = [await look(vm, kind), await ruleset(vm), await invocations(vm, kind)];
    const session = await openSession(vm);
    const mark = await session.mark();
    const window = await timed(() => says(vm, APPLY, 0));
    const gap = await session.longestGap(mark);
    expect(gap).toBeLessThan(window + 5000);
    expect(await session.alive()).toBe(true);
    await expectRuleset(vm, rules);
    expectReloaded(before, await look(vm, kind));
    expect(await vm.sh('cat /sys/module/nf_conntrack/parameters/hashsize')).toBe(String(WANTED.buckets));
    expect(await vm.sh('modprobe --show-depends nf_conntrack | tail -1')).toContain(`hashsize=${WANTED.buckets}`);
    expect(await active(vm, kind)).toBe(true);
    expect([await canLogIn(vm), await canLogIn(vm, HOST6)]).toEqual([true, true]);
    if (kind === 'nftables') expect(await invocations(vm, kind)).toBe(called);
    await says(vm, 'ctfix verify', 0);
    await evidence(
      vm,
      'reload',
      [
        `stat: inode of /sys/module/nf_conntrack changed; sysctl: max ${WANTED.max}, buckets ${WANTED.buckets}`,
        `nft, iptables-save, ipset: byte for byte as before; ssh: longest gap ${gap} ms in ${window} ms, new login works`,
      ],
      kind,
    );
  });
}

/** Which starts of the units these are: nftables.service must not have been called at all. */
function invocations(vm: Vm, kind: Kind): Promise<string> {
  return vm.sh(`systemctl show -p InvocationID ${UNITS[kind].join(' ')}`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = Date.now();
  await work();
  return Date.now() - begin;
}
