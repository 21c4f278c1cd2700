import { describe, expect, test } from 'vitest';
import { containerKind } from '../../src/facts/container.ts';
import {
  bitsOf,
  fixedPageSize,
  parseCpuList,
  parseMemTotal,
  parseOsRelease,
  parseUptime,
} from '../../src/facts/machine.ts';

test.each([
  ['MemTotal:        2027012 kB\nMemFree: 1 kB\n', 2027012],
  ['MemFree: 1 kB\nMemTotal: 5 kB', 5],
  ['MemTotal: x kB', undefined],
  ['', undefined],
])('memory %j', (text, kib) => expect(parseMemTotal(text)).toBe(kib));

test.each([
  ['x86_64', 64, 4096],
  ['i686', 32, 4096],
  ['aarch64', 64, undefined],
  ['armv7l', 32, 4096],
  ['ppc64le', 64, undefined],
  ['s390x', 64, 4096],
  ['riscv64', 64, 4096],
  ['loongarch64', 64, undefined],
  ['mips', 32, undefined],
])('%s has %i bits, pages of %s', (arch, bits, page) => {
  expect(bitsOf(arch)).toBe(bits);
  expect(fixedPageSize(arch)).toBe(page);
});

test.each([
  ['ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n', { id: 'debian', version: '12', name: 'Debian 12' }],
  ["NAME='Arch Linux'\nID=arch\r\n", { id: 'arch', version: '', name: 'Arch Linux' }],
  ['PRETTY_NAME="a \\"b\\" \\$c"\n', { id: 'linux', version: '', name: 'a "b" $c' }],
  ['', { id: 'linux', version: '', name: 'linux' }],
])('os-release %j', (text, os) => expect(parseOsRelease(text)).toEqual(os));

test.each([
  ['0-3\n', 4],
  ['0\n', 1],
  ['0-1,8,10-11\n', 5],
  ['', undefined],
  ['3-1', undefined],
  ['0-3,x', undefined],
])('processors %j', (text, cpus) => expect(parseCpuList(text)).toBe(cpus));

test('uptime', () => {
  expect(parseUptime('1359.06 2000.00\n')).toBe(1359.06);
  expect(parseUptime('x y')).toBeUndefined();
});

describe('container', () => {
  const bare = { dockerenv: false, containerenv: false };
  const HOST = 'pid:[4026531836]';
  test.each([
    ['a host', { ...bare, pidNamespace: HOST, rootType: 'ext4', cgroup: '0::/init.scope\n' }, undefined],
    ['systemd says so', { ...bare, systemd: 'lxc\n', pidNamespace: HOST, rootType: 'ext4' }, 'lxc'],
    ['docker', { ...bare, dockerenv: true, pidNamespace: 'pid:[4026532456]', rootType: 'overlay' }, 'docker'],
    [
      'docker with the PID namespace of the host',
      { ...bare, dockerenv: true, pidNamespace: HOST, rootType: 'overlay' },
      'docker',
    ],
    ['podman', { ...bare, containerenv: true, rootType: 'overlay' }, 'podman'],
    [
      'a VM that was started from an image',
      { ...bare, dockerenv: true, pidNamespace: HOST, rootType: 'ext4' },
      undefined,
    ],
    ['a pod, by its cgroup', { ...bare, cgroup: '0::/kubepods.slice/x\n', pidNamespace: 'pid:[1]' }, 'kubernetes'],
    ['docker, by its cgroup', { ...bare, cgroup: '4:memory:/docker/0123\n' }, 'docker'],
    ['podman, by its cgroup', { ...bare, cgroup: '0::/machine.slice/libpod-1.scope\n' }, 'podman'],
    [
      'a host with docker on it',
      { ...bare, cgroup: '0::/system.slice/docker.service\n', pidNamespace: HOST, rootType: 'xfs' },
      undefined,
    ],
    ['nothing to be seen', { ...bare, dockerenv: true }, 'docker'],
  ])('%s', (_, traces, kind) => expect(containerKind(traces)).toBe(kind));
});
