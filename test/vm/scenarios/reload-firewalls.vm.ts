// The reload under each of the five firewalls; what is looked at is in reloaded.ts.
import { test } from 'vitest';
import { KINDS } from '../lab/firewalls.ts';
import { reloaded } from './reloaded.ts';

for (const kind of KINDS) {
  test(`${kind}, kernel 6.1: reloaded, with the same ruleset and nobody cut off`, () => reloaded(kind, '6.1'));
}
