// Eleven long-lived TCP connections: to this machine, from it, and through it, with NAT; each with a mark.
import type { Background, Guest } from '../guest.ts';
import { putProbe } from './exposure.ts';
import type { Kind } from './firewalls.ts';
import { HOST4, PEER4 } from './peer.ts';

const DIR = '/run/ctfix-test';
const INSIDE = '10.99.0.2';
const CONTROLS = ['outside', 'here', 'inside'].map((name) => `${DIR}/flows-${name}`);
const MARK = 42;
/** Established, to one of the ports below. */
const OURS = 'ESTABLISHED .* dport=7(000|10[01]|[23]00) ';

/** Who opens them: a peer outside, this machine, a host inside behind NAT. `r`: MASQUERADE --random-fully. */
const FLOWS = {
  outside: [
    `in-ping,${HOST4},7000,ping`,
    `in-push,${HOST4},7300,push`,
    `dnat-ping,${HOST4},7200,ping`,
    `dnat-push,${HOST4},7200,push`,
    `dnat-idle,${HOST4},7200,idle`,
  ],
  here: [`out-ping,${PEER4},7100,ping`, `out-push,${PEER4},7100,push`],
  inside: [
    `snat-ping,${PEER4},7100,ping`,
    `snatr-ping,${PEER4},7101,ping`,
    `snat-push,${PEER4},7100,push`,
    `snat-idle,${PEER4},7100,idle`,
  ],
};
export const KINDS_OF_FLOWS = Object.values(FLOWS).flat().length;

export type Flows = {
  /** Those that are not alive, with the reason; {} when all are. */
  dead(limitSeconds?: number): Promise<Record<string, string>>;
  /** How many flows to or from these connections have the mark. */
  marked(): Promise<number>;
  stop(): Promise<void>;
};

/** Makes a host inside, lets it out and the outside in to it, and opens all connections. ufw or nftables. */
export async function openFlows(vm: Guest, kind: Kind): Promise<Flows> {
  const probe = await putProbe(vm, 'flows.py');
  await vm.sh(INSIDE_NAMESPACE);
  await vm.sh(kind === 'nftables' ? NFT_RULES : IPTABLES_RULES);
  const jobs: Background[] = [];
  const start = async (command: string, word: string) => {
    const job = await vm.spawn(`exec ${command}`);
    jobs.push(job);
    for (const deadline = Date.now() + 120_000; !(await job.output()).includes(word); ) {
      if (Date.now() > deadline || !(await job.running())) throw new Error(`${command}:\n${await job.output()}`);
    }
  };
  await start(`python3 ${probe} serve 7300`, 'serving');
  await start(`ip netns exec peer python3 ${probe} serve 7100 7101`, 'serving');
  await start(`ip netns exec inside python3 ${probe} serve 7200`, 'serving');
  await vm.sh(`rm -f ${CONTROLS.join(' ')}`);
  const hold = (where: string, flows: string[]) => `python3 ${probe} hold ${DIR}/flows-${where} ${flows.join(' ')}`;
  await start(`ip netns exec peer ${hold('outside', FLOWS.outside)}`, 'holding');
  await start(hold('here', FLOWS.here), 'holding');
  await start(`ip netns exec inside ${hold('inside', FLOWS.inside)}`, 'holding');
  return {
    dead: async (limitSeconds = 240) => {
      const check = `python3 ${probe} check ${limitSeconds} ${CONTROLS.join(' ')}`;
      const found = Object.entries(JSON.parse(await vm.sh(check, { timeout: (limitSeconds + 60) * 1000 })));
      if (found.length !== KINDS_OF_FLOWS) throw new Error(`${found.length} flows of ${KINDS_OF_FLOWS}`);
      return Object.fromEntries(found.filter(([, state]) => state !== 'alive')) as Record<string, string>;
    },
    marked: async () =>
      Number(await vm.sh(`conntrack -L -p tcp 2>/dev/null | grep ' mark=${MARK} ' | grep -cE '${OURS}' || true`)),
    stop: async () => {
      for (const job of jobs) await job.stop();
    },
  };
}

const INSIDE_NAMESPACE = `
ip link show inside0 >/dev/null 2>&1 && exit 0
ip netns add inside
ip link add inside0 type veth peer name eth0 netns inside
ip addr add 10.99.0.1/24 dev inside0
ip link set inside0 up
ip -n inside addr add ${INSIDE}/24 dev eth0
ip -n inside link set lo up
ip -n inside link set eth0 up
ip -n inside route add default via 10.99.0.1
sysctl -qw net.ipv4.ip_forward=1`;

// The mark is set by the first packet alone: one that is lost is not set again by the next packet.
const IPTABLES_RULES = `
iptables -t mangle -A PREROUTING -p tcp -m conntrack --ctstate NEW -j CONNMARK --set-mark ${MARK}
iptables -t mangle -A OUTPUT -p tcp -m conntrack --ctstate NEW -j CONNMARK --set-mark ${MARK}
iptables -t nat -A POSTROUTING -s ${INSIDE} -o lab0 -p tcp --dport 7101 -j MASQUERADE --random-fully
iptables -t nat -A POSTROUTING -s ${INSIDE} -o lab0 -j MASQUERADE
iptables -t nat -A PREROUTING -i lab0 -p tcp --dport 7200 -j DNAT --to-destination ${INSIDE}:7200
iptables -I FORWARD -i inside0 -o lab0 -j ACCEPT
iptables -I FORWARD -i lab0 -o inside0 -p tcp --dport 7200 -j ACCEPT
iptables -I INPUT -i lab0 -p tcp --dport 7300 -j ACCEPT`;

const NFT_RULES = `nft -f - <<END
table ip lab_router {
  chain marks {
    type filter hook prerouting priority mangle;
    meta l4proto tcp ct state new ct mark set ${MARK}
  }
  chain own {
    type filter hook output priority mangle;
    meta l4proto tcp ct state new ct mark set ${MARK}
  }
  chain from {
    type nat hook postrouting priority srcnat;
    ip saddr ${INSIDE} oifname "lab0" tcp dport 7101 masquerade fully-random
    ip saddr ${INSIDE} oifname "lab0" masquerade
  }
  chain to {
    type nat hook prerouting priority dstnat;
    iifname "lab0" tcp dport 7200 dnat to ${INSIDE}:7200
  }
}
insert rule inet filter forward iifname "inside0" oifname "lab0" accept
insert rule inet filter forward iifname "lab0" oifname "inside0" tcp dport 7200 accept
insert rule inet filter input iifname "lab0" tcp dport 7300 accept
END`;
