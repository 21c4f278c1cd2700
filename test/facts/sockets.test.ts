import { describe, expect, test } from 'vitest';
import { establishedIn, isWithin } from '../../src/facts/sockets.ts';

describe('isWithin', () => {
  test.each([
    ['10.1.2.3', '10.0.0.0/8', true],
    ['11.1.2.3', '10.0.0.0/8', false],
    ['10.1.2.3', '0.0.0.0/0', true],
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.4', '10.1.2.3', false],
    ['10.1.2.3', '10.1.2.2/31', true],
    ['fd77:0:0:0:0:0:0:2', 'fd77::/64', true],
    ['fd78:0:0:0:0:0:0:2', 'fd77::/64', false],
    ['fd77:0:0:0:0:0:0:2', '::/0', true],
    ['fd77::2', 'fd77:0:0:0:0:0:0:2', true],
    ['10.1.2.3', '::/0', false],
    ['fd77::2', '0.0.0.0/0', false],
    ['10.1.2.3', 'nonsense', false],
    ['1:2:3', '::/0', false],
  ])('%s in %s: %s', (address, network, within) => expect(isWithin(address, network)).toBe(within));
});

test.each(['', 'sl\n', 'sl\n  0: nonsense 01 01\n', 'sl\n 0: 0100007F:0016 xyz 01 0 0 0 0 0 5\n'])(
  'nothing is made of %j',
  (text) => expect(establishedIn(text).size).toBe(0),
);
