/** Asks modprobe itself which hashsize it would load nf_conntrack with: the proof beside ctfix's own reading. */
import { StepFailed } from '../errors.ts';
import type { ReadHost } from '../host/host.ts';
import type { Plan } from '../model.ts';
import { HASHSIZE_PATH } from '../own.ts';
import { isValue } from '../same-value.ts';
import type { OutcomeLine } from './outcome.ts';

/**
 * Proves the buckets of a plan that writes into modprobe.d; [] for one that does not.
 * `--show-depends` only prints (modprobe(8)); `--ignore-install`, since an install line would be printed in the place of
 * the options. `-c` prints the configuration, for a kernel whose modules are not there.
 * @throws StepFailed when modprobe would take another hashsize
 */
export async function proveModprobe(plan: Plan, host: ReadHost): Promise<OutcomeLine[]> {
  const asks = plan.actions.some(
    (action) =>
      action.do === 'write-file' && action.path.includes('/modprobe.d/') && /hashsize=/.test(action.after ?? ''),
  );
  if (!asks) return [];
  const shown = await host.run(['modprobe', '--ignore-install', '--show-depends', 'nf_conntrack']);
  const listed = shown.code === 0 ? shown : await host.run(['modprobe', '-c']);
  const how = shown.code === 0 ? 'modprobe --show-depends nf_conntrack' : 'modprobe -c';
  if (listed.code !== 0) {
    return [{ kind: 'note', text: `modprobe could not be asked what it makes of its files: ${listed.stderr.trim()}` }];
  }
  const saw = hashsizeIn(listed.stdout);
  const wanted = String(plan.sizing.targets.buckets);
  if (isValue(HASHSIZE_PATH, wanted, saw)) {
    return [{ kind: 'done', item: how, text: `${how} says hashsize=${saw}` }];
  }
  const found = saw === undefined ? 'no hashsize' : `hashsize=${saw}`;
  throw new StepFailed(
    `${how} says ${found} and not ${wanted}: another line of modprobe.d or the kernel command line wins`,
  );
}

/** The last hashsize= for nf_conntrack in the output of either command: the last one wins. Pure. */
export function hashsizeIn(output: string): string | undefined {
  const lines = output.split('\n').filter((line) => /^options nf[_-]conntrack\s|\/nf_conntrack\.ko/.test(line));
  const found = [...lines.join('\n').matchAll(/\shashsize=(\d+)(?=\s|$)/g)];
  return found.at(-1)?.[1];
}
