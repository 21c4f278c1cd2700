/** Facts where a host is unlike others: kube-proxy, children that are run, counters, the log, bad input. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gather } from '../../src/facts/gather.ts';
import type { ReadHost } from '../../src/host/host.ts';
import { type Recording, readRecording, recordedFrom, recordedHost } from '../../src/host/recorded.ts';
import { origins } from '../../src/origin.ts';
import { changed, folder, owner, sleep } from '../support/recorded.ts';

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

describe('the file that ufw applies', () => {
  const PROGRAM = { '/usr/sbin/ufw': '' };
  const max = async (files: Record<string, string>) => {
    const file = { '/etc/ufw/sysctl.conf': 'net/netfilter/nf_conntrack_max=500000\n' };
    const facts = await gather(changed('debian12-idle-2g', { files: { ...file, ...files } }), { sleep });
    return origins(facts).find(({ name }) => name === 'max');
  };
  test('is why the value is lost while ufw is off', async () => {
    const found = await max({ ...PROGRAM, '/etc/ufw/ufw.conf': 'ENABLED=no\n' });
    expect(found?.lost).toMatchObject([{ file: '/etc/ufw/sysctl.conf', line: 1, code: 'ufw-off' }]);
  });
  test('counts while it is on', async () => {
    const found = await max({ ...PROGRAM, '/etc/ufw/ufw.conf': 'ENABLED=yes\n' });
    expect(found?.asked).toMatchObject({ file: '/etc/ufw/sysctl.conf' });
    expect(found?.lost).toEqual([]);
  });
  test('is nothing when the package is gone and the files are not', async () => {
    const found = await max({ '/etc/ufw/ufw.conf': 'ENABLED=yes\n' });
    expect([found?.asked, found?.lost]).toEqual([undefined, []]);
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

  test('a directory hides a file from sysctl and not from modprobe, and a hidden file counts for procps alone', async () => {
    const options = (size: number) => `options nf_conntrack hashsize=${size}\n`;
    const key = 'net.netfilter.nf_conntrack_max';
    const files = {
      '/etc/modprobe.d/a.conf/x': '',
      '/usr/lib/modprobe.d/a.conf': options(1024),
      '/etc/modprobe.d/b.alias': options(2048),
      '/etc/sysctl.d/a.conf/x': '',
      '/usr/lib/sysctl.d/a.conf': `${key} = 7\n`,
      '/etc/sysctl.d/.b.conf': `${key} = 8\n`,
    };
    const { config, problems } = await gather(changed('debian12-idle-2g', { files }), { sleep });
    expect(config.modprobe.map(({ file, hashsize }) => [file, hashsize])).toEqual([
      ['/usr/lib/modprobe.d/a.conf', 1024],
    ]);
    expect(config.systemdSysctl).toEqual([]);
    expect(config.procpsSysctl.map(({ file }) => file)).toEqual(['/etc/sysctl.d/.b.conf']);
    for (const odd of ['modprobe.d/b.alias', 'modprobe.d/a.conf'])
      expect(problems.map(({ file }) => file)).toContain(`/etc/${odd}`);
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
