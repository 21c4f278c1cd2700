import { describe, expect, test } from 'vitest';
import { whyNotAtBoot, whyNotNow } from '../../src/apply/program.ts';
import type { FileStat, ReadHost } from '../../src/host/host.ts';
import { memoryHost } from '../support/memory-host.ts';

const CTFIX = '/usr/local/sbin/ctfix';
const NPM = ['/usr/bin/node', '/opt/ctfix/dist/ctfix.mjs'];

/** A host with some other owners and modes, links and a systemd. */
function hostWith(
  stats: Record<string, Partial<FileStat>> = {},
  { links = {}, files = {}, systemd = 'systemd 252 (252.39-1~deb12u1)\n+PAM' }: Scene = {},
): ReadHost {
  const { host } = memoryHost({ '/usr/bin/node': '', '/opt/ctfix/dist/ctfix.mjs': '', ...files });
  return {
    ...host,
    stat: async (path) => {
      if (path in links)
        return { kind: 'link', mode: 0o777, uid: 0, gid: 0, inode: 1, links: 1, size: 0, ...stats[path] };
      const found = await host.stat(path);
      return found && { ...found, ...stats[path] };
    },
    readLink: async (path) => links[path],
    run: async () => ({ code: 0, stdout: systemd, stderr: '' }),
  };
}

type Scene = {
  readonly links?: Record<string, string>;
  readonly files?: Record<string, string | undefined>;
  readonly systemd?: string;
};

describe('what root may run later', () => {
  test.each([
    ['the executable', [CTFIX], {}],
    ['node and a script', NPM, {}],
    ['through a link of root', ['/sbin/ctfix'], { links: { '/sbin': 'usr/local/sbin' } }],
    ['through a link that goes up', ['/bin/ctfix'], { links: { '/bin': '/usr/bin/../local/sbin' } }],
  ])('%s', async (_, argv, scene) => {
    expect(await whyNotNow(hostWith({}, scene), argv)).toBeUndefined();
  });

  test.each<[string, string[], Record<string, Partial<FileStat>>, Scene, string]>([
    ['the file belongs to somebody', [CTFIX], { [CTFIX]: { uid: 1000 } }, {}, 'belongs to the user with id 1000'],
    ['others can write it', [CTFIX], { [CTFIX]: { mode: 0o757 } }, {}, `others than root can write ${CTFIX}`],
    [
      'a group can write it, or its list of access says so',
      [CTFIX],
      { [CTFIX]: { mode: 0o775 } },
      {},
      'others than root',
    ],
    ['others can write a directory above', [CTFIX], { '/usr/local': { mode: 0o1777 } }, {}, 'into /usr/local'],
    [
      'a directory above belongs to a group',
      [CTFIX],
      { '/usr/local/sbin': { mode: 0o2775, gid: 50 } },
      {},
      'into /usr/',
    ],
    ['the root directory', [CTFIX], { '/': { mode: 0o777 } }, {}, 'into /'],
    ['a link of somebody', ['/x/ctfix'], { '/x': { uid: 1000 } }, { links: { '/x': '/usr/local/sbin' } }, '/x belongs'],
    [
      'a link into a directory of others',
      ['/x/ctfix'],
      { '/usr/local/sbin': { mode: 0o777 } },
      { links: { '/x': '/usr/local/sbin' } },
      'into /usr/local/sbin',
    ],
    ['links in a circle', ['/x/ctfix'], {}, { links: { '/x': '/x' } }, 'too many links'],
    ['node can be written', NPM, { '/usr/bin/node': { mode: 0o777 } }, {}, '/usr/bin/node'],
    [
      'a file beside the script',
      NPM,
      { '/opt/ctfix/dist/chunks/a.mjs': { uid: 7 } },
      { files: { '/opt/ctfix/dist/chunks/a.mjs': '' } },
      'a.mjs belongs',
    ],
    ['not there', ['/usr/sbin/ctfix'], {}, {}, '/usr/sbin/ctfix is not there'],
    ['a name that a unit would take apart', ['/usr/local/sbin/a b'], {}, {}, 'characters'],
    ['a name with a specifier', ['/usr/local/sbin/%h'], {}, {}, 'characters'],
    [
      'gone after a reboot',
      [CTFIX],
      {},
      { files: { '/proc/mounts': 'x / ext4 rw 0 0\nt /usr/local tmpfs rw 0 0\n' } },
      'tmpfs',
    ],
    [
      'not there yet at boot',
      [CTFIX],
      {},
      { files: { '/proc/mounts': 'x / ext4 rw 0 0\nt /usr nfs4 rw 0 0\n' } },
      'nfs4',
    ],
    ['no systemd', [CTFIX], {}, { files: { '/run/systemd/system/.here': undefined } }, 'not started by systemd'],
    ['an old systemd', [CTFIX], {}, { systemd: 'systemd 219\n' }, 'systemd 219 cannot'],
  ])('not when: %s', async (_, argv, stats, scene, why) => {
    expect(await whyNotNow(hostWith(stats, scene), argv)).toContain(why);
  });

  test('the boot needs no newer systemd', async () => {
    expect(await whyNotAtBoot(hostWith({}, { systemd: 'systemd 219\n' }), [CTFIX])).toBeUndefined();
  });
});
