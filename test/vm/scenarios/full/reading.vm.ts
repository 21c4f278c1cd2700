// The same with a firewall in force, whose rules the reading commands list.
import { expect, test } from 'vitest';
import { evidence } from '../../lab/evidence.ts';
import { ruleset } from '../../lab/firewalls.ts';
import { withVm } from '../../machine.ts';
import { expectReadingOnly } from '../hands.ts';

for (const firewall of ['nftables', 'ufw'] as const) {
  test(`${firewall}: plan, verify, history and facts change nothing`, () =>
    withVm({ firewall }, async (vm) => {
      const rules = await ruleset(vm);
      await expectReadingOnly(vm);
      expect(await ruleset(vm)).toBe(rules);
      await evidence(vm, 'reading only', 'modules, sysctl -a, sha256 of every file, the ruleset: the same', firewall);
    }));
}
