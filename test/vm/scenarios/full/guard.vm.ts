// The guard under the other firewalls; a large table carried over; an unload that does not end.
import { expect, test } from 'vitest';
import { evidence } from '../../lab/evidence.ts';
import { expectRuleset, ruleset } from '../../lab/firewalls.ts';
import { openFlows } from '../../lab/flows.ts';
import { holdInQdisc } from '../../lab/listener.ts';
import { canLogIn, HOST4, openSession, tryConnections } from '../../lab/peer.ts';
import { type Vm, withVm } from '../../machine.ts';
import { exposure, noGuard } from '../guard-hands.ts';
import { APPLY, says } from '../reload-hands.ts';

const ENTRIES = 100_000;

for (const kind of ['iptables-service', 'netfilter-persistent', 'firewalld'] as const) {
  test(`${kind}: nobody gets in during a reload, thousands during the bare recipe`, () => exposure(kind));
}

test('without the flow carry some flows do not outlive a reload', () =>
  withVm({ firewall: 'ufw', nat: false }, async (vm) => {
    const flows = await openFlows(vm, 'ufw');
    expect(await flows.dead()).toEqual({});
    await says(vm, `${APPLY} --no-carry`, 0);
    const dead = Object.keys(await flows.dead(120));
    expect(dead.length).toBeGreaterThan(1);
    await evidence(vm, 'flows: a reload with --no-carry', `dead: ${dead.join(', ')}`, 'ufw');
  }));

test('an unload that the kernel does not end: closed, admins let in, and all back once the packets are gone', () =>
  withVm({ firewall: 'ufw' }, async (vm) => {
    const rules = await ruleset(vm);
    const session = await openSession(vm);
    const held = await holdInQdisc(vm);
    // Without conntrack nobody can see it coming.
    await vm.sh('mv /usr/sbin/conntrack /root');
    const said = await says(vm, `${APPLY} --no-carry`, 6);
    expect(said).toMatch(/nothing can end that but the packet, or a reboot/);
    expect(said).toMatch(/stays closed behind the guard/);
    expect(said).toContain('reboot the machine');
    expect(await vm.sh('cat /sys/module/nf_conntrack/initstate')).toBe('going');
    expect([await session.alive(), await canLogIn(vm)]).toEqual([true, true]);
    expect(await tryConnections(vm, 5)).toEqual({ worked: 0, failed: 5 });
    await held.release();
    await vm.waitFor('! test -e /sys/module/nf_conntrack', 'the unload ends');
    await says(vm, 'ctfix rollback', 0);
    await noGuard(vm);
    await expectRuleset(vm, rules);
    expect(await tryConnections(vm, 5, { limitMs: 20_000 })).toEqual({ worked: 5, failed: 0 });
    await evidence(
      vm,
      'an unload that does not end',
      'exit 6: initstate going, no connection in, ssh alive, new login works; rollback after the packets were freed: all as before',
      'ufw',
    );
  }));

test('a reload is refused where the guard would cut off the one who calls, and only there', () =>
  withVm({ firewall: 'ufw' }, async (vm) => {
    // Somebody else's connection, which the guard would let through, is nobody's way but his own.
    const session = await openSession(vm);
    const plan = '/usr/local/sbin/ctfix plan --strategy reload --max 131072';
    const options = '-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR';
    await vm.sh('cp /bin/bash /root/mosh-server');
    for (const [who, command, code] of [
      ['console', plan, 0],
      ['unit', `systemd-run --quiet --pipe --wait ${plan}`, 0],
      ['ssh', `ip netns exec peer ssh ${options} root@${HOST4} ${plan}`, 0],
      ['ssh, sudo', `ip netns exec peer ssh ${options} admin@${HOST4} sudo ${plan}`, 0],
      ['ssh, what the session left behind', `ip netns exec peer ssh ${options} root@${HOST4} setsid --wait ${plan}`, 0],
      ['ssh from this host', `ssh ${options} root@127.0.0.1 ${plan}`, 3],
      ['ssh and sudo from this host', `ssh ${options} admin@127.0.0.1 sudo ${plan}`, 3],
      ['the same, without the guard', `ssh ${options} root@127.0.0.1 ${plan} --no-guard`, 0],
      ['mosh', `/root/mosh-server -c '${plan}; exit $?'`, 3],
      ['mosh, apply', `/root/mosh-server -c '${APPLY}; exit $?'`, 3],
    ] as const) {
      const run = await vm.run(command, { timeout: 90_000 });
      const said = (run.stdout + run.stderr).replace(/\s+/g, ' ');
      expect(run.code, `${who}: ${said}`).toBe(code);
      if (code === 3) expect(said, who).toMatch(/you came through (sshd|mosh-server).*(console).*--no-guard/);
      else expect(said, who).not.toContain('you came through');
    }
    await session.stop();
    await evidence(
      vm,
      'who calls for a reload',
      'console, unit, ssh, ssh and sudo: planned; ssh from this host and mosh: exit 3, with --no-guard 0',
      'ufw',
    );
  }));

test('100,000 flows are carried over', () =>
  withVm({ firewall: 'ufw' }, async (vm) => {
    await vm.sh('sysctl -qw net.netfilter.nf_conntrack_max=131072');
    await vm.put('/root/fill.py', FILL);
    await vm.sh(`python3 /root/fill.py ${ENTRIES} | conntrack -R -`, { timeout: 600_000 });
    expect(await saved(vm)).toBe(ENTRIES);
    const said = await says(vm, APPLY, 0);
    expect(await saved(vm)).toBe(ENTRIES);
    const times = [...said.matchAll(/^done .*flows are (?:saved|restored).*$/gm)].map(([line]) => line.trim());
    await evidence(vm, '100,000 flows', [`conntrack -L: ${ENTRIES} of ours after the reload`, ...times], 'ufw');
  }));

/** Lines as conntrack saves them, a third of them NAT; addresses that nothing here has. */
const FILL = `import sys
for n in range(int(sys.argv[1])):
    client, port = f'198.18.{n // 250 % 250}.{n % 250 + 1}', 1024 + n // 62500
    nat = f'-q 203.0.113.1 -p tcp --sport {port} --dport 443 --reply-port-src 443 --reply-port-dst {1024 + n // 3}' if n % 3 == 0 else f'-q {client} -p tcp --sport {port} --dport 443 --reply-port-src 443 --reply-port-dst {port}'
    print(f'-A -t 86400 -u SEEN_REPLY,ASSURED -s {client} -d 192.0.2.{n % 3 + 1} -r 192.0.2.{n % 3 + 1} {nat} --state ESTABLISHED -m {n % 7}')
`;

/** Ours, with the mark that each was given. */
async function saved(vm: Vm): Promise<number> {
  const marks = await vm.sh(
    `conntrack -L 2>/dev/null | grep ' src=198.18.' | grep -o ' mark=[0-6] ' | sort | uniq -c`,
    {
      timeout: 600_000,
    },
  );
  const counts = marks.split('\n').map((line) => Number(line.trim().split(' ')[0]));
  expect(counts.length).toBe(7);
  return counts.reduce((sum, each) => sum + each, 0);
}
