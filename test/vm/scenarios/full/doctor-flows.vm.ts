// What ctfix doctor says about flows that are dead, that lose a race, and that a firewall's restart takes with it: the
// trouble and its end as conntrack and sysctl show them.
import { expect, test } from 'vitest';
import { evidence } from '../../lab/evidence.ts';
import { withVm } from '../../machine.ts';
import { cure, EARLY, expectFinding, expectSeen, findings, MAX, MAX_KEY, max } from '../doctor-hands.ts';

/** A flow of every kind that conntrack(8) can load, many times. */
const flows = (kind: string, count: number) =>
  Array.from({ length: count }, (_, at) => `${kind.replaceAll('PORT', String(4000 + at))}\n`).join('');
const ENDED =
  '-A -t 3000 -u SEEN_REPLY,ASSURED -s 10.9.0.2 -d 10.9.1.2 -r 10.9.1.2 -q 10.9.0.2 -p tcp --sport PORT --dport 80 --reply-port-src 80 --reply-port-dst PORT --state TIME_WAIT';
const UNANSWERED =
  '-A -t 3000 -u UNSET -s 10.9.0.3 -d 10.9.1.3 -r 10.9.1.3 -q 10.9.0.3 -p udp --sport PORT --dport 53 --reply-port-src 53 --reply-port-dst PORT';

test('dead flows: those that ended, and those that nobody answered', () =>
  withVm({}, async (vm) => {
    await vm.sh(`modprobe nf_conntrack && sysctl -qw ${MAX_KEY}=400 && conntrack -C`);
    await vm.put('/root/flows', flows(UNANSWERED, 350));
    await vm.sh('conntrack -R /root/flows');
    const unanswered = { code: 'warning dead-entries', says: /350 of 400[\s\S]*100 % were never answered/ };
    const { remedies } = await expectFinding(vm, unanswered);
    const top = remedies.find(({ command }) => command?.includes('ctfix top'))?.command;
    expect(await vm.sh(top ?? 'false')).toMatch(/10\.9\.0\.3[\s\S]*350|350[\s\S]*10\.9\.0\.3/);
    await vm.sh('conntrack -D -s 10.9.0.3 >/dev/null 2>&1');
    expect(await vm.sh('conntrack -C')).toBe('0');
    expect((await findings(vm)).map(({ code }) => code)).not.toContain('dead-entries');
    await vm.put('/root/flows', flows(ENDED, 350));
    await vm.sh('conntrack -R /root/flows');
    const ended = await expectFinding(vm, {
      code: 'warning dead-entries',
      says: /100 % are TCP connections that have/,
    });
    const command = await cure(vm, ended);
    expect(await vm.sh('sysctl -n net.netfilter.nf_conntrack_tcp_timeout_time_wait')).toBe('30');
    await vm.sh('conntrack -F >/dev/null 2>&1');
    expect((await findings(vm)).map(({ code }) => code)).not.toContain('dead-entries');
    await evidence(vm, 'doctor, dead flows', [
      '350 of 400 unanswered: ctfix top names 10.9.0.3; after conntrack -D -s 10.9.0.3 conntrack -C is 0',
      `350 of 400 in TIME_WAIT: after ${command} sysctl -n tcp_timeout_time_wait is 30`,
    ]);
  }));

/** A new flow fifty times a second, each from a socket of its own. */
const SENDER = `
import socket, time
while True:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try: s.sendto(b"x", ("127.0.0.1", 7001))
        except OSError: pass
    time.sleep(0.02)
`;
const FAILED = "conntrack -S | grep -o 'insert_failed=[0-9]*' | awk -F= '{ sum += $2 } END { print sum }'";
const SNAT = 'add rule ip lab post udp dport 7001 snat to';

test('flows that lose the race for a port: not for want of room', () =>
  withVm({}, async (vm) => {
    const rules = `table ip lab { chain post { type nat hook postrouting priority 100; }; }\n${SNAT} 127.0.0.1:5000\n`;
    await vm.sh('nft -f -', { input: rules });
    const sender = await vm.spawn(`exec python3 -c '${SENDER}'`);
    await vm.waitFor(`test "$(${FAILED})" -gt 100`, 'inserts fail');
    const races = { code: 'warning insert-races', says: /a larger table does not help[\s\S]*fully-random/ };
    await expectFinding(vm, { ...races, not: 'table-full' });
    await vm.sh('nft -f -', { input: `flush chain ip lab post\n${SNAT} 127.0.0.1:10000-60000 fully-random\n` });
    const failed = await vm.sh(FAILED);
    await vm.sh('sleep 5');
    expect(await vm.sh(FAILED)).toBe(failed);
    const left = (await findings(vm)).map(({ severity, code }) => `${severity} ${code}`);
    expect(left).not.toContain(races.code);
    await sender.stop();
    const line = 'conntrack -S: insert_failed rises with snat to one port, exit 2 insert-races; not with fully-random';
    await evidence(vm, 'doctor, a race for a port', line);
  }));

test('a restart of iptables unloads the module, and what was set with it', () =>
  withVm({ firewall: 'iptables-service' }, async (vm) => {
    const restart = 'systemctl stop iptables ip6tables && systemctl start iptables ip6tables && udevadm settle';
    await vm.put('/etc/sysctl.d/90-site.conf', max(150_000));
    for (const [path, text] of Object.entries(EARLY)) await vm.put(path, text);
    await vm.sh('systemctl restart systemd-sysctl');
    await expectSeen(vm, [MAX, '150000']);
    const next = {
      code: 'warning iptables-unload',
      says: /iptables-config:2[\s\S]*150,000 now, 65,536 after the next load/,
    };
    await expectFinding(vm, next);
    await expectSeen(vm, [`${restart} && ${MAX}`, '65536']);
    const past = {
      code: 'warning iptables-unload',
      says: /unloaded nf_conntrack since the boot[\s\S]*150,000 at a boot/,
    };
    const command = await cure(vm, await expectFinding(vm, past));
    await expectSeen(vm, [`${restart} && ${MAX}`, '150000']);
    expect((await findings(vm)).map(({ code }) => code)).not.toContain('iptables-unload');
    const line = `sysctl -n after a restart of iptables and ip6tables: 65536; after ${command} and a restart: 150000`;
    await evidence(vm, 'doctor, iptables unloads the module', line, 'iptables-service');
  }));
