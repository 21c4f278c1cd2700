import { expect, test } from 'vitest';
import { traced, tracedChanges } from '../../src/commands/trace.ts';
import { readOnly } from '../../src/host/read-only.ts';
import { recordedFrom } from '../../src/host/recorded.ts';

const recorded = recordedFrom({ files: { '/proc/meminfo': 'MemTotal: 1 kB\n' } });

test('every look is told, and answered as before', async () => {
  let told = '';
  const host = traced(recorded, (text) => {
    told += text;
  });
  expect(await host.readFile('/proc/meminfo')).toBe('MemTotal: 1 kB\n');
  await host.readDir('/etc\x1b[2J');
  await host.readLink('/lib');
  await host.stat('/sbin');
  expect((await host.run(['uname', '-m'])).code).toBe(127);
  expect(told).toBe('read /proc/meminfo\nlist /etc\\e[2J\nlink /lib\nstat /sbin\nrun  uname -m\n');
  expect(host.kind).toBe('recorded');
});

test('every change is told before it is made', async () => {
  let told = '';
  const host = tracedChanges(readOnly(recorded), (text) => {
    told += text;
  });
  await expect(host.replaceFile('/etc/x', { text: 'x', mode: 0o644 })).rejects.toThrow();
  await expect(host.replaceFile('/etc/y', undefined)).rejects.toThrow();
  await expect(host.writeValue('/proc/sys/x', '5')).rejects.toThrow();
  await expect(host.perform({ udev: 'reload' })).rejects.toThrow();
  await host.stat('/etc/x');
  expect(told).toBe(
    'write /etc/x\nremove /etc/y\nwrite 5 to /proc/sys/x\ndo   udevadm control --reload\nstat /etc/x\n',
  );
});
