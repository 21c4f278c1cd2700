import { describe, expect, test } from 'vitest';
import { layersOf, networkStorage, parseMountinfo, parseSwaps } from '../../src/facts/storage.ts';
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

/** Native multipath as sysfs has it: the disk below its subsystem, which has a link for each controller. */
function subsystem(transports: Readonly<Record<string, string>>) {
  const dir = '/sys/class/nvme-subsystem/nvme-subsys4';
  return {
    files: {
      '/proc/self/mountinfo': mount('/', '259:6', 'xfs', '/dev/nvme4n1p1'),
      [`${dir}/subsysnqn`]: 'nqn.2014-08.org.nvmexpress:uuid:1\n',
      [`${dir}/nvme4n1/size`]: '1\n',
      ...Object.fromEntries(Object.entries(transports).map(([name, is]) => [`${dir}/${name}/transport`, is])),
    },
    links: { '/sys/dev/block/259:6': '../../devices/virtual/nvme-subsystem/nvme-subsys4/nvme4n1/nvme4n1p1' },
  };
}

describe('an NVMe disk with native multipath is where its controllers are', () => {
  test.each<[Record<string, string>, string[]]>([
    [{ nvme0: 'pcie\n' }, []],
    [{ nvme5: 'fc\n', nvme7: 'fc\n' }, []],
    [{ nvme5: 'tcp\n', nvme7: 'tcp\n' }, ['nvme4n1p1, an NVMe disk behind a network (tcp)']],
    [{ nvme5: 'pcie\n', nvme7: 'rdma\n' }, ['nvme4n1p1, an NVMe disk behind a network (rdma)']],
    [{}, [expect.stringMatching(/^nvme4n1p1, an NVMe disk, which cannot be followed/)]],
    [{ nvme5: '' }, [expect.stringMatching(/cannot be followed/)]],
  ])('%j', async (transports, wanted) =>
    expect((await networkStorage(lookedAt(subsystem(transports)))).map(({ what }) => what)).toEqual(wanted),
  );
});

const NFS = mount('/run/initramfs/live', '0:20', 'nfs4', 'server:/live');
const RUN = mount('/run', '0:24', 'tmpfs', 'tmpfs');
const overlay = (dirs: string) => `${mount('/', '0:40', 'overlay', 'LiveOS_rootfs').trim()},${dirs},uuid=on\n`;
const DRACUT = 'lowerdir=/run/rootfsbase,upperdir=/run/overlayfs,workdir=/run/ovlwork';
const DIRS = { '/run/rootfsbase/x': '', '/run/overlayfs/x': '', '/run/initramfs/live/LiveOS/squashfs.img': '' };
const LOOP = { '/sys/dev/block/7:0': '../../devices/virtual/block/loop0' };
const loopOn = (file: string) => ({ '/sys/class/block/loop0/loop/backing_file': `${file}\n` });
const SQUASHFS = mount('/run/rootfsbase', '7:0', 'squashfs', '/dev/loop0');

describe('overlays and loop devices are what they lie on', () => {
  const found = async (mountinfo: string, files: Record<string, string>, links: Record<string, string> = {}) => {
    const host = lookedAt({
      files: { ...DIRS, ...files, '/proc/self/mountinfo': mountinfo },
      links: { ...SDA, ...LOOP, ...links },
    });
    return (await networkStorage(host)).map(({ where, what }) => `${where}: ${what}`);
  };

  test.each<[string, string, Record<string, string>]>([
    ['a disk and memory', mount('/run/rootfsbase', '8:1', 'ext4', '/dev/sda1'), {}],
    [
      'a squashfs in a file on a disk',
      SQUASHFS + mount('/run/initramfs/live', '8:1', 'iso9660', '/dev/sda1'),
      loopOn('/run/initramfs/live/LiveOS/squashfs.img'),
    ],
  ])('local: %s', async (_, below, files) => expect(await found(RUN + overlay(DRACUT) + below, files)).toEqual([]));

  test('an overlay over NFS', async () => {
    const base = mount('/run/rootfsbase', '0:20', 'nfs', 'server:/root');
    expect(await found(RUN + overlay(DRACUT) + base, {})).toEqual(['/: an overlay over nfs from server:/root']);
  });

  test('an overlay over a squashfs whose file is on NFS', async () => {
    const files = loopOn('/run/initramfs/live/LiveOS/squashfs.img');
    expect(await found(RUN + overlay(DRACUT) + SQUASHFS + NFS, files)).toEqual([
      '/: an overlay over loop0, a loop device on nfs4 from server:/live',
    ]);
  });

  test('a layer that a link leads to', async () => {
    const base = mount('/mnt/nfs', '0:20', 'nfs', 'server:/root');
    const links = { '/lower': '../mnt/./nfs/x/../y', '/mnt/nfs/y': '/mnt/nfs/z' };
    const dirs = 'lowerdir=/lower/a,upperdir=/run/overlayfs';
    expect(await found(RUN + base + overlay(dirs), { '/mnt/nfs/z/a/x': '' }, links)).toEqual([
      '/: an overlay over nfs from server:/root',
    ]);
  });

  test.each<[string, string, Record<string, string>, Record<string, string>]>([
    ['a layer whose name is gone', overlay('lowerdir=/lower,upperdir=/run/overlayfs'), {}, {}],
    ['a layer without a whole name', overlay('lowerdir=lower'), {}, {}],
    ['a layer that seems to lie on the overlay itself', overlay('lowerdir=/mnt'), { '/mnt/x': '' }, {}],
    ['links in a circle', overlay('lowerdir=/a'), {}, { '/a': '/b', '/b': '/a' }],
    ['a loop device without a file', mount('/', '7:0', 'ext4', '/dev/loop0'), {}, {}],
    ['a loop device whose file is gone', mount('/', '7:0', 'ext4', '/dev/loop0'), loopOn('/x.img (deleted)'), {}],
  ])('%s: not taken for local', async (_, mountinfo, files, links) =>
    expect(await found(RUN + mountinfo, files, links)).toEqual([
      expect.stringMatching(/^\/: .* which cannot be followed from here and may lie behind a network$/),
    ]),
  );

  test('swap on a partition of a loop device, on NFS', async () => {
    const files = {
      '/proc/swaps': 'Filename Type\n/dev/loop0p2 partition 1 0 -2\n',
      ...loopOn('/run/initramfs/live/LiveOS/squashfs.img'),
    };
    const links = { '/sys/class/block/loop0p2': '../../devices/virtual/block/loop0/loop0p2' };
    expect(await found(LOCAL + RUN + NFS, files, links)).toEqual([
      'swap on /dev/loop0p2: loop0, a loop device on nfs4 from server:/live',
    ]);
  });
});

test.each<[string, string[]]>([
  // What a kernel 6.18 writes for these names.
  [
    'rw,lowerdir=/tmp/l\\040a:/tmp/l\\134:b,upperdir=/tmp/u/u,workdir=/tmp/u/w,uuid=on',
    ['/tmp/l a', '/tmp/l:b', '/tmp/u/u'],
  ],
  ['ro,lowerdir+=/a:b,lowerdir+=/c,datadir+=/d', ['/a:b', '/c', '/d']],
  ['rw,lowerdir=/a::/data', ['/a', '/data']],
  ['rw,relatime', []],
])('layers of %s', (options, wanted) => expect(layersOf(options)).toEqual(wanted));

test('names with spaces are written in octal', () => {
  expect(parseMountinfo(mount('/a\\040b', '8:1', 'nfs', 's:/x\\040y'))[0]).toMatchObject({
    at: '/a b',
    source: 's:/x y',
  });
  expect(parseSwaps('Filename\n/swap\\040file file\n')).toEqual(['/swap file']);
});
