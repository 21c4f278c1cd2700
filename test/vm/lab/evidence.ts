// What foreign tools saw, kept for docs/proof.md: one JSON object a line in build/vm-evidence.jsonl.
import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Vm } from '../machine.ts';

const BUILD = join(import.meta.dirname, '../../../build');

/** Records what was seen in a scenario: one short line each, with the tool that saw it. */
export async function evidence(
  vm: Vm,
  scenario: string,
  lines: string | string[],
  firewall: string = 'none',
): Promise<void> {
  await mkdir(BUILD, { recursive: true });
  const kernel = await vm.sh('uname -r');
  const record = { kernel, firewall, scenario, lines: [lines].flat() };
  await appendFile(join(BUILD, 'vm-evidence.jsonl'), `${JSON.stringify(record)}\n`);
}
