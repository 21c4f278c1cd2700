// How the guard scenarios measure: what gets in during the bare recipe and during a reload, in one machine.
import { expect } from 'vitest';
import type { Kernel } from '../image.ts';
import { evidence } from '../lab/evidence.ts';
import { bareRecipe, type Exposure, exposedDuring, type LetIn } from '../lab/exposure.ts';
import { expectRuleset, type Kind, ruleset } from '../lab/firewalls.ts';
import { canLogIn, openSession } from '../lab/peer.ts';
import { type Vm, withVm } from '../machine.ts';
import { APPLY, says } from './reload-hands.ts';

const NONE: LetIn = { tcp4: 0, tcp6: 0, udp4: 0, udp6: 0 };
/** As nft lists it. */
export const GUARD = 'nft list table inet ctfix_guard';

/** The bare recipe lets many in, the reload lets nobody in, and leaves rules, session and login as they were. */
export async function exposure(kind: Kind, kernel: Kernel = '6.1'): Promise<void> {
  await withVm({ kernel, firewall: kind }, async (vm) => {
    const before = await ruleset(vm);
    const bare = await exposedDuring(vm, () => bareRecipe(vm, kind));
    expect(Math.min(...Object.values(bare.letIn)), told('bare', bare)).toBeGreaterThan(20);
    // The recipe's stop took it along (PartOf), its start does not bring it back.
    await vm.sh('systemctl start fail2ban');
    await expect.poll(async () => seedless(await ruleset(vm)), { timeout: 180_000 }).toBe(seedless(before));
    const rules = await ruleset(vm);
    const session = await openSession(vm);
    let said = '';
    const guarded = await exposedDuring(vm, async () => {
      said = await says(vm, APPLY, 0);
    });
    expect(guarded.letIn, told('ctfix', guarded)).toEqual(NONE);
    expect(triesASecond(guarded), told('ctfix', guarded)).toBeGreaterThanOrEqual(200);
    expect(Number(/it kept (\d+) packets out/.exec(said)?.[1])).toBeGreaterThan(100);
    expect(await session.alive()).toBe(true);
    await noGuard(vm);
    await expectRuleset(vm, rules);
    expect(await canLogIn(vm)).toBe(true);
    await evidence(vm, 'let in by the firewall that is down', [told('bare', bare), told('ctfix', guarded)], kind);
  });
}

/** netfilter-persistent makes its sets anew, which gives their hashes another seed; ctfix gives back the same. */
function seedless(rules: string): string {
  return rules.replace(/ initval 0x[0-9a-f]+/g, '');
}

export async function noGuard(vm: Vm): Promise<void> {
  expect((await vm.run(GUARD)).code).not.toBe(0);
}

/** TCP and UDP, IPv4 and IPv6. */
function triesASecond({ rate }: Exposure): number {
  return 2 * (rate.four + rate.six);
}

function told(name: string, { letIn, rate, seconds }: Exposure): string {
  const { tcp4, tcp6, udp4, udp6 } = letIn;
  const tries = `${rate.four}/s and ${rate.six}/s tries of TCP, as many of UDP, ${Math.round(seconds)} s`;
  return `${name}: TCP ${tcp4} (IPv4) ${tcp6} (IPv6), UDP ${udp4} ${udp6}; ${tries}`;
}
