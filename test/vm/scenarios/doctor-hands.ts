// How scenarios ask ctfix doctor, and do what it tells; the kernel and the loaders are asked beside it.
import { expect } from 'vitest';
import type { Guest } from '../guest.ts';
import { ctfix } from './hands.ts';

export type Finding = {
  severity: string;
  code: string;
  what: string;
  proof: string[];
  remedies: { say: string; command?: string }[];
};

/** A finding by its severity and code, and what it must say; `not` is the code of one that would say the opposite. */
type Wanted = { readonly code: string; readonly says: RegExp; readonly not?: string };

/** What a foreign program prints: words in full, or a pattern. */
export type Seen = readonly [command: string, prints: string | RegExp];

export const MAX_KEY = 'net.netfilter.nf_conntrack_max';
export const MAX = `sysctl -n ${MAX_KEY}`;
export const max = (value: number) => `${MAX_KEY} = ${value}\n`;
/** Has the module there before the sysctl files are read. */
export const EARLY = { '/etc/modules-load.d/site.conf': 'nf_conntrack\n' };
/** Ends with 0 when the module is gone. */
export const UNLOAD =
  'modprobe -rq nf_conntrack_netlink; modprobe -rq nf_conntrack; ! test -e /sys/module/nf_conntrack';
/** What a boot does, in its order: nothing loaded, modules-load.d, sysctl.d, and then something that needs the module. */
export const BOOT = `{ ${UNLOAD}; } && /lib/systemd/systemd-modules-load && /lib/systemd/systemd-sysctl && modprobe nf_conntrack && udevadm settle`;

/** Every finding; the exit code is 2 where one of them is more than a note. */
export async function findings(vm: Guest): Promise<Finding[]> {
  const { code, stdout } = await ctfix(vm, 'doctor -o json');
  const all = JSON.parse(stdout).findings as Finding[];
  expect(code).toBe(all.some(({ severity }) => severity !== 'note') ? 2 : 0);
  return all;
}

/** The finding of this code, which must be there and say so; the others beside it are theirs to tell. */
export async function expectFinding(vm: Guest, { code, says: words, not }: Wanted): Promise<Finding> {
  const all = await findings(vm);
  const finding = all.find((each) => `${each.severity} ${each.code}` === code);
  if (finding === undefined) throw new Error(`no ${code} in ${JSON.stringify(all, null, 2)}`);
  const { what, proof, remedies } = finding;
  expect([what, ...proof, ...remedies.flatMap(({ say, command = '' }) => [say, command])].join('\n')).toMatch(words);
  expect(all.map((each) => each.code)).not.toContain(not);
  return finding;
}

/** Does what a finding tells, else what a person makes of its words; returns the command. */
export async function cure(vm: Guest, { remedies }: Finding, hand?: string): Promise<string> {
  const told = remedies.find(({ command }) => command !== undefined)?.command;
  if (told === undefined && hand === undefined) throw new Error(`words alone: ${JSON.stringify(remedies)}`);
  const command = (told ?? hand ?? '').replace(/ N\b/, ' 100000');
  await vm.sh(command.includes('ctfix apply') ? `${command} --yes` : command, { timeout: 600_000 });
  return command;
}

/** What a foreign program prints, on one line. */
export async function expectSeen(vm: Guest, [command, prints]: Seen): Promise<string> {
  const printed = await vm.sh(command);
  expect(printed).toMatch(prints instanceof RegExp ? prints : new RegExp(`^${prints}$`));
  return printed.replaceAll('\n', ', ');
}
