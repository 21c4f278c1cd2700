// The laboratory itself: machines answer, come back after a reboot and a power cut, and hold to the marker.
import { expect, test } from 'vitest';
import { KERNELS } from '../image.ts';
import { withVm } from '../machine.ts';

for (const kernel of KERNELS) {
  test(`kernel ${kernel}: commands, files, jobs, reboots`, () =>
    withVm({ kernel }, async (vm) => {
      expect(await vm.sh('uname -r')).toMatch(new RegExp(`^${kernel.replace('.', '\\.')}\\.`));
      expect(await vm.sh('systemctl --failed --no-legend')).toBe('');
      expect(await vm.sh('lsmod')).not.toContain('conntrack');
      expect(await vm.sh('id -un; sudo id -un', { user: 'admin' })).toBe('admin\nroot');
      expect(await vm.run('cat; echo no >&2; exit 3', { input: 'yes' })).toMatchObject({
        code: 3,
        stdout: 'yes',
        stderr: 'no\n',
      });
      await expect(vm.run('echo before; sleep 60', { timeout: 500 })).rejects.toThrow(/killed after 500 ms.*\nbefore/);
      const job = await vm.spawn('while echo tick; do sleep 0.1; done');
      await expect.poll(() => job.output()).toMatch(/tick\ntick/);
      await job.stop();
      expect(await job.running()).toBe(false);
      const [before, noise] = [await vm.sh('cat /proc/sys/kernel/random/boot_id'), Buffer.from([0, 255, 10, 13])];
      await vm.put('/root/noise', noise);
      expect(await vm.get('/root/noise')).toEqual(noise);
      expect(await vm.get('/root/nothing')).toBeUndefined();
      await vm.reboot();
      expect(await vm.sh('cat /proc/sys/kernel/random/boot_id')).not.toBe(before);
      await vm.sh('echo kept >/root/synced; sync; echo lost >/root/unsynced');
      await vm.reboot('reset');
      expect(await vm.get('/root/noise')).toEqual(noise);
      expect(await vm.sh('cat /root/synced; cat /root/unsynced 2>/dev/null || true')).toBe('kept');
      expect(await vm.sh('journalctl --list-boots | grep -c UTC')).toBe('3');
    }));
}
