import { expect, test } from 'vitest';
import { readOnly } from '../../src/host/read-only.ts';
import { memoryHost } from '../support/memory-host.ts';

test('reads go through, every mutation is a bug', async () => {
  const memory = memoryHost();
  const host = readOnly(memory.host);
  const before = memory.snapshot();
  expect(await host.readFile('/etc/machine-id')).toBe(await memory.host.readFile('/etc/machine-id'));
  await expect(host.replaceFile('/etc/x', undefined)).rejects.toThrow('bug:');
  await expect(host.writeValue('/proc/sys/net/nf_conntrack_max', '1')).rejects.toThrow('bug:');
  await expect(host.perform({ flows: 'flush' })).rejects.toThrow('bug:');
  expect(memory.snapshot()).toEqual(before);
  expect(memory.performed).toEqual([]);
});
