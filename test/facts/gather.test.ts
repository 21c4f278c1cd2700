import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gather } from '../../src/facts/gather.ts';
import type { ReadHost } from '../../src/host/host.ts';
import { localHost } from '../../src/host/local.ts';
import { type Recording, readRecording, recordedFrom, recordedHost } from '../../src/host/recorded.ts';
import type { Facts } from '../../src/model.ts';

const HOSTS = join(import.meta.dirname, '../hosts');
const folder = (name: string) => join(HOSTS, name);
const sleep = async () => {};
const facts = (name: string) => gather(recordedHost(folder(name)), { sleep });
/** A recorded host with other files; undefined takes one away. */
const changed = (name: string, more: Recording) => {
  const base = readRecording(folder(name));
  const merge = <T>(a: T | undefined, b: T | undefined) => ({ ...a, ...b }) as T;
  return recordedFrom({
    ...base,
    files: merge(base.files, more.files),
    links: merge(base.links, more.links),
    stats: merge(base.stats, more.stats),
    errors: merge(base.errors, more.errors),
    commands: merge(base.commands, more.commands),
  });
};
const owner = (found: Facts, name: string) => found.firewalls.find((each) => each.name === name);

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

describe('kube-proxy', () => {
  const [POD, OTHER] = ['net:[4026531840]', 'net:[4026532999]'];
  const kube = async (netns: string | undefined, more: Recording = {}) => {
    const links = { '/proc/self/ns/net': POD, ...(netns === undefined ? {} : { '/proc/77/ns/net': netns }) };
    const files = { '/proc/77/comm': 'kube-proxy\n', '/etc/kubernetes/kubelet.conf': '', ...more.files };
    return owner(await gather(changed('debian12-idle-2g', { ...more, links, files }), { sleep }), 'kube-proxy');
  };
  test('a process of this namespace is an owner, seen by root or not', async () => {
    expect(await kube(POD)).toEqual({ name: 'kube-proxy', state: 'active', takesAlong: [] });
    expect((await kube(undefined))?.state).toBe('active');
  });
  test('one of another namespace is none', async () => expect(await kube(OTHER)).toBeUndefined());
  test('processes are looked at only where there are traces of Kubernetes', async () => {
    const host = recordedHost(folder('debian12-idle-2g'));
    const read: string[] = [];
    const dir = async (path: string) => {
      read.push(path);
      return host.readDir(path);
    };
    await gather({ ...host, readDir: dir }, { sleep });
    expect(read).not.toContain('/proc');
  });
});

describe('children', () => {
  test('one systemctl where no other unit would follow, none without a firewall, none without systemd', async () => {
    const ran = async (name: string) => {
      const host = recordedHost(folder(name));
      const argvs: string[] = [];
      await gather(
        {
          ...host,
          run: async (argv) => {
            argvs.push(argv.join(' '));
            return host.run(argv);
          },
        },
        { sleep },
      );
      return argvs.map((words) => words.split(' ').slice(0, 2).join(' '));
    };
    expect(await ran('debian12-idle-2g')).toEqual(['systemctl show']);
    expect(await ran('builtin-6.18')).toEqual([]);
    expect(await ran('el7-ish')).toEqual(['uname -m', 'systemctl show']);
  });
});

describe('two looks at the counters', () => {
  const waits = async (host: ReadHost) => {
    const waited: number[] = [];
    const found = await gather(host, { sleep: async (ms) => void waited.push(ms) });
    return { waited, same: found.table.counters === found.table.countersLater };
  };
  test('no wait on a healthy host, none where the count says it', async () => {
    expect(await waits(recordedHost(folder('debian12-idle-2g')))).toEqual({ waited: [], same: true });
    expect(await waits(recordedHost(folder('debian12-full-4g')))).toEqual({ waited: [], same: true });
  });
  test('half a second where there are traces and the count is low; the second look is fresh', async () => {
    const count = '/proc/sys/net/netfilter/nf_conntrack_count';
    expect(await waits(changed('debian12-full-4g', { files: { [count]: '100\n' } }))).toEqual({
      waited: [500],
      same: false,
    });
  });
});

describe('the log', () => {
  const JOURNAL =
    'journalctl -k -b -q --no-pager -o json --output-fields=MESSAGE,_SOURCE_MONOTONIC_TIMESTAMP,_TRANSPORT';
  const GREP = `${JOURNAL} --grep=_conntrack: table full`;
  const record =
    '{"MESSAGE":"nf_conntrack: nf_conntrack: table full, dropping packet","_SOURCE_MONOTONIC_TIMESTAMP":"5000000","__MONOTONIC_TIMESTAMP":"5100000"}\n';
  const answer = (stdout: string, code = 0, stderr = '') => ({ code, stdout, stderr });
  const rotated = { '/dev/kmsg': '6,900,1000,-;later\n' };
  const log = async (more: Recording) => (await gather(changed('debian12-idle-2g', more), { sleep })).log;

  test('a ring that has lost its beginning: the journal has it', async () => {
    const found = await log({ files: rotated, commands: { [GREP]: answer(record) } });
    expect(found).toMatchObject({ source: 'journal', total: 1, full: [{ at: 5 }] });
  });
  test('a journalctl without --grep is asked without', async () => {
    const commands = {
      [GREP]: answer('', 1, 'Compiled without pattern matching support\n'),
      [JOURNAL]: answer(record),
    };
    expect(await log({ files: rotated, commands })).toMatchObject({ source: 'journal', total: 1 });
  });
  test('nothing found is none, not unknown', async () => {
    expect(await log({ files: rotated, commands: { [GREP]: answer('', 1) } })).toEqual({
      source: 'journal',
      full: [],
      total: 0,
    });
  });
  test.each<[string, string, object]>([
    ['shows none of them', '', { unknown: expect.stringContaining('only to root and the groups adm') }],
    ['shows others', '{"MESSAGE":"Linux version"}\n', { source: 'journal', full: [], total: 0 }],
  ])('an ordinary user whose journal %s', async (_, any, expected) => {
    const commands = { [GREP]: answer('', 1), [`${JOURNAL} --lines=1`]: answer(any) };
    const found = await gather(changed('debian12-idle-user', { commands }), { sleep });
    expect(found.log).toMatchObject(expected);
  });
  test('a rotated ring without a journal is unknown, but lines that are there count', async () => {
    expect(await log({ files: rotated })).toEqual({ unknown: expect.stringContaining('has lost its beginning') });
    const lines = { '/dev/kmsg': '4,900,2000000,-;nf_conntrack: table full, dropping packet\n' };
    expect(await log({ files: lines })).toMatchObject({ source: 'kmsg', total: 1 });
  });
});

describe('bad input', () => {
  const broken: Recording['errors'] = Object.fromEntries(
    ['/etc/sysctl.d/10-fifo.conf', '/etc/modprobe.d/binary.conf', '/etc/sysctl.conf', '/var/lib/ctfix/state.json'].map(
      (path) => [path, { code: 'NOT_A_FILE', message: `${path} cannot be read: it is not a regular file` }],
    ),
  );

  test('what cannot be read is a problem with its path, and the rest is there', async () => {
    const found = await gather(changed('debian12-idle-2g', { errors: broken }), { sleep });
    expect(found.problems.map(({ file }) => file)).toEqual(Object.keys(broken).sort());
    expect(found.table.max).toBe(65536);
  });

  test('a dangling link is a problem, a link to /dev/null is none', async () => {
    const links = { '/etc/sysctl.d/a.conf': '/nowhere', '/etc/sysctl.d/b.conf': '/dev/null' };
    const found = await gather(changed('debian12-idle-2g', { links }), { sleep });
    expect(found.problems).toEqual([
      { file: '/etc/sysctl.d/a.conf', what: 'a link to /nowhere, which does not exist' },
    ]);
  });

  test('problems carry file and line', async () => {
    const files = {
      '/etc/modprobe.d/x.conf': '# x\noptions nf_conntrack hashsize = 5\n',
      '/etc/sysctl.d/x.conf': '\n\nnet.netfilter.nf_conntrack_max = lots\n',
      '/var/lib/ctfix/state.json': '{',
      '/proc/cmdline': 'nf_conntrack.hashsize=lots\n',
    };
    const found = await gather(changed('debian12-idle-2g', { files }), { sleep });
    expect(found.problems.map(({ file, line }) => [file, line])).toEqual([
      ['/etc/modprobe.d/x.conf', 2],
      ['/etc/sysctl.d/x.conf', 3],
      ['/proc/cmdline', undefined],
      ['/var/lib/ctfix/state.json', undefined],
    ]);
  });

  test('whatever stands in the files and whatever programs say, facts come out', async () => {
    const base = readRecording(folder('el7-ish'));
    const paths = [
      ...Object.keys(base.files ?? {}),
      '/var/lib/ctfix/state.json',
      '/etc/default/ufw',
      '/etc/ufw/ufw.conf',
      '/etc/udev/rules.d/1.rules',
    ];
    const junk = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string(),
      fc.constantFrom('', '\n', '{}', '[]', 'null', '-1', 'a=b', '\r\n', 'x,y,z;', 'options nf_conntrack hashsize'),
    );
    const change = fc.dictionary(fc.constantFrom(...paths), junk, { maxKeys: 12 });
    const result = fc.record({ code: fc.nat(255), stdout: junk, stderr: junk });
    await fc.assert(
      fc.asyncProperty(change, result, async (files, answer) => {
        const host = recordedFrom({ ...base, files: { ...base.files, ...files } });
        const found = await gather({ ...host, run: async () => answer }, { sleep });
        expect(found.schema).toBe('ctfix.facts/v1');
        expect(JSON.parse(JSON.stringify(found))).toEqual(found);
      }),
      { numRuns: 150 },
    );
  });
});
