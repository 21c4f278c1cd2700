/** Why a reload must not begin under a guard, or without the means to carry flows over. Pure. */
import type { Facts, GuardFacts, PlanOptions, Refusal } from './model.ts';

/**
 * The reasons; none where nobody looked (not root).
 * @param options `guard: false` and `carry: false` go without, and then nothing of the kind is asked for
 */
export function guardRefusals(facts: Facts, options: PlanOptions): readonly Refusal[] {
  const { guard } = facts;
  if (guard === undefined) return [];
  return [
    ...(options.guard === false ? [] : [...meansRefusals(guard, facts), ...cutRefusals(guard)]),
    ...(options.carry === false ? [] : carryRefusals(guard, facts)),
  ];
}

const WITHOUT = 'or go without the guard (--no-guard: the host is open meanwhile), or take --strategy live';

function meansRefusals({ nft }: GuardFacts, facts: Facts): readonly Refusal[] {
  const refuse = (what: string, first: string): Refusal[] => [
    { code: 'reload-no-guard', what, remedy: `${first}, ${WITHOUT}` },
  ];
  if (nft === 'no-program') {
    return refuse('there is no nft to keep the host closed while the firewall is down', 'install the package nftables');
  }
  if (nft === 'no-kernel') {
    const what = `the kernel ${facts.machine.kernel} has no nf_tables to keep the host closed while the firewall is down`;
    return refuse(what, 'install the modules of this kernel');
  }
  return [];
}

function cutRefusals({ ssh, storage, cluster, cutArrival }: GuardFacts): readonly Refusal[] {
  const refuse = (code: string, what: string): Refusal => ({ code: `reload-${code}`, what, remedy: REMEDY });
  return [
    ...(cutArrival === undefined
      ? []
      : [
          {
            code: 'reload-arrival',
            what: `you came through ${cutArrival}: the guard does not know that way and would cut you off`,
            remedy: `run this on a console of the host, or over ssh to an address of the host, or ${REMEDY}`,
          },
        ]),
    ...ssh.flatMap(({ theirs, tunnel }) =>
      tunnel === undefined
        ? []
        : [refuse('tunnel', `the ssh connection from ${theirs} comes through ${tunnel}, and the guard would cut it`)],
    ),
    ...storage.map(({ where, what }) =>
      refuse('network-storage', `${where} is ${what}, and the guard would cut the system off from it`),
    ),
    ...cluster.map((program) =>
      refuse('cluster', `${program} runs: the guard would silence it, and another host would take over`),
    ),
  ];
}

const REMEDY = 'take --strategy live, or go without the guard (--no-guard: the host is open meanwhile)';

function carryRefusals({ conntrack }: GuardFacts, { machine }: Facts): readonly Refusal[] {
  if (conntrack === 'loads') return [];
  const debian = ['debian', 'ubuntu', 'raspbian', 'linuxmint'].includes(machine.os.id);
  const missing =
    conntrack === 'no-program'
      ? 'there is no conntrack to carry the flows over'
      : 'this conntrack cannot load what it has saved (from 1.4.7 on it can), so no flow could be carried over';
  const remedy = `install the package ${debian ? 'conntrack' : 'conntrack-tools'}, or let every flow be forgotten (--no-carry), or take --strategy live`;
  return [{ code: 'reload-no-carry', what: missing, remedy }];
}
