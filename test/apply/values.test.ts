/** A write that a reader of the same key made the kernel forget. */
import { expect, test } from 'vitest';
import { setValue } from '../../src/apply/values.ts';
import { memoryHost } from '../support/memory-host.ts';

const BUCKETS = '/proc/sys/net/netfilter/nf_conntrack_buckets';

/** A kernel that loses the first `lost` writes. */
function losing(lost: number) {
  const { host } = memoryHost();
  let writes = 0;
  const writeValue = async (path: string, value: string) => {
    writes += 1;
    if (writes > lost) await host.writeValue(path, value);
  };
  return { host: { ...host, writeValue }, writes: () => writes };
}

test('buckets are written again when the write was lost', async () => {
  const { host, writes } = losing(2);
  expect(await setValue(host, BUCKETS, '131072')).toBe('131072');
  expect(writes()).toBe(3);
});

test('a kernel that never takes them is believed', async () => {
  await expect(setValue(losing(99).host, BUCKETS, '131072')).rejects.toThrow(/but the kernel says 65536/);
});
