// Commands that only look leave no trace: no file, no module, no value, as an ordinary user and as root. Where the module
// is not loaded, nothing that is read may load it.
import { expect, test } from 'vitest';
import { evidence } from '../lab/evidence.ts';
import { withVm } from '../machine.ts';
import { expectReadingOnly } from './hands.ts';

test('no module loaded: plan, verify, history and facts change nothing', () =>
  withVm({}, async (vm) => {
    await expectReadingOnly(vm);
    expect(await vm.sh('lsmod')).not.toMatch(/conntrack|nf_nat|nf_tables/);
    await evidence(vm, 'reading only', [
      'lsmod: no nf_conntrack, nf_nat, nf_tables before and after plan, verify, history, facts, as admin and as root',
      'sha256, mode, owner and times of every file below /etc /var /run /tmp: the same',
    ]);
  }));
