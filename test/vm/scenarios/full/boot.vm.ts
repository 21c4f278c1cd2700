// The same after a boot of the newer kernel, and with the firewalls that the core scenarios leave out.
import { test } from 'vitest';
import { survivesBoot, survivesLoad } from '../boots.ts';

test('kernel 6.12, no firewall: the values come with every load of the module', () => survivesLoad('6.12'));

test('kernel 6.12, nftables: the values are right after a reboot', () => survivesBoot('6.12', 'nftables'));

for (const firewall of ['firewalld', 'netfilter-persistent'] as const) {
  test(`${firewall}: the values are right after a reboot`, () => survivesBoot('6.1', firewall));
}
