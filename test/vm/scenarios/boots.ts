// What a change is worth after a reboot, and after the module is loaded once more by hand: the same for every kernel.
import { expect } from 'vitest';
import type { Kernel } from '../image.ts';
import { evidence } from '../lab/evidence.ts';
import type { Kind } from '../lab/rules.ts';
import { type Vm, withVm } from '../machine.ts';
import { ADMIN, says, table } from './hands.ts';

/** Neither a multiple of the other nor of what the kernel would choose, so that no value is right by chance. */
const WANTED = { max: 100_000, buckets: 150_016 };
const FLAGS = '--max 100000 --hashsize 150000';

/** With a firewall whose start loads the module: right at once, after the boot, and after the firewall's restart. */
export async function survivesBoot(kernel: Kernel, firewall: Kind): Promise<void> {
  await withVm({ kernel, firewall }, async (vm) => {
    await says(vm, `apply --yes ${FLAGS}`, 0);
    expect(await table(vm)).toEqual(WANTED);
    await vm.reboot();
    await vm.sh(`udevadm settle && systemctl is-active ${firewall}`);
    expect(await table(vm)).toEqual(WANTED);
    await vm.sh(`systemctl restart ${firewall} && udevadm settle`);
    expect(await table(vm)).toEqual(WANTED);
    await says(vm, 'verify', 0, ADMIN);
    expect(await says(vm, `plan --detailed-exitcode ${FLAGS}`, 0)).toMatch(/^nothing to do/m);
    await evidence(
      vm,
      'values after a reboot',
      `sysctl -n after the boot, and after systemctl restart ${firewall}: max ${WANTED.max}, buckets ${WANTED.buckets}`,
      firewall,
    );
  });
}

/** Without a firewall the module is not even loaded: files alone, which whoever loads it later gets right. */
export async function survivesLoad(kernel: Kernel): Promise<void> {
  await withVm({ kernel }, async (vm) => {
    expect(await says(vm, `apply --yes ${FLAGS}`, 0)).toMatch(/^applied/m);
    expect(await vm.sh('lsmod')).not.toContain('nf_conntrack');
    expect(await showDepends(vm)).toContain('hashsize=150016');
    await vm.reboot();
    expect(await vm.sh('lsmod')).not.toContain('nf_conntrack');
    for (const _time of ['once', 'once more']) {
      await vm.sh('modprobe nf_conntrack && udevadm settle');
      expect(await table(vm)).toEqual(WANTED);
      await says(vm, 'verify', 0, ADMIN);
      await vm.sh('modprobe -r nf_conntrack');
    }
    await says(vm, 'rollback', 0);
    expect(await showDepends(vm)).not.toContain('hashsize');
    await vm.sh('modprobe nf_conntrack && udevadm settle');
    expect(await table(vm)).toEqual({ max: 65536, buckets: 65536 });
    await evidence(vm, 'module not loaded: files now, values with each load', [
      `modprobe --show-depends nf_conntrack: hashsize=${WANTED.buckets}`,
      `sysctl -n after a reboot and modprobe by hand, twice: max ${WANTED.max}, buckets ${WANTED.buckets}`,
      "after rollback and modprobe: the kernel's own 65536/65536",
    ]);
  });
}

/** What modprobe(8) would hand to the kernel. */
function showDepends(vm: Vm): Promise<string> {
  return vm.sh('modprobe --show-depends nf_conntrack | tail -1');
}
