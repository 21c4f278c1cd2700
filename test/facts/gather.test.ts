import { describe, expect, test } from 'vitest';
import { gather } from '../../src/facts/gather.ts';
import type { ReadHost } from '../../src/host/host.ts';
import { localHost } from '../../src/host/local.ts';
import { recordedFrom, recordedHost } from '../../src/host/recorded.ts';
import { facts, folder, owner, sleep } from '../support/recorded.ts';

describe('recorded hosts', () => {
  test('debian12-idle-2g: loaded, idle, behind ufw, as root', async () => {
    const found = await facts('debian12-idle-2g');
    expect(found).toMatchObject({ schema: 'ctfix.facts/v1', kind: 'recorded', root: true, problems: [] });
    expect(found.machine).toMatchObject({
      kernel: '6.1.0-56-cloud-amd64',
      arch: 'x86_64',
      bits: 64,
      pageSize: 4096,
      memTotalKiB: 2027012,
      os: { id: 'debian', version: '12' },
      systemd: true,
      udev: true,
      systemdSysctl: '/usr/lib/systemd/systemd-sysctl',
    });
    expect(found.machine.container).toBeUndefined();
    expect(found.machine.version).toContain('Debian 6.1.192-2');
    expect(found.module).toMatchObject({ state: 'loaded', loadable: true, inode: 14344 });
    expect(found.module.tree).toEqual({
      nf_conntrack: { refcnt: 1, holders: ['xt_conntrack'], driver: false },
      xt_conntrack: { refcnt: 14, holders: [], driver: false },
    });
    expect(found.table).toMatchObject({
      max: 65536,
      buckets: 65536,
      count: 0,
      namespace: 'initial',
      writable: true,
      slabObject: 256,
      counters: { drop: 0, chainlength: 0 },
    });
    expect(found.table.values.tcp_timeout_established).toBe('432000');
    expect(found.log).toEqual({ source: 'kmsg', full: [], total: 0 });
    expect(owner(found, 'ufw')).toEqual({ name: 'ufw', unit: 'ufw.service', state: 'active', takesAlong: [] });
    expect(owner(found, 'firewalld')?.state).toBe('inactive');
    expect(found.config.hooks).toEqual([]);
  });

  test('debian12-idle-user: what root alone can read is unknown, and only that', async () => {
    const [root, user] = [await facts('debian12-idle-2g'), await facts('debian12-idle-user')];
    expect(user.root).toBe(false);
    expect(user.log).toEqual({ unknown: expect.stringMatching(/^\/dev\/kmsg .*the groups adm and systemd-journal$/) });
    expect(user.table.slabObject).toEqual({ unknown: expect.stringContaining('/proc/slabinfo') });
    expect({ ...user.table, slabObject: 256 }).toEqual(root.table);
    expect({ module: user.module, config: user.config, firewalls: user.firewalls }).toEqual({
      module: root.module,
      config: root.config,
      firewalls: root.firewalls,
    });
  });

  test('debian12-full-4g: count at max, drops, log lines', async () => {
    const found = await facts('debian12-full-4g');
    expect(found.table).toMatchObject({ max: 65536, count: 65536, counters: { drop: 600, entries: 65536 } });
    expect(found.log).toMatchObject({ source: 'kmsg', total: 20 });
    expect('full' in found.log && found.log.full[0]).toEqual({
      at: 52.072804,
      text: 'nf_conntrack: nf_conntrack: table full, dropping packet',
    });
    expect(Object.keys(found.module.tree).sort()).toContain('nf_conntrack_netlink');
  });

  test('builtin-6.18: no modules at all, no systemd, not a container', async () => {
    const found = await facts('builtin-6.18');
    expect(found.module).toMatchObject({ state: 'builtin', loadable: false, tree: {} });
    expect(found.machine).toMatchObject({ systemd: false, udev: false });
    expect(found.machine.container).toBeUndefined();
    expect(found.table).toMatchObject({ max: 262144, buckets: 262144, namespace: 'initial', writable: true });
    expect(found.firewalls).toEqual([]);
  });

  test('no-module: everything live is unknown with the reason, never 0', async () => {
    const found = await facts('no-module');
    const unknown = { unknown: 'nf_conntrack is not loaded' };
    expect(found.module).toMatchObject({ state: 'absent', loadable: true, tree: {} });
    expect(found.table).toMatchObject({
      max: unknown,
      buckets: unknown,
      count: unknown,
      counters: unknown,
      values: {},
    });
    expect(owner(found, 'ufw')?.state).toEqual({ unknown: expect.stringContaining('its unit is inactive') });
  });

  test('child-netns: seen as a child', async () => {
    expect((await facts('child-netns')).table).toMatchObject({ namespace: 'child', max: 65536 });
  });

  test('ubuntu-no-procfs: counters are unknown, and why', async () => {
    const found = await facts('ubuntu-no-procfs');
    expect(found.table.counters).toEqual({ unknown: expect.stringContaining('CONFIG_NF_CONNTRACK_PROCFS') });
    expect(found.table).toMatchObject({ max: 262144, buckets: 262144, count: 0 });
    expect(found.machine.os).toEqual({ id: 'ubuntu', version: '24.04', name: 'Ubuntu 24.04.3 LTS' });
  });

  test('container: docker, read-only, a child namespace', async () => {
    const found = await facts('container');
    expect(found.machine).toMatchObject({ container: 'docker', systemd: false, udev: false });
    expect(found.table).toMatchObject({ namespace: 'child', writable: false });
    expect(found.module.loadable).toBe(false);
    expect(found.log).toEqual({ unknown: expect.stringContaining('there is no journal') });
  });

  test('el7-ish: old formats, the legacy name, tuned beneath the sysctl files', async () => {
    const found = await facts('el7-ish');
    expect(found.machine).toMatchObject({ arch: 'x86_64', kernel: '3.10.0-1160.el7.x86_64', os: { id: 'centos' } });
    expect(found.table).toMatchObject({ slabObject: 320, max: 262144, buckets: 32768, namespace: 'initial' });
    expect(found.table.counters).toMatchObject({ entries: 812, searched: 0x100000010, delete_list: 2 * 0xf00c });
    expect(found.log).toMatchObject({ total: 2 });
    expect(Object.keys(found.module.tree).sort()).toEqual(['nf_conntrack', 'nf_conntrack_ipv4', 'xt_state']);
    const line = {
      line: 3,
      key: 'net.netfilter.nf_conntrack_max',
      value: '262144',
      raw: 'net.nf_conntrack_max = 262144',
      optional: false,
    };
    expect(found.config.systemdSysctl).toEqual([{ file: '/etc/sysctl.d/99-sysctl.conf', ...line }]);
    expect(found.config.procpsSysctl).toEqual([
      { file: '/etc/sysctl.d/99-sysctl.conf', ...line },
      { file: '/etc/sysctl.conf', ...line },
    ]);
    expect(found.config.links).toEqual({ '/etc/sysctl.d/99-sysctl.conf': '/etc/sysctl.conf' });
    expect(found.config.texts?.['/etc/sysctl.conf']).toContain('net.nf_conntrack_max = 262144\n');
    expect(found.config.modprobe).toEqual([
      expect.objectContaining({ directive: 'options', line: 2, hashsize: 32768, rest: 'hashsize=32768   acct=0' }),
    ]);
    expect(Object.keys(found.config.own)).toEqual(['/etc/modprobe.d/nf_conntrack.conf']);
    expect(found.config.tuned).toEqual([]);
    expect(found.config.tunedBeneath).toMatchObject([
      { key: 'net.netfilter.nf_conntrack_max', value: '131072', line: 5 },
    ]);
    expect(found.firewalls.map(({ name, state }) => [name, state])).toEqual([
      ['iptables', 'active'],
      ['ip6tables', 'active'],
      ['firewalld', 'inactive'],
    ]);
  });
});

describe('this machine', () => {
  test.runIf(process.platform === 'linux')(
    'gives facts, whatever it is, and changes nothing that is loaded',
    async () => {
      const before = await localHost().readFile('/proc/modules');
      const found = await gather(localHost(), { sleep });
      expect(found.machine.memTotalKiB).toBeGreaterThan(0);
      expect(found.machine.kernel).toMatch(/^\d+\.\d+/);
      expect(Object.keys(found.table.values).length > 0).toBe(found.module.state !== 'absent');
      expect((await localHost().readFile('/proc/modules'))?.match(/^nf_conntrack\w* /gm)).toEqual(
        before?.match(/^nf_conntrack\w* /gm),
      );
    },
  );
});

describe('below another root', () => {
  test('files are read, nothing live is, and nothing is run', async () => {
    const inner = recordedHost(folder('el7-ish'));
    const ran: string[] = [];
    const host: ReadHost = {
      ...inner,
      kind: 'sysroot',
      run: async (argv) => {
        ran.push(argv[0]);
        return { code: 127, stdout: '', stderr: '' };
      },
    };
    const found = await gather(host, { sleep });
    const unknown = { unknown: 'live kernel values not inspected (--root)' };
    expect(ran).toEqual([]);
    expect(found.table).toMatchObject({ max: unknown, count: unknown, writable: unknown, values: {} });
    expect(found.log).toEqual(unknown);
    expect(found.machine).toMatchObject({ bootId: unknown, uptime: unknown, kernel: '3.10.0-1160.el7.x86_64' });
    expect(found.module).toMatchObject({ state: 'absent', loadable: true });
    expect(found.config.systemdSysctl).toHaveLength(1);
    expect(found.firewalls[0]).toMatchObject({ name: 'iptables', state: unknown });
  });

  test('an empty tree is a host about which little is known', async () => {
    const host: ReadHost = { ...recordedFrom({}), kind: 'sysroot' };
    const found = await gather(host, { sleep });
    expect(found.machine).toMatchObject({ kernel: '', memTotalKiB: 0, os: { id: 'linux' } });
    expect(found.problems).toEqual([{ file: '/proc/meminfo', what: 'the size of memory is not known' }]);
  });
});
