// What every crash scenario shares: the host before, and that it is the same again, or as planned, whoever looks.
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { kill9, type Moment, type Point, stepsOf, stopAt } from '../../lab/crash.ts';
import type { Vm } from '../../machine.ts';
import { expectNoLeftovers, listing, says } from '../hands.ts';

/** Files and values of the host, as foreign tools see them. */
export async function picture(vm: Vm): Promise<string> {
  const values = await vm.sh(`sysctl -a -r nf_conntrack 2>/dev/null | grep -v nf_conntrack_count || true`);
  const modules = await vm.sh(`grep -c ^nf_conntrack /proc/modules || true`);
  return [await listing(vm, '/etc'), values, modules].join('\n');
}

/** Every step with every moment that it has; a step whose effect nothing tells has no `after`. */
export function pointsOf(steps: readonly string[]): Point[] {
  const moments = (step: string): Moment[] =>
    /^(write-file|set-value|load |unload |stop |start )/.test(step)
      ? ['before', 'after', 'ticked']
      : ['before', 'ticked'];
  const inner = steps.flatMap((step, seq) => moments(step).map((moment) => ({ seq, moment })));
  return [{ seq: -1, moment: 'begin' }, ...inner, { seq: -1, moment: 'end' }];
}

const LOG = join(import.meta.dirname, '../../../../build/vm-logs/crash-points.log');

/** Where each change really was when it was stopped, missed points too. */
function log(line: string): void {
  mkdirSync(dirname(LOG), { recursive: true });
  appendFileSync(LOG, `${new Date().toISOString()} ${line}\n`);
}

/** Stops at the point, again from the beginning where it was missed; gives what the step is. */
export async function reach(
  vm: Vm,
  point: Point,
  args: string,
  word?: string,
): Promise<Awaited<ReturnType<typeof stopAt>>> {
  for (let attempt = 1; ; attempt++) {
    const stopped = await stopAt(vm, point, args, word);
    log(`${point.moment} ${point.seq} (${args}), attempt ${attempt}: ${JSON.stringify(stopped)}`);
    if (stopped.reached || attempt === 8) {
      expect(stopped, `${point.moment} ${point.seq}`).toMatchObject({ reached: true });
      return stopped;
    }
    await kill9(vm, stopped);
    await recovered(vm, 600_000);
    await says(vm, 'rollback', 0);
  }
}

/** Notes a point after which everything was as it must be: `proved: strategy | moment and step | what ended it`. */
export function proved(strategy: string, where: string, how: string): void {
  log(`proved: ${strategy} | ${where} | ${how}`);
}

/** The words for a point: `2 after write-file /etc/…`. */
export function named({ seq, moment }: Point, steps: readonly string[]): string {
  return seq < 0 ? moment : `${moment} ${seq + 1} ${steps[seq]}`;
}

/** Waits until no ctfix is at work any more: the recovery of a killed one has ended. */
export async function recovered(vm: Vm, limitMs = 300_000): Promise<void> {
  await vm.waitFor(`! pgrep -f '(^|/)[c]tfix (apply|perform|recover)'`, 'the recovery has ended', limitMs);
}

/**
 * The rules of ufw, which are the same after every boot; fail2ban's and the sets beside them are made anew by each.
 */
export async function bootRules(vm: Vm): Promise<string> {
  const save = `for one in iptables ip6tables; do $one-save | grep -v -e '^#' -e f2b | sed 's/\\[[0-9:]*\\]//'; done`;
  return vm.sh(save);
}

/** No lock, no unit, no timer, no half-written file, no guard. */
export async function expectClean(vm: Vm): Promise<void> {
  await expectNoLeftovers(vm);
  expect(
    await vm.sh(
      'find /etc/systemd /run/systemd/system /run/systemd/transient -name "ctfix-*" ! -name "ctfix-test*" 2>/dev/null || true',
    ),
  ).toBe('');
  expect(await vm.sh(`nft list tables 2>/dev/null | grep -i ctfix || true`)).toBe('');
}

export { stepsOf };
