// The classic failure, made for real and repaired: the table is full, connections fail; afterwards they work, nobody was
// cut off, a second run has nothing to do, and a rollback brings back every byte.
import { expect, test } from 'vitest';
import { KERNELS } from '../image.ts';
import { evidence } from '../lab/evidence.ts';
import { expectRuleset, ruleset } from '../lab/firewalls.ts';
import { fillTable, type Held, tryConnections } from '../lab/peer.ts';
import { type Vm, withVm } from '../machine.ts';
import {
  ADMIN,
  expectNoLeftovers,
  fullLines,
  journals,
  listing,
  promised,
  says,
  setTable,
  type Table,
  table,
} from './hands.ts';

const SMALL: Table = { max: 200, buckets: 512 };
const FILES = '/etc/modprobe.d /etc/sysctl.d /etc/sysctl.conf /etc/udev /etc/ufw /etc/modules-load.d';

for (const kernel of KERNELS) {
  test(`kernel ${kernel}: a full table under ufw is repaired live, once, and can be taken back`, () =>
    withVm({ kernel, firewall: 'ufw' }, async (vm) => {
      await setTable(vm, SMALL);
      const [files, rules] = [await listing(vm, FILES), await ruleset(vm)];
      const held = await fillTable(vm, SMALL.max);
      const refused = await tryConnections(vm, 5);
      expect(refused.worked).toBe(0);
      const wanted = await planned(vm);
      const lines = await repaired(vm, wanted, held);
      await expectRuleset(vm, rules);
      await nothingToDo(vm, lines);
      const seen = [
        `conntrack -C: ${SMALL.max} of ${SMALL.max}; dmesg: table full, dropping packet; 0 of 5 new connections worked`,
        `sysctl -n after apply: max ${wanted.max}, buckets ${wanted.buckets}; 60 of 60 new connections work; no new line in dmesg`,
        `${held.opened} of ${held.opened} held connections echo`,
      ];
      await takenBack(vm, held, wanted, files);
      seen.push(`sysctl -n after rollback: max ${SMALL.max}, buckets ${SMALL.buckets}; files by sha256 as before`);
      await evidence(vm, 'full table, live', seen, 'ufw');
    }));
}

/** An ordinary user is told that the table is full, and what would be done about it. */
async function planned(vm: Vm): Promise<Table> {
  expect(Number(await vm.sh('conntrack -C'))).toBeGreaterThanOrEqual(SMALL.max * 0.95);
  const said = await says(vm, 'plan --detailed-exitcode', 2, ADMIN);
  expect(said).toMatch(/^needed/im);
  expect(said).toMatch(/95 % or more of the table/);
  const wanted = await promised(vm, '', ADMIN);
  expect(wanted.max).toBeGreaterThanOrEqual(2 * SMALL.max);
  return wanted;
}

async function repaired(vm: Vm, wanted: Table, held: Held): Promise<number> {
  const linesBefore = await fullLines(vm);
  await says(vm, 'apply --yes', 0);
  expect(await table(vm)).toEqual(wanted);
  expect(await tryConnections(vm, 60)).toEqual({ worked: 60, failed: 0 });
  expect(await held.check()).toEqual({ alive: held.opened, dead: 0 });
  const lines = await fullLines(vm);
  expect(lines).toBe(linesBefore);
  return lines;
}

/** The log lines, the counters and the count are what they were; a second run knows that they are answered. */
async function nothingToDo(vm: Vm, lines: number): Promise<void> {
  expect(lines).toBeGreaterThan(0);
  for (const user of [ADMIN, {}]) {
    expect(await says(vm, 'plan --detailed-exitcode', 0, user)).toMatch(/nothing to do/i);
  }
  const records = await journals(vm);
  expect(await says(vm, 'apply --yes', 0)).toMatch(/nothing to do/i);
  expect(await journals(vm)).toBe(records);
  await says(vm, 'verify', 0, ADMIN);
}

/** As long as more flows are held than fitted, max stays; afterwards everything is as it was, and once is enough. */
async function takenBack(vm: Vm, held: Held, wanted: Table, files: string): Promise<void> {
  const count = Number(await vm.sh('conntrack -C'));
  expect(count).toBeGreaterThan(SMALL.max);
  await says(vm, 'rollback', 0);
  expect((await table(vm)).max).toBe(wanted.max);
  expect(await held.check()).toEqual({ alive: held.opened, dead: 0 });
  await held.stop();
  await vm.waitFor(`conntrack -F 2>/dev/null; [ "$(conntrack -C)" -lt 100 ]`, 'the flows are gone');
  await says(vm, 'rollback', 0);
  expect(await table(vm)).toEqual(SMALL);
  expect(await listing(vm, FILES)).toBe(files);
  expect(await says(vm, 'rollback', 0)).toMatch(/back already/);
  await expectNoLeftovers(vm);
}
