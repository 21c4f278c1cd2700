// How the reload scenarios drive ctfix, and what they look at: with foreign tools, never with ctfix's own words.
import { expect } from 'vitest';
import { type Kind, UNITS } from '../lab/firewalls.ts';
import type { Vm } from '../machine.ts';

/** What every scenario asks for: other than the kernel's default, small enough for the machine's memory. */
export const WANTED = { max: 131072, buckets: 131072 };
export const APPLY = `ctfix apply --yes --strategy reload --max ${WANTED.max} --hashsize ${WANTED.buckets}`;

/** Values that a load of the module resets; every scenario sets them beforehand and wants them back. */
const OTHERS = { tcp_timeout_established: '4321', tcp_be_liberal: '1', udp_timeout_stream: '77' };

export type Seen = {
  /** inode of /sys/module/nf_conntrack: another one after every load */
  readonly module: string;
  readonly table: { readonly max: number; readonly buckets: number };
  readonly others: Readonly<Record<string, string>>;
  /** active or not, of the firewall's units and fail2ban */
  readonly units: string;
  /** digest of every file that ctfix may write */
  readonly files: string;
};

/** Sets the values that must outlive a reload. */
export async function setOthers(vm: Vm): Promise<void> {
  const words = Object.entries(OTHERS).map(([key, value]) => `net.netfilter.nf_conntrack_${key}=${value}`);
  await vm.sh(`sysctl -qw ${words.join(' ')}`);
}

/** The machine as sysctl, stat and systemctl see it. */
export async function look(vm: Vm, kind: Kind): Promise<Seen> {
  const key = (name: string) => vm.sh(`sysctl -n net.netfilter.nf_conntrack_${name}`);
  const others: Record<string, string> = {};
  for (const name of Object.keys(OTHERS)) others[name] = await key(name);
  const units = [...UNITS[kind], 'fail2ban'];
  return {
    module: await vm.sh('stat -c %i /sys/module/nf_conntrack'),
    table: { max: Number(await key('max')), buckets: Number(await key('buckets')) },
    others,
    units: (await vm.run(`systemctl is-active ${units.join(' ')}`)).stdout.trim(),
    files: await vm.sh(
      'find /etc/modprobe.d /etc/sysctl.d /etc/udev /etc/sysctl.conf -type f | sort | xargs sha256sum',
    ),
  };
}

/** After a reload: a newly loaded module with the option from modprobe.d, every other value as it was. */
export function expectReloaded(before: Seen, after: Seen): void {
  expect(after.module).not.toBe(before.module);
  expect(after.table).toEqual(WANTED);
  expect(after.others).toEqual(OTHERS);
  expect(after.units).toBe(before.units);
  expect(before.units.split('\n')).not.toContain('inactive');
}

/** After a refusal or a way back: as it began. `module`: the same one, because nothing was unloaded. */
export function expectAsBefore(before: Seen, after: Seen, { module }: { module: 'same' | 'any' }): void {
  const { module: was, ...rest } = before;
  const { module: is, ...now } = after;
  expect(now).toEqual(rest);
  if (module === 'same') expect(is).toBe(was);
}

/** Runs a command of ctfix that must end with this code; gives all that it said. */
export async function says(vm: Vm, command: string, code: number): Promise<string> {
  const run = await vm.run(command, { timeout: 600_000 });
  const said = run.stdout + run.stderr;
  expect({ code: run.code, said }, command).toMatchObject({ code });
  return said;
}
