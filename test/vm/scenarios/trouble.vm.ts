// Hosts that do not let a change be made: a sentence, the right exit code, and nothing touched; never half of a change.
import { expect, test } from 'vitest';
import { evidence } from '../lab/evidence.ts';
import { type Vm, withVm } from '../machine.ts';
import { ADMIN, expectNoLeftovers, journals, listing, says, table } from './hands.ts';

const WATCHED = '/etc';
const APPLY = 'ctfix apply --yes --max 150000';

type Trouble = { readonly name: string; readonly run: string; readonly code: number; readonly says: RegExp };

/** In a mount namespace of its own, which ends with the command. */
const apart = (prepare: string, then = APPLY) => `unshare -m sh -ec '${prepare}; exec ${then}'`;

const TROUBLES: readonly Trouble[] = [
  {
    name: 'a full disk below /etc/sysctl.d',
    run: apart('mount -t tmpfs -o size=64k full /etc/sysctl.d'),
    code: 3,
    says: /\/etc\/sysctl\.d is full/,
  },
  {
    name: 'no inode left for the records',
    run: apart('mount -t tmpfs -o nr_inodes=1 full /var/lib'),
    code: 3,
    says: /\/var\/lib is full|no space/,
  },
  {
    name: 'a read-only /etc',
    run: apart('mount --bind /etc /etc; mount -o remount,bind,ro /etc'),
    code: 3,
    says: /\/etc is mounted read-only/,
  },
  {
    name: 'a read-only /proc/sys',
    run: apart('mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys'),
    code: 3,
    says: /\/proc\/sys.* mounted read-only/,
  },
  {
    name: 'a child network namespace',
    run: `ip netns exec child ${APPLY}`,
    code: 3,
    says: /initial network namespace/,
  },
  {
    name: 'a container',
    run: apart('mount -t tmpfs none /run; mkdir /run/systemd; echo lxc >/run/systemd/container'),
    code: 3,
    says: /container \(lxc\)/,
  },
  { name: 'no terminal and no --yes', run: 'ctfix apply --max 150000', code: 64, says: /--yes/ },
];

test('hosts that do not let the change be made are told so, and nothing is touched', () =>
  withVm({}, async (vm) => {
    await vm.sh('modprobe nf_conntrack && ip netns add child');
    const [before, values] = [await listing(vm, WATCHED), await table(vm)];
    for (const { name, run, code, says: sentence } of TROUBLES) {
      const { code: ended, stdout, stderr } = await vm.run(run);
      expect({ name, ended, said: stdout + stderr }).toMatchObject({
        ended: code,
        said: expect.stringMatching(sentence),
      });
      expect(stdout + stderr, name).not.toMatch(/^\s+at .+:\d+:\d+/m);
      expect(await table(vm), name).toEqual(values);
      expect(await listing(vm, WATCHED), name).toBe(before);
      expect(await journals(vm), name).toBe('');
    }
    await expectNoLeftovers(vm);
    const seen = TROUBLES.map(({ name, code }) => `${name}: exit ${code}`);
    await evidence(vm, 'hosts that do not let a change be made', [
      ...seen,
      'after each: sha256 of /etc, sysctl -n max and buckets unchanged; no change recorded',
    ]);
  }));

test('without modprobe, files alone would never be used: refused', () =>
  withVm({}, async (vm) => {
    await vm.sh('mv /usr/sbin/modprobe /root/');
    const before = await listing(vm, WATCHED);
    await says(vm, 'plan --max 150000', 0, ADMIN);
    expect(await says(vm, 'apply --yes --max 150000', 3)).toMatch(/modprobe is needed .* not there/);
    expect(await listing(vm, WATCHED)).toBe(before);
  }));

const WRONG: readonly (readonly [string, number, object])[] = [
  ['apply --yes --max 150000', 77, ADMIN],
  ['rollback', 77, ADMIN],
  ['apply --yes --max 1e5', 64, {}],
  ['plan --hashsize 134217729', 64, {}],
  ['plan --no-such-flag', 64, {}],
  ['plan --timeout nosuch=5', 64, {}],
  ['rollback 20200101-000000-abcd', 1, {}],
];

test('wrong words on the command line, the wrong user, and a question on a terminal', () =>
  withVm({}, async (vm) => {
    await vm.sh('modprobe nf_conntrack');
    const [before, values] = [await listing(vm, WATCHED), await table(vm)];
    for (const [args, code, user] of WRONG) await says(vm, args, code, user);
    await says(vm, 'apply --dry-run --max 150000', 0, ADMIN);
    expect(await answered(vm, '\\r')).toBe('1');
    expect(await listing(vm, WATCHED)).toBe(before);
    expect(await table(vm)).toEqual(values);
    expect(await answered(vm, '\\x1b[A\\x1b[A\\x1b[A\\r')).toBe('0');
    expect(await table(vm)).toEqual({ max: 150_000, buckets: 150_016 });
    await evidence(vm, 'the question on a terminal', [
      'python pty, Enter (cancel): exit 1; sha256 of /etc, sysctl -n unchanged',
      'python pty, up to apply, Enter: exit 0; sysctl -n max 150000, buckets 150016',
    ]);
  }));

/** Runs apply on a terminal of its own and presses keys once it asks (it stands on cancel); returns the exit code. */
async function answered(vm: Vm, keys: string): Promise<string> {
  const program = `
import os, pty, sys
pid, fd = pty.fork()
if pid == 0: os.execvp('ctfix', ['ctfix', 'apply', '--max', '150000'])
seen, asked = b'', False
while True:
    try: data = os.read(fd, 4096)
    except OSError: break
    if not data: break
    seen += data
    if not asked and b'Make this change' in seen and b'cancel' in seen: asked = True; os.write(fd, b'${keys}')
sys.stderr.buffer.write(seen)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;
  return vm.sh('python3 -', { input: program });
}
