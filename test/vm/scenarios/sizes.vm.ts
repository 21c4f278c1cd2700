// Sizes that were asked for: growing takes buckets before max, shrinking max before buckets, never below what is tracked;
// timeouts are live at once and after every load.
import { expect, test } from 'vitest';
import { evidence } from '../lab/evidence.ts';
import { type Vm, withVm } from '../machine.ts';
import { listing, says, type Table, table } from './hands.ts';

const START: Table = { max: 65_536, buckets: 65_536 };
const LARGE: Table = { max: 150_000, buckets: 150_016 };
const SMALL: Table = { max: 30_000, buckets: 32_768 };
const ETC = '/etc/modprobe.d /etc/sysctl.d /etc/udev';

test('growing and shrinking go through the safe state in between, and never below the count', () =>
  withVm({}, async (vm) => {
    await vm.sh('modprobe nf_conntrack');
    const files = await listing(vm, ETC);
    const grown = await watched(vm, () => says(vm, 'apply --yes --max 150000', 0));
    expect(grown).toEqual([START, { ...START, buckets: LARGE.buckets }, LARGE]);
    await track(vm, 600);
    const asBefore = await listing(vm, ETC);
    expect(await says(vm, 'apply --yes --max 30000 --hashsize 32768', 3)).toMatch(/--allow-shrink/);
    expect(await says(vm, 'apply --yes --max 500 --allow-shrink', 3)).toMatch(/below the 600 flows/);
    expect(await listing(vm, ETC)).toBe(asBefore);
    const shrunk = await watched(vm, () => says(vm, 'apply --yes --max 30000 --hashsize 32768 --allow-shrink', 0));
    expect(shrunk).toEqual([LARGE, { ...LARGE, max: SMALL.max }, SMALL]);
    expect(await vm.sh('conntrack -C')).toBe('600');
    const back = await watched(vm, () => says(vm, 'rollback', 0));
    expect(back).toEqual([SMALL, { ...SMALL, buckets: LARGE.buckets }, LARGE]);
    await says(vm, `rollback ${(await vm.sh('ls /var/lib/ctfix/journal | head -1')).replace('.jsonl', '')}`, 0);
    expect(await table(vm)).toEqual(START);
    expect(await listing(vm, ETC)).toBe(files);
    await evidence(vm, 'growing and shrinking, watched', [
      `/proc/sys, read all the time, growing: ${shown(grown)}`,
      `shrinking: ${shown(shrunk)}; taken back: ${shown(back)}`,
      'conntrack -C before and after the shrinking: 600; --max 500: exit 3, nothing touched',
    ]);
  }));

test('a timeout is written, live, and right after the module is loaded again', () =>
  withVm({}, async (vm) => {
    const read = () => vm.sh('sysctl -n net.netfilter.nf_conntrack_tcp_timeout_established');
    await vm.sh('modprobe nf_conntrack');
    expect(await read()).toBe('432000');
    await says(vm, 'apply --yes --timeout tcp_established=86400', 0);
    expect(await read()).toBe('86400');
    expect(await table(vm)).toEqual(START);
    await vm.sh('modprobe -r nf_conntrack && modprobe nf_conntrack && udevadm settle');
    expect(await read()).toBe('86400');
    await says(vm, 'verify', 0);
    await says(vm, 'rollback', 0);
    expect(await read()).toBe('432000');
    const key = 'sysctl -n net.netfilter.nf_conntrack_tcp_timeout_established';
    await evidence(vm, 'a timeout', `${key}: 432000, then 86400, after a load 86400, after rollback 432000`);
  }));

const shown = (states: readonly Table[]) => states.map(({ max, buckets }) => `${max}/${buckets}`).join(' -> ');

/** Every state of max and buckets that was seen while something went on. */
async function watched(vm: Vm, body: () => Promise<unknown>): Promise<Table[]> {
  const watcher = await vm.spawn(`exec python3 -u -c '
last = None
while True:
    now = [open("/proc/sys/net/netfilter/nf_conntrack_" + name).read().strip() for name in ("max", "buckets")]
    if now != last: print(*now); last = now
'`);
  await expect.poll(() => watcher.output(), { timeout: 30_000 }).toMatch(/\d+ \d+/);
  await body();
  const lines = (await watcher.stop()).trim().split('\n');
  return lines.map((line) => {
    const [max, buckets] = line.split(' ').map(Number);
    return { max: max ?? 0, buckets: buckets ?? 0 };
  });
}

/** Puts established flows into the table that no packet belongs to. */
async function track(vm: Vm, count: number): Promise<void> {
  const entry = '-A -t 3600 -u SEEN_REPLY,ASSURED -s 192.0.2.1 -d 192.0.2.2 -r 192.0.2.2 -q 192.0.2.1 -p tcp';
  const flow = (port: number) =>
    `${entry} --sport ${port} --dport 80 --reply-port-src 80 --reply-port-dst ${port} --state ESTABLISHED`;
  const lines = Array.from({ length: count }, (_, index) => flow(10_000 + index));
  await vm.sh('conntrack -R -', { input: `${lines.join('\n')}\n` });
  expect(await vm.sh('conntrack -C')).toBe(String(count));
}
