// What ctfix doctor says about hosts that are really in trouble, and that its remedy ends it: the verdict before, the
// command that it gives, the verdict after. A fresh host is well.
import { expect, test } from 'vitest';
import { evidence } from '../../lab/evidence.ts';
import { otherNamespace } from '../../lab/listener.ts';
import { fillTable, tryConnections } from '../../lab/peer.ts';
import { type Vm, withVm } from '../../machine.ts';
import { ADMIN, ctfix, says, setTable, table } from '../hands.ts';

const TOOLS = '/usr/local/lib/ctfix-test';

/** What it says to a person, without the ends of its lines. */
async function told(vm: Vm, user = {}): Promise<string> {
  return (await says(vm, 'doctor', 2, user)).replace(/\s+/g, ' ');
}

/** Codes in their order, with the severity: `critical table-full`. */
async function verdict(vm: Vm, user = {}): Promise<string[]> {
  const { stdout } = await ctfix(vm, 'doctor -o json', user);
  const { findings } = JSON.parse(stdout) as { findings: { severity: string; code: string }[] };
  return findings.map(({ severity, code }) => `${severity} ${code}`);
}

for (const firewall of [undefined, 'ufw', 'nftables'] as const) {
  test(`a fresh host, ${firewall ?? 'no firewall'}: all well, as root and as an ordinary user`, () =>
    withVm(firewall === undefined ? {} : { firewall }, async (vm) => {
      const modules = await vm.sh('cut -d" " -f1 /proc/modules | sort');
      for (const user of [{}, ADMIN]) {
        expect(await says(vm, 'doctor', 0, user)).toMatch(/^all well: /);
        expect(await verdict(vm, user)).toEqual([]);
      }
      // The lab's peer is a network namespace; without a process in it nobody can see its table.
      if (firewall === undefined) expect(await says(vm, 'doctor', 0)).not.toContain('not looked at');
      expect(await says(vm, 'doctor', 0, ADMIN)).toMatch(/not looked at[\s\S]*the kernel log[\s\S]*sudo ctfix doctor/);
      expect(await vm.sh('cut -d" " -f1 /proc/modules | sort')).toBe(modules);
      await evidence(vm, 'doctor, a fresh host', 'exit 0, no finding; lsmod as before', firewall);
    }));
}

test('a full table', () =>
  withVm({ firewall: 'ufw' }, async (vm) => {
    await setTable(vm, { max: 200, buckets: 512 });
    await fillTable(vm, 200);
    expect(await says(vm, 'doctor', 2)).toMatch(/1\. critical: the table of 200 flows is full[\s\S]*sudo ctfix apply/);
    expect(await says(vm, 'doctor', 2, ADMIN)).toMatch(/critical: the table of 200 flows is full/);
    await says(vm, 'apply --yes', 0);
    expect(await tryConnections(vm, 20)).toEqual({ worked: 20, failed: 0 });
    expect(await verdict(vm)).toEqual([]);
    await evidence(
      vm,
      'doctor, a full table',
      'exit 2 table-full; after its apply 20 of 20 connections, exit 0',
      'ufw',
    );
  }));

test('a short hash: the kernel refuses flows while the table is nearly empty', () =>
  withVm({ firewall: 'ufw' }, async (vm) => {
    await setTable(vm, { max: 262_144, buckets: 512 });
    expect(await verdict(vm)).toContain('warning hash-too-short');
    const sender = await vm.spawn(`exec python3 -c '${MANY_FLOWS}'`);
    await vm.waitFor(`conntrack -S | grep -q 'chaintoolong=[1-9]'`, 'inserts are refused for a long chain', 120_000);
    const said = await says(vm, 'doctor', 2);
    expect(said).toMatch(/critical: the hash is too short[\s\S]*average chain 1,024 when[\s\S]*\(chaintoolong\)/);
    await says(vm, 'apply --yes', 0);
    expect((await table(vm)).buckets).toBe(262_144);
    const refused = await vm.sh(`conntrack -S | grep -o 'chaintoolong=[0-9]*'`);
    await vm.sh('sleep 5');
    expect(await vm.sh(`conntrack -S | grep -o 'chaintoolong=[0-9]*'`)).toBe(refused);
    expect(await verdict(vm)).not.toContain('critical hash-too-short');
    await sender.stop();
    const lines = ['conntrack -S: chaintoolong rises at 512 buckets, not after apply (262144)'];
    await evidence(vm, 'doctor, a short hash', lines, 'ufw');
  }));

/** UDP packets from here to 30,000 ports of the peer, again and again: each is a flow for 30 seconds. */
const MANY_FLOWS = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    for port in range(10000, 40000):
        try: s.sendto(b"x", ("10.77.0.2", port))
        except OSError: pass
`;

test('a drop-in that the boot loses', () =>
  withVm({ firewall: 'ufw' }, async (vm) => {
    await vm.put('/etc/sysctl.d/90-site.conf', '# ours\nnet.netfilter.nf_conntrack_max = 150000\n', 0o644);
    await vm.reboot();
    await vm.sh('udevadm settle && systemctl is-active ufw');
    expect((await table(vm)).max).toBe(65_536);
    for (const user of [{}, ADMIN]) {
      expect(await told(vm, user)).toMatch(
        /\[drop-in-lost\] - \S+: 150000 in \/etc\/sysctl.d\/90-site.conf:2 was lost, read before the module was loaded/,
      );
    }
    await says(vm, 'apply --yes', 0);
    await vm.reboot();
    await vm.sh('udevadm settle && systemctl is-active ufw');
    expect((await table(vm)).max).toBe(150_000);
    expect(await verdict(vm)).toEqual([]);
    const lines = 'sysctl -n after the boot: 65536, exit 2 drop-in-lost; after its apply and a boot: 150000, exit 0';
    await evidence(vm, 'doctor, a lost drop-in', lines, 'ufw');
  }));

/** Who sets another value than the one that ctfix holds, and how it comes into force. */
const OWNERS = [
  {
    name: 'ufw',
    code: 'warning ufw-sysctl',
    write: "echo 'net/netfilter/nf_conntrack_max=70000' >> /etc/ufw/sysctl.conf && systemctl restart ufw",
    proof: /\/etc\/ufw\/sysctl.conf:\d+\s+sets\s+70000\s+later/,
    again: 'systemctl restart ufw',
  },
  {
    name: 'a later file',
    code: 'warning later-sysctl',
    write:
      "echo 'net.netfilter.nf_conntrack_max = 70000' > /etc/sysctl.d/99-cloud.conf && systemctl restart systemd-sysctl",
    proof: /\/etc\/sysctl.d\/99-cloud.conf:1\s+sets\s+70000\s+later/,
    again: 'systemctl restart systemd-sysctl',
  },
] as const;

for (const { name, code, write, proof, again } of OWNERS) {
  test(`another owner: ${name}`, () =>
    withVm({ firewall: 'ufw' }, async (vm) => {
      await says(vm, 'apply --yes --max 150000', 0);
      expect(await verdict(vm)).toEqual([]);
      await vm.sh(write);
      expect((await table(vm)).max).toBe(70_000);
      const said = await says(vm, 'doctor', 2);
      expect(said).toMatch(proof);
      expect(await verdict(vm)).toContain(code);
      const command = /sudo (ctfix apply --max 150000 --take-over)/.exec(said)?.[1];
      expect(command, said).toBeDefined();
      await vm.sh(`${command} --yes`);
      await vm.sh(`${again} && udevadm settle`);
      expect((await table(vm)).max).toBe(150_000);
      expect(await verdict(vm)).toEqual([]);
      await evidence(vm, `doctor, ${name} overrides`, `exit 2 ${code}; after ${command} and ${again}: 150000`, 'ufw');
    }));
}

for (const kernel of ['6.1', '6.12'] as const) {
  test(`kernel ${kernel}: the table of another namespace is full, and the log does not say whose`, () =>
    withVm({ kernel }, async (vm) => {
      await otherNamespace(vm, 'nft');
      await vm.sh('ip -n tenant link set lo up && sysctl -qw net.netfilter.nf_conntrack_max=100');
      await vm.spawn(`exec ip netns exec tenant python3 ${TOOLS}/echo.py 7000`);
      await vm.waitFor('ip netns exec tenant ss -Hltn sport = :7000 | grep -q .', 'the echo server listens');
      const hold = `python3 ${TOOLS}/hold.py open /run/ctfix-test/hold-tenant 127.0.0.1 7000 140`;
      await vm.spawn(`exec ip netns exec tenant ${hold}`);
      await vm.waitFor(`dmesg | grep -q 'table full'`, 'the kernel says that a table is full');
      expect(await vm.sh('sysctl -n net.netfilter.nf_conntrack_count')).toBe('0');
      const said = await told(vm);
      expect(said).toMatch(/1\. critical: the table of another network namespace is full, not the one of this host/);
      expect(said).toMatch(/network namespace tenant \(\d+\): python3 \(\d+\)/);
      expect(await verdict(vm)).not.toContain('critical table-full');
      await says(vm, 'apply --max 1000 --yes', 0);
      const attempt = `python3 ${TOOLS}/hold.py try 127.0.0.1 7000 20 5`;
      expect(JSON.parse(await vm.sh(`ip netns exec tenant ${attempt}`))).toEqual({ worked: 20, failed: 0 });
      expect(await verdict(vm)).toEqual([]);
      const lines = 'count 0 here, exit 2 namespace-full with its name; after apply --max 20 of 20 connections there';
      await evidence(vm, 'doctor, another namespace is full', lines);
    }));
}
