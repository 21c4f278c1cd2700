import { describe, expect, test } from 'vitest';
import { networkStorage, parseMountinfo, parseSwaps } from '../../src/facts/storage.ts';
import { lookedAt } from '../support/looked-at.ts';

const mount = (at: string, device: string, type: string, source: string) =>
  `25 1 ${device} / ${at} rw,relatime shared:1 - ${type} ${source} rw,errors=remount-ro\n`;
const LOCAL = mount('/', '8:1', 'ext4', '/dev/sda1');
const SDA = { '/sys/dev/block/8:1': '../../devices/pci0000:00/0000:00:04.0/ata1/host0/block/sda/sda1' };
const ISCSI = '../../devices/platform/host3/session1/target3:0:0/3:0:0:0/block/sdb';
const DM = {
  '/sys/dev/block/253:0': '../../devices/virtual/block/dm-0',
  '/sys/class/block/dm-0': '../../devices/virtual/block/dm-0',
  '/sys/class/block/dm-0/slaves/sdb': '../../../../platform/host3/session1/target3:0:0/3:0:0:0/block/sdb',
  '/sys/class/block/sdb': ISCSI,
  '/dev/mapper/root': '../dm-0',
};

describe('networkStorage', () => {
  test.each<[string, string, Record<string, string>, string[]]>([
    ['a local disk', LOCAL, SDA, []],
    ['NFS at /', mount('/', '0:25', 'nfs4', 'server:/root'), {}, ['/: nfs4 from server:/root']],
    ['NFS at /usr', LOCAL + mount('/usr', '0:25', 'nfs', 's:/usr'), SDA, ['/usr: nfs from s:/usr']],
    ['CIFS below /var/lib', LOCAL + mount('/var/lib', '0:9', 'cifs', '//s/v'), SDA, ['/var/lib: cifs from //s/v']],
    ['GlusterFS', LOCAL + mount('/etc', '0:9', 'fuse.glusterfs', 's:v'), SDA, ['/etc: fuse.glusterfs from s:v']],
    ['NFS where nothing of the system lies', LOCAL + mount('/srv', '0:25', 'nfs4', 's:/srv'), SDA, []],
    ['NFS that a later mount covers', mount('/', '0:25', 'nfs4', 's:/') + LOCAL, SDA, []],
    ['an iSCSI disk', LOCAL, { '/sys/dev/block/8:1': ISCSI }, ['/: sdb, an iSCSI disk']],
    ['LVM on an iSCSI disk', mount('/', '253:0', 'xfs', '/dev/mapper/root'), DM, ['/: sdb, an iSCSI disk']],
    ['btrfs on LVM on iSCSI', mount('/', '0:30', 'btrfs', '/dev/mapper/root'), DM, ['/: sdb, an iSCSI disk']],
    [
      'nbd',
      mount('/', '43:0', 'ext4', '/dev/nbd0'),
      { '/sys/dev/block/43:0': '../../devices/virtual/block/nbd0' },
      ['/: nbd0, a nbd device'],
    ],
    [
      'NVMe over TCP',
      LOCAL,
      { '/sys/dev/block/8:1': '../../devices/virtual/nvme-fabrics/ctl/nvme0/nvme0n1' },
      ['/: nvme0n1, an NVMe disk behind a network'],
    ],
    ['a tree in memory', mount('/', '0:2', 'rootfs', 'none'), {}, []],
  ])('%s', async (_, mountinfo, links, wanted) => {
    const found = await networkStorage(lookedAt({ files: { '/proc/self/mountinfo': mountinfo }, links }));
    expect(found.map(({ where, what }) => `${where}: ${what}`)).toEqual(wanted);
  });

  test.each<[string, string, string[]]>([
    ['/swapfile                               file\t\t1\t0\t-2', LOCAL, []],
    ['/dev/dm-0                               partition\t1\t0\t-2', LOCAL, ['swap on /dev/dm-0']],
    ['/srv/swap file\t1\t0\t-2', LOCAL + mount('/srv', '0:25', 'nfs', 's:/'), ['swap on /srv/swap']],
  ])('swap: %s', async (line, mountinfo, wanted) => {
    const files = { '/proc/self/mountinfo': mountinfo, '/proc/swaps': `Filename Type\n${line}\n` };
    const found = await networkStorage(lookedAt({ files, links: { ...SDA, ...DM } }));
    expect(found.map(({ where }) => where)).toEqual(wanted);
  });

  test('nothing can be seen: nothing is claimed', async () => expect(await networkStorage(lookedAt({}))).toEqual([]));
});

test('names with spaces are written in octal', () => {
  expect(parseMountinfo(mount('/a\\040b', '8:1', 'nfs', 's:/x\\040y'))[0]).toMatchObject({
    at: '/a b',
    source: 's:/x y',
  });
  expect(parseSwaps('Filename\n/swap\\040file file\n')).toEqual(['/swap file']);
});
