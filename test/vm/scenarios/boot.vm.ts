// Values that are right now are worth nothing if the next boot or the next load of the module loses them.
import { test } from 'vitest';
import { survivesBoot, survivesLoad } from './boots.ts';

for (const firewall of ['ufw', 'nftables'] as const) {
  test(`${firewall}: the values are right after a reboot`, () => survivesBoot('6.1', firewall));
}

test('no firewall: the values come with every load of the module', () => survivesLoad('6.1'));
