// The reload on a newer kernel, under the two firewalls that are gone about differently.
import { test } from 'vitest';
import { reloaded } from './reloaded.ts';

for (const kind of ['ufw', 'nftables'] as const) {
  test(`${kind}, kernel 6.12: reloaded, with the same ruleset and nobody cut off`, () => reloaded(kind, '6.12'));
}
