// A plan saved by an ordinary user over ssh and applied by sudo: exactly that, with the login's name in the record; or
// nothing, with what moved, old and new; and never from a file that somebody else could have written.
import { expect, test } from 'vitest';
import { evidence } from '../../lab/evidence.ts';
import { HOST4 } from '../../lab/peer.ts';
import { type Vm, withVm } from '../../machine.ts';
import { listing, says, table } from '../hands.ts';

const HOUR = 3_600_000;
const PLAN = 'plans/change.plan';
const SAVE = `mkdir -p plans; /usr/local/sbin/ctfix plan --max 131072 --timeout tcp_established=86400 --save ${PLAN}`;
const APPLY = `sudo ctfix apply ${PLAN} --yes`;

/** A command of admin's in a real login from the peer; gives all that it said. */
async function login(vm: Vm, command: string, code = 0): Promise<string> {
  const ssh = `ip netns exec peer ssh -o BatchMode=yes admin@${HOST4}`;
  const run = await vm.run(`${ssh} "cd && { ${command}; } 2>&1"`, { timeout: 300_000 });
  expect(run.code, `${command} said:\n${run.stdout}${run.stderr}`).toBe(code);
  return run.stdout;
}

/** Files, values, and the changes that were recorded. */
async function all(vm: Vm): Promise<string> {
  const values = await vm.sh(`sysctl -a -r nf_conntrack 2>/dev/null | grep -v nf_conntrack_count`);
  return [await listing(vm, '/etc /var/lib/ctfix'), values].join('\n');
}

/** `who` of the newest journal. */
async function who(vm: Vm): Promise<string> {
  return vm.sh(`head -qn1 $(ls /var/lib/ctfix/journal/*.jsonl | tail -n1) | grep -o '"who":"[^"]*"'`);
}

test('saved by an ordinary user, applied through sudo; the login is in the record', { timeout: HOUR }, () =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, async (vm) => {
    const before = await table(vm);
    await login(vm, SAVE);
    expect(await vm.sh(`stat -c '%U %a' /home/admin/${PLAN}`)).toBe('admin 644');
    expect(await login(vm, APPLY)).toMatch(/^applied/m);
    expect((await table(vm)).max).toBe(131_072);
    expect(await vm.sh('sysctl -n net.netfilter.nf_conntrack_tcp_timeout_established')).toBe('86400');
    expect(await who(vm)).toBe('"who":"admin (login uid 1000)"');
    expect(await vm.sh('journalctl -t ctfix --no-pager -o cat')).toContain('by admin (login uid 1000): applied');
    // Its own change has moved the host: the same plan is no plan for it any more.
    expect(await login(vm, APPLY, 4)).toMatch(/^ +max +\d+ +131072$/m);
    await says(vm, 'rollback', 0);
    expect(await table(vm)).toEqual(before);
    await login(vm, SAVE);
    const asked = `sudo ctfix apply ${PLAN} --yes --confirm-within 10m`;
    expect((await login(vm, asked)).replace(/\s+/g, ' ')).toContain('unless this is run: sudo ctfix confirm');
    await login(vm, 'sudo ctfix confirm');
    expect(await vm.sh(`tail -qn1 $(ls /var/lib/ctfix/journal/*.jsonl | tail -n1)`)).toContain(
      'admin (login uid 1000)',
    );
    await evidence(
      vm,
      'saved plan',
      ['ssh, plan --save as admin, sudo apply PLAN: sysctl -n as planned; who: admin (login uid 1000)'],
      'ufw',
    );
  }),
);

test('the host moves: exit code 4, each thing with old and new, nothing touched', { timeout: HOUR }, () =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, async (vm) => {
    const machine = await vm.sh('cat /etc/machine-id');
    const moves: [string, string, string, RegExp][] = [
      [
        'max',
        'sysctl -qw net.netfilter.nf_conntrack_max=70000',
        'sysctl -qw net.netfilter.nf_conntrack_max=65536',
        /^ +max +65536 +70000$/m,
      ],
      [
        'a timeout',
        'sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=500000',
        'sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=432000',
        /^ +\S*tcp_timeout_established +432000 +500000$/m,
      ],
      [
        'a file',
        'echo net.netfilter.nf_conntrack_max=99999 >/etc/sysctl.d/50-other.conf',
        'rm /etc/sysctl.d/50-other.conf',
        /^ +\/etc\/sysctl\.d\/50-other\.conf +absent.* +sha256 [0-9a-f]{12}$/m,
      ],
      [
        'the firewall',
        'systemctl stop fail2ban ufw',
        'systemctl start ufw fail2ban',
        // Only root sees whether the rules are up without the unit: plan --show of an ordinary user says so.
        /^ +ufw\S*( \(not compared\))? +active +unknown: ufw is enabled/m,
      ],
      [
        'the machine',
        `echo ${'7'.repeat(32)} >/etc/machine-id`,
        `echo ${machine} >/etc/machine-id`,
        new RegExp(`^ +machine id +${machine} +7{32}$`, 'm'),
      ],
    ];
    await login(vm, SAVE);
    for (const [what, there, back, told] of moves) {
      await vm.sh(there);
      const before = await all(vm);
      const said = await login(vm, APPLY, 4);
      expect(said, what).toMatch(/^stale: /m);
      expect(said, what).toMatch(/^ +planned +now$/m);
      expect(said, what).toMatch(told);
      expect(await all(vm), what).toBe(before);
      expect(JSON.parse(await login(vm, `${APPLY} -o json 2>/dev/null`, 4)), what).toMatchObject({
        exit: 'stale',
        changed: false,
      });
      expect(await login(vm, `/usr/local/sbin/ctfix plan --show ${PLAN}`), what).toMatch(told);
      await vm.sh(back);
    }
    await evidence(
      vm,
      'saved plan, stale',
      [`moved by sysctl, a new file, systemctl stop, machine-id: exit 4, /etc and sysctl -a untouched`],
      'ufw',
    );
  }),
);

test('a plan that others could have written is not applied', { timeout: HOUR }, () =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, async (vm) => {
    await login(vm, SAVE);
    const before = await all(vm);
    const bad: [string, string, RegExp][] = [
      ['chmod 666 plans/change.plan', 'chmod 644 plans/change.plan', /everybody can write to it/],
      ['chmod 664 plans/change.plan', 'chmod 644 plans/change.plan', /the group with id 1000 can write to it/],
      [
        'sudo chown nobody plans/change.plan',
        'sudo chown admin plans/change.plan',
        /belongs to the user with id 65534/,
      ],
      ['chmod 777 plans', 'chmod 755 plans', /\/home\/admin\/plans is not safe: everybody can write to it/],
      [
        'sudo -u nobody cp plans/change.plan /tmp/theirs && rm plans/change.plan && ln -s /tmp/theirs plans/change.plan',
        'cp --remove-destination /tmp/theirs plans/change.plan',
        /\/tmp\/theirs is not safe: it belongs to the user with id 65534/,
      ],
    ];
    await vm.sh('chmod 755 /home/admin');
    for (const [there, back, why] of bad) {
      await login(vm, there);
      expect(await login(vm, APPLY, 3), there).toMatch(why);
      expect(await all(vm), there).toBe(before);
      await login(vm, back);
    }
    // Neither a key nor a path of the file's own makes it do anything else.
    await vm.sh(`sed -i 's|/etc/sysctl.d/90-ctfix-conntrack.conf|/etc/sysctl.d/91-theirs.conf|g' /home/admin/${PLAN}`);
    await login(vm, APPLY, 4);
    expect(await all(vm)).toBe(before);
    await login(vm, `${SAVE} && ${APPLY}`);
    await evidence(
      vm,
      'saved plan, not to be trusted',
      [`${bad.length} files that others could write: exit 3; a path changed in it: exit 4`],
      'ufw',
    );
  }),
);
