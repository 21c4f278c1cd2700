// Each malformed file alone, and in the place of each file that ctfix writes: nothing there is written over.
import { expect, test } from 'vitest';
import { evidence } from '../../lab/evidence.ts';
import { withVm } from '../../machine.ts';
import { ctfix, listing, says } from '../hands.ts';
import { malformed } from '../malformed.ts';

test('each kind of malformed file alone: named, with an exit code of its own meaning', () =>
  withVm({}, async (vm) => {
    for (const { what, folder, make, line } of malformed) {
      const path = `/etc/${folder}/95-odd.conf`;
      await vm.sh(`${make} ${path}`);
      const { code, stdout } = await ctfix(vm, 'plan --max 150000 --detailed-exitcode');
      expect([2, 3], `${folder}: ${what}`).toContain(code);
      expect(stdout, `${folder}: ${what}`).toContain(line === 'whole' ? path : `${path}:${line}`);
      await vm.sh(`rm -rf ${path}`);
    }
  }));

const OWN = [
  { folder: 'modprobe.d', path: '/etc/modprobe.d/nf_conntrack.conf' },
  { folder: 'sysctl.d', path: '/etc/sysctl.d/90-ctfix-conntrack.conf' },
  { folder: 'udev', path: '/etc/udev/rules.d/90-ctfix-conntrack.rules' },
];

test('what stands in the place of a file of ours and is none is refused ahead', () =>
  withVm({}, async (vm) => {
    const odd = malformed.filter(({ folder, line }) => folder === 'modprobe.d' && line === 'whole');
    for (const { path } of OWN) {
      for (const { what, make } of odd) {
        await vm.sh(`mkdir -p $(dirname ${path}) && ${make} ${path}`);
        const before = await vm.sh(`stat -c '%F %s %i' ${path}`);
        expect(await says(vm, 'apply --yes --max 150000', 3), `${path}: ${what}`).toContain(path);
        expect(await vm.sh(`stat -c '%F %s %i' ${path}`), `${path}: ${what}`).toBe(before);
        await vm.sh(`rm -rf ${path}`);
      }
    }
    expect(await listing(vm, OWN.map(({ path }) => path).join(' '))).not.toContain('-rw');
    await evidence(vm, "odd things in the place of ctfix's files", [
      `stat: ${odd.map(({ what }) => what).join(', ')} at ${OWN.map(({ path }) => path).join(', ')}: untouched, exit 3`,
    ]);
  }));
