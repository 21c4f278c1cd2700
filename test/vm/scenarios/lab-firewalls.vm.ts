// The laboratory's firewalls: each filters, and its own restart gives the same ruleset, byte for byte.
import { expect, test } from 'vitest';
import { active, BANNED, expectRuleset, KINDS, ruleset, settled, UNITS } from '../lab/firewalls.ts';
import { canLogIn, HOST6, openSession, tryConnections } from '../lab/peer.ts';
import { withVm } from '../machine.ts';

for (const kind of KINDS) {
  test(`${kind}: the restart of its unit gives the same ruleset`, () =>
    withVm({ firewall: kind }, async (vm) => {
      const times: string[] = [];
      let at = Date.now();
      const lap = (what: string) => {
        times.push(`${what} ${Date.now() - at}`);
        at = Date.now();
      };
      const before = await ruleset(vm);
      lap('ruleset');
      expect(await active(vm, kind)).toBe(true);
      lap('active');
      expect(before).toContain(BANNED);
      expect(before).toContain('192.0.2.77');
      expect(before).toContain('7000');
      const session = await openSession(vm);
      lap('session');
      expect(await canLogIn(vm)).toBe(true);
      lap('login');
      expect(await canLogIn(vm, HOST6)).toBe(true);
      expect(await tryConnections(vm, 10)).toEqual({ worked: 10, failed: 0 });
      expect(await tryConnections(vm, 10, { address: HOST6 })).toEqual({ worked: 10, failed: 0 });
      lap('try');
      await vm.sh(`systemctl restart ${UNITS[kind].join(' ')}`);
      await settled(vm, kind);
      lap('restart');
      await expectRuleset(vm, before);
      lap('same');
      expect(await session.alive()).toBe(true);
      times.push(`gap ${await session.longestGap()}`);
      console.error(kind, times.join(', '));
    }));
}
