// Watching a table that fills: for a minute at one look a second it costs at most a fifth of what `watch` costs, as
// processor time; it starts no child, and its last word is the highest count.
import { expect, test } from 'vitest';
import { evidence } from '../lab/evidence.ts';
import { putProbe } from '../lab/exposure.ts';
import { HOST4 } from '../lab/peer.ts';
import { type Vm, withVm } from '../machine.ts';

type Seen = {
  readonly ctfix: number;
  readonly watch: number;
  readonly looks: number;
  readonly children: number;
  readonly code: number;
  readonly same: boolean;
  readonly counts: readonly [number, number];
  readonly last: string;
  readonly screen: string;
  readonly outlooks: number;
};

const SECONDS = 60;

test('kernel 6.1: a minute beside watch, while a peer fills the table', () =>
  withVm({ firewall: 'ufw' }, async (vm) => {
    const seen = await watched(vm);
    const [first, highest] = seen.counts;
    expect(highest).toBeGreaterThan(first + 100);
    expect(seen.looks, seen.screen).toBeGreaterThan(SECONDS * 0.9);
    expect(seen.outlooks, 'a time to full, again and again').toBeGreaterThan(3);
    expect({ code: seen.code, same: seen.same, children: seen.children }).toEqual({ code: 0, same: true, children: 0 });
    const peak = Number(/^ctfix plan --peak (\d+)$/.exec(seen.last)?.[1]);
    expect(peak, seen.screen).toBeGreaterThan(first + 100);
    expect(peak).toBeLessThanOrEqual(highest);
    expect(await vm.sh(`ctfix plan --peak ${peak} | grep -c .`)).not.toBe('0');
    expect(seen.ctfix, `${seen.ctfix} s, watch ${seen.watch} s`).toBeLessThanOrEqual(seen.watch / 5);
    await evidence(vm, 'watch', lines(seen), 'ufw');
  }));

async function watched(vm: Vm): Promise<Seen> {
  const probe = await putProbe(vm, 'watch.py');
  const filling = await vm.spawn(`ulimit -n 65536; ip netns exec peer python3 ${probe} fill ${HOST4} 7000 20`);
  try {
    return JSON.parse(await vm.sh(`python3 ${probe} compare ${SECONDS}`, { timeout: 300_000 }));
  } finally {
    await filling.stop();
  }
}

function lines({ ctfix, watch, looks, counts }: Seen): string[] {
  const share = Math.round((100 * ctfix) / watch);
  return [
    `/proc/PID/stat over ${SECONDS} s: ctfix status --watch 1 took ${ctfix.toFixed(2)} s of processor time for ${looks} looks, watch -d -n 1 cat ${watch.toFixed(2)} s (${share} %)`,
    `nf_conntrack_count meanwhile: ${counts[0]} to ${counts[1]}; the last line of ctfix names the highest`,
  ];
}
