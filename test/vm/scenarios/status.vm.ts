// What status and check say, next to what foreign tools read at the same moment: flows, sizes, drops, where a value comes
// from now and at the next boot, and a change that waits for its confirmation.
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { evidence } from '../lab/evidence.ts';
import { fillTable, tryConnections } from '../lab/peer.ts';
import { type Vm, withVm } from '../machine.ts';
import { ADMIN, ctfix, says, setTable, table } from './hands.ts';

const TEXTFILE = '/var/lib/prometheus/node-exporter/ctfix.prom';
const UNITS = new URL('../../../integrations/prometheus/', import.meta.url);

type Status = {
  table: { count: number; max: number; buckets: number };
  drops: { name: string; total: number }[];
  origins: { name: string; now: { value: string; how: string }; boot: { value: string; how: string } }[];
};

async function status(vm: Vm, user = {}): Promise<Status> {
  return JSON.parse(await says(vm, 'status -o json', 0, user));
}

/** A counter of conntrack(8), over all processors. */
async function counter(vm: Vm, name: string): Promise<number> {
  const text = await vm.sh(`conntrack -S | grep -o '\\b${name}=[0-9]*'`);
  return text.split('\n').reduce((sum, line) => sum + Number(line.split('=')[1]), 0);
}

/** The value of a metric in the file for node_exporter, as the last word of its line. */
async function metric(vm: Vm, name: string): Promise<number> {
  return Number(await vm.sh(`sed -n 's/^${name} //p' ${TEXTFILE}`));
}

/** The units for node_exporter's textfile collector, as their README installs them. */
async function installTextfile(vm: Vm): Promise<void> {
  for (const name of ['ctfix-textfile.service', 'ctfix-textfile.timer']) {
    await vm.put(`/etc/systemd/system/${name}`, await readFile(new URL(name, UNITS)));
  }
  await vm.sh('ln -s "$(command -v ctfix)" /usr/sbin/ctfix && mkdir -p /var/lib/prometheus/node-exporter');
  await vm.sh('systemctl daemon-reload');
  expect(await vm.sh('systemd-analyze verify /etc/systemd/system/ctfix-textfile.* 2>&1 | grep ctfix || true')).toBe('');
}

test('a full table: status, check and metrics are what sysctl and conntrack say', () =>
  withVm({ firewall: 'ufw' }, async (vm) => {
    await setTable(vm, { max: 200, buckets: 512 });
    await fillTable(vm, 200);
    expect((await tryConnections(vm, 5)).worked).toBe(0);
    for (const user of [{}, ADMIN]) {
      const before = Number(await vm.sh('conntrack -C'));
      const seen = await status(vm, user);
      const after = Number(await vm.sh('conntrack -C'));
      expect(seen.table).toMatchObject(await table(vm));
      expect(seen.table.count).toBeGreaterThanOrEqual(Math.min(before, after));
      expect(seen.table.count).toBeLessThanOrEqual(Math.max(before, after));
    }
    const drops = new Map((await status(vm)).drops.map(({ name, total }) => [name, total]));
    for (const name of ['drop', 'early_drop', 'insert_failed', 'chaintoolong']) {
      expect(drops.get(name), name).toBeLessThanOrEqual(await counter(vm, name));
    }
    expect(drops.get('drop')).toBeGreaterThan(0);
    const alarm = await says(vm, 'check -w 75 -c 90', 2, ADMIN);
    expect(alarm).toMatch(/^CONNTRACK CRITICAL: .* of 200 flows \(-c 90\) \| fill=\d+%;75;90;0;100 .*drop=[1-9]\d*c/);
    expect(alarm.trimEnd()).not.toContain('\n');
    await says(vm, 'apply --yes', 0);
    expect((await status(vm)).table).toMatchObject(await table(vm));
    expect(await says(vm, 'check -w 75 -c 90', 0, ADMIN)).toMatch(/^CONNTRACK OK: /);
    await evidence(vm, 'status, a full table', `check: ${alarm.split(' |')[0]}; counters as conntrack -S`, 'ufw');
  }));

test('where a value comes from: the kernel, a change that waits, a drop-in that the boot loses', () =>
  withVm({ firewall: 'ufw' }, async (vm) => {
    const maxOf = ({ origins }: Status) => origins.find(({ name }) => name === 'max');
    expect(maxOf(await status(vm, ADMIN))?.now).toMatchObject({ value: '65536', how: 'kernel default at load' });

    await says(vm, 'apply --yes --max 131072 --confirm-within 30m', 0);
    expect(await says(vm, 'status', 0, ADMIN)).toMatch(/goes back\s+in (29|30) min[\s\S]*sudo ctfix confirm/);
    await installTextfile(vm);
    await vm.sh('systemctl start ctfix-textfile.service');
    expect(await metric(vm, 'ctfix_pending_confirm')).toBe(1);
    expect(await vm.sh(`stat -c %a ${TEXTFILE}`)).toBe('644');
    await says(vm, 'confirm', 0);
    await vm.sh('systemctl start ctfix-textfile.service');
    expect(await metric(vm, 'ctfix_pending_confirm')).toBe(0);
    expect(await metric(vm, 'ctfix_next_boot_entries_limit')).toBe(131_072);
    await vm.sh(`rm ${TEXTFILE} && systemctl enable --now ctfix-textfile.timer`);
    await vm.waitFor(`grep -q ^ctfix_info ${TEXTFILE}`, 'the timer to write the metrics');
    await says(vm, 'rollback', 0);

    await vm.put('/etc/sysctl.d/90-site.conf', 'net.netfilter.nf_conntrack_max = 500000\n', 0o644);
    await vm.reboot();
    await vm.sh('udevadm settle && systemctl is-active ufw');
    expect((await table(vm)).max).toBe(65_536);
    const said = (await ctfix(vm, 'status', ADMIN)).stdout.replace(/\s+/g, ' ');
    expect(said).toContain('/etc/sysctl.d/90-site.conf:1 was lost, read before the module was loaded');
    const max = maxOf(await status(vm));
    expect(max).toMatchObject({ now: { value: '65536' }, boot: { value: '65536' } });
    await vm.reboot();
    await vm.sh('udevadm settle && systemctl is-active ufw');
    expect(`${(await table(vm)).max}`).toBe(max?.boot.value);
    await evidence(
      vm,
      'status, origins',
      'kernel default; pending_confirm 1, then 0; 500000 lost, 65536 foretold for the next boot and found after it',
      'ufw',
    );
  }));
