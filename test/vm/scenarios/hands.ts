// How scenarios drive ctfix in a machine, and the foreign eyes they look through: never ctfix's own words alone.
import { expect } from 'vitest';
import type { Run, RunOptions } from '../agent.ts';
import type { Guest } from '../guest.ts';

/** An ordinary user without sudo's help. */
export const ADMIN: RunOptions = { user: 'admin' };

const STACK = /^\s+at .+(:\d+:\d+|<anonymous>|node:internal)/m;
const HANG_MS = 90_000;

/** Runs ctfix; whatever it was given, it never hangs and never shows a stack trace. */
export async function ctfix(vm: Guest, args: string, options: RunOptions = {}): Promise<Run> {
  const run = await vm.run(`ctfix ${args}`, { timeout: HANG_MS, ...options });
  expect(run.stdout + run.stderr, `ctfix ${args}`).not.toMatch(STACK);
  return run;
}

/** The same, with the exit code that it must have; returns everything that it said. */
export async function says(vm: Guest, args: string, code: number, options: RunOptions = {}): Promise<string> {
  const run = await ctfix(vm, args, options);
  const said = run.stdout + run.stderr;
  expect(run.code, `ctfix ${args} said:\n${said}`).toBe(code);
  return said;
}

export type Table = { readonly max: number; readonly buckets: number };

/** max and buckets as sysctl(8) reads them. */
export async function table(vm: Guest): Promise<Table> {
  const text = await vm.sh('sysctl -n net.netfilter.nf_conntrack_max net.netfilter.nf_conntrack_buckets');
  const [max, buckets] = text.split('\n').map(Number);
  return { max: max ?? Number.NaN, buckets: buckets ?? Number.NaN };
}

/** What a plan promises, from its JSON. */
export async function promised(vm: Guest, flags = '', options: RunOptions = {}): Promise<Table> {
  const { stdout } = await ctfix(vm, `plan -o json ${flags}`, options);
  const { max, buckets } = JSON.parse(stdout).sizing.targets;
  return { max, buckets };
}

/** Sets max and buckets by hand, below what the kernel chose. */
export async function setTable(vm: Guest, { max, buckets }: Table): Promise<void> {
  await vm.sh(`sysctl -qw net.netfilter.nf_conntrack_max=${max} net.netfilter.nf_conntrack_buckets=${buckets}`);
}

// Kind, mode, owner, size, link, extended attributes and sha256 of everything below the folders; files that other
// programs write all the time are left out.
const LISTING = `
import hashlib, os, stat, sys
SKIP = ('/var/log/journal', '/run/ctfix-test', '/run/systemd', '/run/udev', '/run/log', '/run/user', '/run/fail2ban',
        '/var/lib/fail2ban', '/var/log/fail2ban.log', '/run/utmp', '/run/netns', '/var/log/wtmp', '/var/log/lastlog', '/run/sudo')
def show(path):
    try: describe(path)
    except FileNotFoundError: pass  # gone since the folder was read
def describe(path):
    st = os.lstat(path)
    words = [path, stat.filemode(st.st_mode), st.st_uid, st.st_gid]
    if not stat.S_ISDIR(st.st_mode): words += [st.st_size, f'{st.st_mtime:.6f}'] if TIMES else [st.st_size]
    if stat.S_ISLNK(st.st_mode): words.append(os.readlink(path))
    if stat.S_ISREG(st.st_mode) and not os.path.ismount(path): words.append(hashlib.sha256(open(path, 'rb').read()).hexdigest()[:16])
    words += [f'{name}={os.getxattr(path, name, follow_symlinks=False)!r}' for name in os.listxattr(path, follow_symlinks=False)]
    print(*words)
TIMES = sys.argv[1] == 'times'
for top in sys.argv[2:]:
    if not os.path.lexists(top): print(top, 'absent'); continue
    show(top)
    for folder, folders, files in os.walk(top):
        folders[:] = sorted(f for f in folders if not os.path.join(folder, f).startswith(SKIP))
        for name in sorted(folders + files):
            if not os.path.join(folder, name).startswith(SKIP): show(os.path.join(folder, name))
`;

/** Everything about the files below some folders (or of single files), one a line; without times unless asked for. */
export async function listing(vm: Guest, paths: string, times = false): Promise<string> {
  return vm.sh(`python3 - ${times ? 'times' : 'plain'} ${paths}`, { input: LISTING });
}

/** Everything a read-only command must leave alone: files with their times, modules, the table's settings. */
async function everything(vm: Guest): Promise<string> {
  const files = await listing(vm, '/etc /var /run /tmp /usr/local /root /home /dev/shm', true);
  const modules = await vm.sh('cut -d" " -f1 /proc/modules | sort');
  const values = await vm.sh('sysctl -a -r nf_conntrack 2>/dev/null | grep -v nf_conntrack_count || true');
  return [files, modules, values].join('\n');
}

const LOOKING = [
  'plan --max 150000',
  'plan --strategy reload --max 150000',
  'verify',
  'history',
  'facts',
  'doctor',
  'status',
  'status -o prometheus',
  'check',
];

/** Every reading command, as an ordinary user and as root, and then the question what has changed: nothing. */
export async function expectReadingOnly(vm: Guest): Promise<void> {
  const before = await everything(vm);
  for (const user of [ADMIN, {}]) {
    for (const command of LOOKING) await ctfix(vm, command, user);
  }
  expect(await everything(vm)).toBe(before);
}

/** No temporary file of an atomic replacement is left, and no half-written record. */
export async function expectNoLeftovers(vm: Guest): Promise<void> {
  expect(
    await vm.sh(
      `find /etc /var/lib /run /tmp -xdev -name '*.ctfix-*' -o -xdev -name '.ctfix-*' -o -xdev -name 'ctfix.lock*'`,
    ),
  ).toBe('');
}

/** How often the kernel has said that the table is full. */
export async function fullLines(vm: Guest): Promise<number> {
  return Number(await vm.sh(`dmesg | grep -c 'table full, dropping packet' || true`));
}

/** The ids of the changes that were recorded. */
export async function journals(vm: Guest): Promise<string> {
  return vm.sh('ls /var/lib/ctfix/journal 2>/dev/null || true');
}
