/** What a diagnosis looks at, over recorded hosts with something changed; and that a recording of it tells the same. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { gather } from '../../src/facts/gather.ts';
import { thin, thinLinks, thinNames } from '../../src/facts/thin.ts';
import type { ReadHost, RunResult } from '../../src/host/host.ts';
import { type Recording, recordedHost } from '../../src/host/recorded.ts';
import { recorder } from '../../src/host/recorder.ts';
import type { DiagnosisFacts } from '../../src/model.ts';
import { changed, sleep } from '../support/recorded.ts';

const ok = (stdout: string): RunResult => ({ code: 0, stdout, stderr: '' });
type Sleep = (ms: number) => Promise<void>;
const look = async (host: ReadHost, wait: Sleep = sleep): Promise<DiagnosisFacts> => {
  const { diagnosis } = await gather(host, { sleep: wait, diagnosis: true });
  if (diagnosis === undefined) throw new Error('no diagnosis');
  return diagnosis;
};
const on = (more: Recording, wait?: Sleep) => look(changed('debian12-idle-2g', more), wait);
const HEADER = 'entries clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop\n';
const row = (entries: number, drop: number) =>
  `${[entries, 0, 0, 0, 0, 0, 0, 0, 0, 0, drop, 0].map((n) => n.toString(16).padStart(8, '0')).join(' ')}\n`;

test('nothing of it unless it is asked for', async () => {
  const host = changed('debian12-idle-2g', {});
  const read: string[] = [];
  const dir = async (path: string) => {
    read.push(path);
    return host.readDir(path);
  };
  expect((await gather({ ...host, readDir: dir }, { sleep })).diagnosis).toBeUndefined();
  expect(read).not.toContain('/sys/class/net');
});

test('a plain host has nothing special', async () => {
  const sample = { unknown: 'this kernel has no /proc/net/nf_conntrack (CONFIG_NF_CONNTRACK_PROCFS)' };
  const nothing = { strayKeys: [], unloads: [], sample, namespaces: [], cloud: { interfaces: [] }, datapaths: [] };
  expect(await on({})).toEqual(nothing);
});

describe('stray keys', () => {
  const files = {
    '/etc/sysctl.d/50-a.conf': 'net.ipv4.netfilter.ip_conntrack_max=9\n',
    '/etc/ufw/sysctl.conf': 'net/netfilter/nf_conntrack_maxx=9\n',
    '/etc/default/ufw': 'IPT_SYSCTL=/etc/ufw/sysctl.conf\n',
  };
  test('in sysctl.d and in the file of ufw', async () => {
    const keys = (await on({ files })).strayKeys.map(({ file, key }) => `${file} ${key}`);
    expect(keys).toEqual([
      '/etc/sysctl.d/50-a.conf net.ipv4.netfilter.ip_conntrack_max',
      '/etc/ufw/sysctl.conf net.netfilter.nf_conntrack_maxx',
    ]);
  });
  test('of a linked file it is the file that is told, and once', async () => {
    const twice = {
      files: { '/etc/site/ct.conf': 'net.netfilter.nf_contrack_max=9\n' },
      links: {
        '/etc/sysctl.d/60-a.conf': '../site/current.conf',
        '/etc/sysctl.d/70-b.conf': '/etc/site/ct.conf',
        '/etc/site/current.conf': 'ct.conf',
      },
    };
    const keys = (await on(twice)).strayKeys.map(({ file, key }) => `${file} ${key}`);
    expect(keys).toEqual(['/etc/site/ct.conf net.netfilter.nf_contrack_max']);
  });
  test('/etc/sysctl.conf is told by its own name, which sed may edit', async () => {
    const files = { '/etc/sysctl.conf': 'net.netfilter.nf_conntrack_maxx=9\n' };
    const links = { '/etc/sysctl.d/99-sysctl.conf': '../sysctl.conf' };
    expect((await on({ files, links })).strayKeys.map(({ file }) => file)).toEqual(['/etc/sysctl.conf']);
  });
  test('a key that is there is none', async () => {
    const more = { ...files, '/proc/sys/net/ipv4/netfilter/ip_conntrack_max': '9\n' };
    expect((await on({ files: more })).strayKeys).toHaveLength(1);
  });
});

describe('flows', () => {
  const files = { '/proc/net/nf_conntrack': '' };
  const flows =
    'ipv4     2 udp      17 29 src=1.1.1.1 dst=2.2.2.2 sport=9 dport=53 src=2.2.2.2 dst=1.1.1.1 sport=53 dport=9 mark=0 use=2\n';
  const commands = { 'head -c 131072 /proc/net/nf_conntrack': ok(flows) };
  test('as root', async () => expect((await on({ files, commands })).sample).toMatchObject({ flows: 1, dns: 1 }));
  test('as nobody', async () => {
    const host = changed('debian12-idle-user', { files, commands });
    expect((await look(host)).sample).toEqual({ unknown: 'only root can read /proc/net/nf_conntrack' });
  });
  test('head fails', async () => expect((await on({ files })).sample).toHaveProperty('unknown'));
});

type Asks = { readonly diagnosis?: true; readonly stats?: true };
type Wait = (ms: number) => Promise<void>;

describe('counters by netlink, where /proc has none', () => {
  const stats = { 'conntrack -S': ok('cpu=0 found=0 insert_failed=0 drop=0 early_drop=0 chaintoolong=0\n') };
  const loaded = {
    '/proc/modules': 'nf_conntrack_netlink 1 0 - Live 0x0\nnf_conntrack 1 1 nf_conntrack_netlink, Live 0x0\n',
  };
  const table = async (root: boolean, more: Recording, asks: Asks = { diagnosis: true }, wait: Wait = sleep) => {
    const inner = changed('ubuntu-no-procfs', more);
    return (await gather({ ...inner, root }, { sleep: wait, ...asks })).table;
  };
  test.each<[string, Asks]>([
    ['for a diagnosis', { diagnosis: true }],
    ['for a plan or a status', { stats: true }],
  ])('as root, and with the module there: %s', async (_, asks) => {
    const seen = await table(true, { commands: stats, files: loaded }, asks);
    expect(seen.counters).toMatchObject({ chainlength: 0, drop: 0 });
  });
  test('not for what starts no child', async () => {
    expect((await table(true, { commands: stats, files: loaded }, {})).counters).toHaveProperty('unknown');
  });
  test.each<[string, string, Asks, number]>([
    ['a plan: two looks where packets were dropped', 'drop=3 insert_failed=0', { stats: true }, 1],
    ['a plan: one where flows were refused for other reasons', 'drop=0 insert_failed=3', { stats: true }, 0],
    ['a diagnosis: two there', 'drop=0 insert_failed=3', { diagnosis: true }, 1],
  ])('%s', async (_, counted, asks, pauses) => {
    const commands = { 'conntrack -S': ok(`cpu=0 found=0 ${counted} early_drop=0\n`) };
    const waited: number[] = [];
    await table(true, { commands, files: loaded }, asks, async (ms) => void waited.push(ms));
    expect(waited).toHaveLength(pauses);
  });
  test.each<[string, boolean, Recording]>([
    ['asking would load the module', true, { commands: stats }],
    ['nobody but root may ask', false, { commands: stats, files: loaded }],
    ['conntrack is not installed', true, { files: loaded }],
  ])('%s', async (_, root, more) => expect((await table(root, more)).counters).toHaveProperty('unknown'));
});

describe('other namespaces', () => {
  const links = {
    '/proc/self/ns/net': 'net:[1]',
    '/proc/7/ns/net': 'net:[1]',
    '/proc/8/ns/net': 'net:[2]',
    '/proc/9/ns/net': 'net:[2]',
  };
  const files = { '/proc/8/comm': 'dnsmasq\n', '/proc/8/net/stat/nf_conntrack': HEADER + row(12, 0) + row(12, 0) };
  test('one look where nothing was dropped', async () => {
    const waited: number[] = [];
    const found = await on({ files, links }, async (ms) => void waited.push(ms));
    expect(found.namespaces).toMatchObject([
      { inode: 2, processes: ['dnsmasq (8)'], counters: { entries: 12, drop: 0 } },
    ]);
    expect(waited).toEqual([]);
  });
  test('two looks where packets were', async () => {
    const waited: number[] = [];
    const dropped = { ...files, '/proc/8/net/stat/nf_conntrack': HEADER + row(12, 255) };
    const found = await on({ files: dropped, links }, async (ms) => void waited.push(ms));
    expect(found.namespaces).toMatchObject([{ countersLater: { drop: 255 } }]);
    expect(waited).toEqual([500]);
  });
  test('one that cannot be seen through its process, and one without any', async () => {
    const found = await on({ links, stats: { '/run/netns/blue': { kind: 'file', inode: 5 } } });
    expect(found.namespaces).toMatchObject([
      { inode: 2, counters: { unknown: '/proc/8/net/stat/nf_conntrack could not be read' } },
      { inode: 5, name: 'blue', counters: { unknown: 'no process is in it that it could be seen through' } },
    ]);
  });
  test('without counters in /proc a child reads the number of flows', async () => {
    const words = 'nsenter --net=/proc/8/ns/net -- cat /proc/sys/net/netfilter/nf_conntrack_count';
    const found = await on({ links, commands: { [words]: ok('250\n') } });
    expect(found.namespaces).toMatchObject([{ inode: 2, counters: { entries: 250 }, countersLater: { entries: 250 } }]);
  });
  test('without a module nobody has a table', async () => {
    expect((await look(changed('no-module', { links }))).namespaces).toEqual([]);
  });
  test('nobody but root looks', async () => {
    const found = await look(changed('debian12-idle-user', { files, links }));
    expect(found.namespaces).toHaveProperty('unknown');
  });
});

describe('the cloud', () => {
  const links = {
    '/sys/class/net/ens5/device/driver': '../../../bus/pci/drivers/ena',
    '/sys/class/net/eth1/device/driver': '../../x/drivers/virtio_net',
  };
  const files = { '/sys/class/dmi/id/sys_vendor': 'Amazon EC2\n' };
  const eth = (stdout: string) => ({ 'ethtool -S ens5': ok(stdout) });
  test('counters of an interface that has them', async () => {
    const commands = eth('     conntrack_allowance_exceeded: 4\n     conntrack_allowance_available: 9\n');
    expect((await on({ links, files, commands })).cloud).toEqual({
      vendor: 'aws',
      interfaces: [{ name: 'ens5', driver: 'ena', exceeded: 4, exceededLater: 4, available: 9 }],
    });
  });
  test.each([
    ['an old driver', eth('     tx_timeout: 0\n'), /too old/],
    ['no ethtool', {}, /not installed/],
    ['ethtool fails', { 'ethtool -S ens5': { code: 76, stdout: '', stderr: '' } }, /code 76/],
  ])('%s', async (_, commands, why) => {
    const [first] = (await on({ links, files, commands })).cloud.interfaces;
    expect(first?.exceeded).toEqual({ unknown: expect.stringMatching(why) });
  });
});

describe('initramfs', () => {
  const kernel = '6.1.0-56-cloud-amd64';
  const image = `/boot/initrd.img-${kernel}`;
  const files = {
    '/etc/initramfs-tools/modules': 'nf_conntrack\n',
    [image]: '',
    '/etc/modprobe.d/a.conf': 'options nf_conntrack hashsize=9\n',
  };
  const words = `stat -L -c %Y %n -- ${image} /etc/modprobe.d/a.conf`;
  test.each([
    ['older than the option', `100 ${image}\n101 /etc/modprobe.d/a.conf\n`, ['/etc/modprobe.d/a.conf']],
    ['newer than the option', `100 ${image}\n99 /etc/modprobe.d/a.conf\n`, []],
  ])('%s', async (_, stdout, newer) => {
    const found = await on({ files, commands: { [words]: ok(stdout) } });
    expect(found.initramfs).toEqual({ file: '/etc/initramfs-tools/modules', line: 1, image, newer });
  });
  test('it cannot be told', async () => expect((await on({ files })).initramfs?.newer).toHaveProperty('unknown'));
  test('it does not load the module', async () => {
    expect((await on({ files: { ...files, '/etc/initramfs-tools/modules': 'ext4\n' } })).initramfs).toBeUndefined();
  });
});

test('a recording of it tells the same, without the names of processes', async () => {
  const inner = changed('debian12-idle-2g', {
    files: {
      '/etc/sysctl.d/50-a.conf': 'net.ipv4.netfilter.ip_conntrack_max=9\n',
      '/etc/sysconfig/iptables-config': 'SECRET=1\nIPTABLES_MODULES_UNLOAD="yes"\n',
      '/proc/net/nf_conntrack': '',
      '/proc/8/net/stat/nf_conntrack': HEADER + row(12, 3),
      '/proc/8/comm': 'dnsmasq\n',
    },
    links: {
      '/proc/self/ns/net': 'net:[1]',
      '/proc/7/ns/net': 'net:[1]',
      '/proc/8/ns/net': 'net:[2]',
      '/proc/9/ns/net': 'net:[2]',
      '/sys/class/net/ens5/device/driver': 'x/ena',
    },
    commands: {
      'ethtool -S ens5': ok('     queue_0: 7\n     conntrack_allowance_exceeded: 4\n'),
      'head -c 131072 /proc/net/nf_conntrack': ok(
        'ipv4     2 udp      17 29 src=10.1.1.1 dst=10.2.2.2 sport=9 dport=53 src=10.2.2.2 dst=10.1.1.1 sport=53 dport=9 use=2\n',
      ),
    },
  });
  const { host, files } = recorder(inner, { text: thin, names: thinNames, links: thinLinks });
  const before = await look(host);
  const top = mkdtempSync(join(tmpdir(), 'ctfix-diagnosis-'));
  onTestFinished(() => rmSync(top, { recursive: true }));
  for (const [name, text] of Object.entries(await files())) {
    mkdirSync(dirname(join(top, name)), { recursive: true });
    writeFileSync(join(top, name), text);
  }
  const after = await look(recordedHost(top));
  const unnamed = (before.namespaces as readonly object[]).map((each) => ({ ...each, processes: [] }));
  expect(after).toEqual({ ...before, namespaces: unnamed });
  const written = Object.values(await files()).join('\n');
  expect(written.match(/10\.[12]\.[12]|SECRET|dnsmasq|queue_0|\/proc\/[79]\/ns/g)).toBeNull();
});
