import { expect, test } from 'vitest';
import { TIMEOUT_KEYS } from '../src/options.ts';
import { knownNames, ownValues } from '../src/origin-defaults.ts';

// nf_conntrack_proto_sctp.c and nf_conntrack_proto_udplite.c
test.each([
  ['sctp_timeout_heartbeat_acked', '210'],
  ['udplite_timeout', '30'],
  ['udplite_timeout_stream', '180'],
])('%s, which older kernels have, is known', (name, value) => {
  expect(knownNames()).toContain(name);
  expect(ownValues(name)).toContain(value);
});

test('every timeout that can be set is a key that some kernel has', () => {
  expect(TIMEOUT_KEYS.length).toBeGreaterThan(30);
  expect(TIMEOUT_KEYS.filter((name) => !knownNames().includes(name))).toEqual([]);
});
