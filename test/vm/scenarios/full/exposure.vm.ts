// The guard and the flow carry: nobody gets in while the firewall is down, eleven kinds of flows live on with their
// marks, and packets that would keep the unload from ever ending are seen before it.
import { expect, test } from 'vitest';
import { evidence } from '../../lab/evidence.ts';
import { active, expectRuleset, ruleset } from '../../lab/firewalls.ts';
import { type Flows, KINDS_OF_FLOWS, openFlows } from '../../lab/flows.ts';
import { holdInQdisc } from '../../lab/listener.ts';
import { canLogIn, openSession } from '../../lab/peer.ts';
import { type Vm, withVm } from '../../machine.ts';
import { exposure, noGuard } from '../guard-hands.ts';
import { APPLY, expectAsBefore, look, says } from '../reload-hands.ts';

/** Three ways there and two back, each waiting for TCP to try again. */
const LIMIT_MS = 1_800_000;
const LIVE = APPLY.replace('reload', 'live');
const PLAN = APPLY.replace('apply --yes', 'plan');
/** The peer once more, through a tunnel whose packets ufw lets in. */
const TUNNEL = `
iptables -I INPUT -p 4 -j ACCEPT
ip link add tun9 type ipip local 10.77.0.1 remote 10.77.0.2
ip addr add 10.88.0.1/24 dev tun9
ip link set tun9 up
ip -n peer link add tun9 type ipip local 10.77.0.2 remote 10.77.0.1
ip -n peer addr add 10.88.0.2/24 dev tun9
ip -n peer link set tun9 up
printf 'Host *\\n  StrictHostKeyChecking no\\n  UserKnownHostsFile /dev/null\\n  LogLevel ERROR\\n' >/root/.ssh/config`;

for (const kind of ['ufw', 'nftables'] as const) {
  test(`${kind}: nobody gets in during a reload, thousands during the bare recipe`, () => exposure(kind));

  test(
    `${kind}: eleven kinds of flows outlive a reload, its rollback, a live change and a reload that went back`,
    () =>
      withVm({ firewall: kind, nat: false }, async (vm) => {
        const flows = await openFlows(vm, kind);
        const rules = await ruleset(vm);
        expect([await flows.dead(), await listening(vm)]).toEqual([{}, 1]);
        const said = await says(vm, APPLY, 0);
        expect(await listening(vm)).toBe(1);
        await allAlive(flows);
        expect(said).toMatch(/(\d+) of \1 flows are restored/);
        await says(vm, 'ctfix rollback', 0);
        await allAlive(flows);
        await says(vm, LIVE, 0);
        await allAlive(flows);
        await says(vm, 'ctfix rollback', 0);
        await stuckReload(vm, kind);
        await allAlive(flows);
        await noGuard(vm);
        await expectRuleset(vm, rules);
        expect(await vm.sh('ls /run/ctfix-flows 2>/dev/null || true')).toBe('');
        const seen = `${KINDS_OF_FLOWS} of ${KINDS_OF_FLOWS} alive, ${KINDS_OF_FLOWS} with their mark (conntrack -L) after each`;
        await evidence(vm, 'flows: reload, rollback, live, a reload that went back', seen, kind);
      }),
    LIMIT_MS,
  );
}

test('what the guard would cut, or cannot be had, is named ahead: nothing is touched, no module loaded', () =>
  withVm({ firewall: 'ufw' }, async (vm) => {
    const seen = async () => [await ruleset(vm), await vm.sh(`lsmod | cut -d' ' -f1,3 | sort`)];
    await vm.sh(TUNNEL);
    const session = await openSession(vm, '10.88.0.1');
    await vm.sh('cp /bin/sleep /usr/local/sbin/keepalived');
    const daemon = await vm.spawn('exec /usr/local/sbin/keepalived 1000');
    const before = await seen();
    const said = await says(vm, APPLY, 3);
    expect(said).toMatch(/the ssh connection from 10\.88\.0\.2 comes through tun9 \(ipip\)/);
    expect(said).toMatch(/keepalived \(\d+\) runs/);
    expect(said).toContain('--no-guard');
    await says(vm, `${PLAN} --no-guard`, 0);
    await session.stop();
    await daemon.stop();
    await says(vm, PLAN, 0);
    await vm.sh('mv /usr/sbin/conntrack /root');
    expect(await says(vm, APPLY, 3)).toContain('install the package conntrack');
    expect(await says(vm, `${PLAN} --no-carry`, 0)).toContain('every connection is forgotten');
    await vm.sh('mv /usr/sbin/nft /root');
    expect(await says(vm, `${APPLY} --no-carry`, 3)).toContain('install the package nftables');
    await vm.sh('mv /root/nft /root/conntrack /usr/sbin');
    expect(await seen()).toEqual(before);
    await noGuard(vm);
    await evidence(vm, 'refusals of the guard', 'exit 3 with the name; lsmod and ruleset as before', 'ufw');
  }));

/** 1: nf_conntrack_netlink is not loaded, as before; the marks cannot be looked at without it. */
async function listening(vm: Vm): Promise<number> {
  return (await vm.run('test -d /sys/module/nf_conntrack_netlink')).code;
}

async function allAlive(flows: Flows): Promise<void> {
  expect(await flows.dead()).toEqual({});
  expect(await flows.marked()).toBe(KINDS_OF_FLOWS);
}

/** Packets wait in a qdisc: the count does not reach zero, so nothing is unloaded, and everything goes back. */
async function stuckReload(vm: Vm, kind: 'ufw' | 'nftables'): Promise<void> {
  const held = await holdInQdisc(vm);
  const before = await look(vm, kind);
  expect(await says(vm, APPLY, 5)).toMatch(/\d+ flows are held by packets .* an unload would never end/);
  expectAsBefore(before, await look(vm, kind), { module: 'same' });
  expect([await active(vm, kind), await canLogIn(vm)]).toEqual([true, true]);
  await held.release();
}
