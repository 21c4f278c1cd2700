// The laboratory's firewalls: each filters, and its own restart gives the same ruleset, byte for byte.
import { expect, test } from 'vitest';
import { active, BANNED, expectRuleset, KINDS, ruleset, settled, UNITS } from '../../lab/firewalls.ts';
import { canLogIn, HOST4, HOST6, openSession, tryConnections } from '../../lab/peer.ts';
import { withVm } from '../../machine.ts';

for (const kind of KINDS) {
  test(`${kind}: the restart of its unit gives the same ruleset`, () =>
    withVm({ firewall: kind }, async (vm) => {
      const before = await ruleset(vm);
      expect(await active(vm, kind)).toBe(true);
      for (const part of [BANNED, '192.0.2.77', '7000', 'fd77::/64']) expect(before).toContain(part);
      const session = await openSession(vm);
      for (const address of [HOST4, HOST6]) {
        expect(await tryConnections(vm, 10, { address, limitMs: 20_000 })).toEqual({ worked: 10, failed: 0 });
      }
      await vm.sh(`systemctl restart ${UNITS[kind].join(' ')}`, { timeout: 300_000 });
      await settled(vm, kind);
      await expectRuleset(vm, before);
      expect(await active(vm, kind)).toBe(true);
      expect(await session.alive()).toBe(true);
      expect(await canLogIn(vm, HOST6)).toBe(true);
    }));
}
