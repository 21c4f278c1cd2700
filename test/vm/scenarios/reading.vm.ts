// Commands that only look leave no trace: no file, no module, no value, as an ordinary user and as root, with the module
// loaded and without it.
import { expect, test } from 'vitest';
import { evidence } from '../lab/evidence.ts';
import { type Vm, withVm } from '../machine.ts';
import { ADMIN, ctfix, everything } from './hands.ts';

const LOOKING = ['plan --max 150000', 'plan --strategy reload --max 150000', 'verify', 'history', 'facts'];

for (const firewall of [undefined, 'nftables'] as const) {
  test(`${firewall ?? 'no module loaded'}: plan, verify, history and facts change nothing`, () =>
    withVm(firewall ? { firewall } : {}, async (vm) => {
      await looksOnly(vm);
      if (firewall) return;
      expect(await vm.sh('lsmod')).not.toMatch(/conntrack|nf_nat|nf_tables/);
      await evidence(vm, 'reading only', [
        'lsmod: no nf_conntrack, nf_nat, nf_tables before and after plan, verify, history, facts, as admin and as root',
        'sha256, mode, owner and times of every file below /etc /var /run /tmp: the same',
      ]);
    }));
}

async function looksOnly(vm: Vm): Promise<void> {
  const before = await everything(vm);
  for (const user of [ADMIN, {}]) {
    for (const command of LOOKING) await ctfix(vm, command, user);
  }
  expect(await everything(vm)).toBe(before);
}
