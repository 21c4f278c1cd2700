// The laboratory's troubles are real: a table that is full, and what holds the module.
import { expect, test } from 'vitest';
import { KERNELS } from '../../image.ts';
import { holdInQdisc, holdInQueue, listen, otherNamespace } from '../../lab/listener.ts';
import { canLogIn, fillTable, openSession, tryConnections } from '../../lab/peer.ts';
import { withVm } from '../../machine.ts';

for (const kernel of KERNELS) {
  test(`kernel ${kernel}: a full table drops new connections, raised by hand it takes them`, () =>
    withVm({ kernel, firewall: 'nftables' }, async (vm) => {
      const session = await openSession(vm);
      expect(await vm.sh('dmesg')).not.toContain('table full');
      const held = await fillTable(vm, 150);
      expect(held.opened).toBeGreaterThan(100);
      expect(await tryConnections(vm, 10)).toEqual({ worked: 0, failed: 10 });
      expect(await canLogIn(vm, undefined, 3000)).toBe(false);
      await vm.sh('sysctl -qw net.netfilter.nf_conntrack_max=65536');
      expect(await tryConnections(vm, 10, { limitMs: 20_000 })).toEqual({ worked: 10, failed: 0 });
      expect(await held.check()).toEqual({ alive: held.opened, dead: 0 });
      expect(await session.alive()).toBe(true);
      expect(await canLogIn(vm)).toBe(true);
    }));
}

test('listeners, queues, qdiscs and other namespaces hold nf_conntrack', () =>
  withVm({ firewall: 'nftables' }, async (vm) => {
    const listener = await listen(vm);
    await tryConnections(vm, 3);
    await expect.poll(() => listener.events(), { timeout: 30_000 }).toBeGreaterThan(3);
    await listener.stop();

    const count = 'conntrack -F 2>/dev/null; sysctl -n net.netfilter.nf_conntrack_count';
    const queue = await holdInQueue(vm, 5);
    expect(Number(await vm.sh(count))).toBeGreaterThanOrEqual(5);
    await queue.release();
    await vm.waitFor(`test "$(${count})" -lt 3`, 'the queue has let go');
    const qdisc = await holdInQdisc(vm, 5);
    expect(Number(await vm.sh(count))).toBeGreaterThanOrEqual(1);
    await qdisc.release();
    await vm.waitFor(`test "$(${count})" -lt 3`, 'the qdisc has let go');

    await otherNamespace(vm, 'iptables');
    expect(await vm.sh('cat /sys/module/xt_conntrack/refcnt')).toBe('1');
  }));
