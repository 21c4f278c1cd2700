// Other people's files: kept, named where they would win, changed only where that was asked for, and given back byte for
// byte with mode, owner and extended attributes.
import { expect, test } from 'vitest';
import { evidence } from '../lab/evidence.ts';
import { type Vm, withVm } from '../machine.ts';
import { expectNoLeftovers, listing, says, table } from './hands.ts';

const ETC = '/etc/modprobe.d /etc/sysctl.d /etc/sysctl.conf /etc/udev /etc/ufw /etc/modules-load.d /etc/default/ufw';
const OWN = '/etc/sysctl.d/90-ctfix-conntrack.conf';

/** Writes a file with a mode, an owner and an extended attribute that a replacement could lose. */
async function foreign(vm: Vm, path: string, text: string): Promise<void> {
  await vm.put(path, text, 0o640);
  await vm.sh(`chown root:games ${path}; python3 -c 'import os; os.setxattr("${path}", "user.origin", b"puppet")'`);
}

test('a foreign modprobe.d file keeps its comments, its options, mode, owner and attributes', () =>
  withVm({}, async (vm) => {
    const path = '/etc/modprobe.d/nf_conntrack.conf';
    const lines = [
      '# Ours since 2019: accounting, see the wiki',
      '',
      'options nf_conntrack acct=1\t',
      '# no end of line',
    ];
    await foreign(vm, path, lines.join('\n'));
    const before = await listing(vm, ETC);
    await says(vm, 'apply --yes --max 150000', 0);
    const text = String(await vm.get(path));
    for (const line of lines.filter((each) => !each.startsWith('options'))) expect(text).toContain(line);
    const insmod = await vm.sh('modprobe --show-depends nf_conntrack | tail -1');
    expect(insmod).toMatch(/ acct=1 .*hashsize=150016/);
    const stat = await vm.sh(
      `stat -c '%A %U:%G' ${path}; python3 -c 'import os; print(os.getxattr("${path}", "user.origin"))'`,
    );
    expect(stat).toBe("-rw-r----- root:games\nb'puppet'");
    await vm.sh('modprobe nf_conntrack && udevadm settle');
    expect(await table(vm)).toEqual({ max: 150_000, buckets: 150_016 });
    expect(await vm.sh('sysctl -n net.netfilter.nf_conntrack_acct')).toBe('1');
    await vm.sh('modprobe -r nf_conntrack');
    await says(vm, 'rollback', 0);
    expect(await listing(vm, ETC)).toBe(before);
    await evidence(vm, 'foreign modprobe.d file kept', [
      `modprobe --show-depends: ${insmod.replace(/^insmod \S+ +/, '')}`,
      'stat, getxattr: mode, owner, user.* as before; after rollback sha256 as before',
    ]);
  }));

const LATER = [
  { path: '/etc/sysctl.d/99-zz.conf', line: 2, text: '# for the proxy\nnet.netfilter.nf_conntrack_max = 70000\n' },
  { path: '/etc/sysctl.conf', line: 3, text: '\n# old\nnet/nf_conntrack_max=80000\nvm.swappiness = 10' },
  { path: '/etc/ufw/sysctl.conf', line: 2, text: '# ufw\nnet/netfilter/nf_conntrack_max=90000\r\n' },
];

test('later files that would win are named with file and line, and taken over only on request', () =>
  withVm({ firewall: 'ufw' }, async (vm) => {
    for (const { path, text } of LATER) await foreign(vm, path, text);
    const before = await listing(vm, ETC);
    for (const command of ['plan --max 150000', 'apply --yes --max 150000']) {
      const said = await says(vm, command, 3);
      for (const { path, line } of LATER) expect(said).toContain(`${path}:${line}`);
    }
    expect(await listing(vm, `${ETC} /var/lib/ctfix`)).toBe(`${before}\n/var/lib/ctfix absent`);
    expect(await table(vm)).toEqual({ max: 65536, buckets: 65536 });
    await says(vm, 'apply --yes --max 150000 --take-over', 0);
    for (const { path, text } of LATER) {
      expect(String(await vm.get(path))).toBe(text.replace(/[789]0000/, '150000'));
    }
    const seen = await everyLoader(vm);
    await says(vm, 'rollback', 0);
    expect(await listing(vm, ETC)).toBe(before);
    expect(await table(vm)).toEqual({ max: 65536, buckets: 65536 });
    await evidence(
      vm,
      'later sysctl files taken over',
      [...seen, 'after rollback: sha256, mode, owner as before'],
      'ufw',
    );
  }));

/** The three programs that write the key, each after somebody set another value. */
async function everyLoader(vm: Vm): Promise<string[]> {
  const loaders = ['systemctl restart systemd-sysctl', 'sysctl --system', 'systemctl restart ufw'];
  for (const loader of loaders) {
    await vm.sh(`sysctl -qw net.netfilter.nf_conntrack_max=4321 && ${loader} && udevadm settle`);
    expect({ loader, max: (await table(vm)).max }).toEqual({ loader, max: 150_000 });
  }
  return loaders.map((loader) => `sysctl -n after ${loader}: 150000`);
}

test('a file that somebody edited since is never overwritten by a rollback', () =>
  withVm({}, async (vm) => {
    await vm.sh('modprobe nf_conntrack');
    const [before, values] = [await listing(vm, ETC), await table(vm)];
    await says(vm, 'apply --yes --max 150000', 0);
    const [changed, ours] = [await table(vm), String(await vm.get(OWN))];
    await vm.sh(`echo 'net.netfilter.nf_conntrack_acct = 1' >>${OWN}`);
    const edited = await listing(vm, `${ETC} /var/lib/ctfix`);
    expect(await says(vm, 'rollback', 3)).toContain(OWN);
    expect(await listing(vm, `${ETC} /var/lib/ctfix`)).toBe(edited);
    expect(await table(vm)).toEqual(changed);
    await vm.put(OWN, ours);
    await says(vm, 'rollback', 0);
    expect(await listing(vm, ETC)).toBe(before);
    expect(await table(vm)).toEqual(values);
    await expectNoLeftovers(vm);
    await evidence(vm, 'rollback after an edit', [
      'exit 3; sha256 of /etc and sysctl -n unchanged by it',
      'with the edit taken out: exit 0, sha256 of /etc and sysctl -n as before the change',
    ]);
  }));
