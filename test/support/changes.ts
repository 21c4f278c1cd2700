/** Plans for a host in memory, and everything apply needs around them. */
import type { ApplyDeps, Recovery } from '../../src/apply/outcome.ts';
import { gather } from '../../src/facts/gather.ts';
import type { Host } from '../../src/host/host.ts';
import type { Action, Facts, Plan, Strategy, Targets } from '../../src/model.ts';
import { OWN } from '../../src/own.ts';
import type { Memory } from './memory-host.ts';

export const HASH = '/proc/sys/net/netfilter/nf_conntrack_buckets';
export const MAX = '/proc/sys/net/netfilter/nf_conntrack_max';
export const FOREIGN = '# ours\r\noptions nf_conntrack expect_hashsize=64\n# no end of line';

/** Files and live values for a larger table; `before` is read from the host as it is. */
export function growActions(memory: Memory, { max, buckets, values }: Targets): Action[] {
  const text = (path: string) => memory.files.get(path)?.text;
  const file = (path: string, after: string): Action => {
    const before = text(path);
    return { do: 'write-file', path, ...(before !== undefined && { before }), after, mode: 0o644, why: 'to last' };
  };
  const established = values.tcp_timeout_established;
  const sysctl = [`net.netfilter.nf_conntrack_max = ${max}`];
  if (established !== undefined) sysctl.push(`net.netfilter.nf_conntrack_tcp_timeout_established = ${established}`);
  return [
    file(OWN.modprobe, `${text(OWN.modprobe) ?? ''}\noptions nf_conntrack hashsize=${buckets}\n`),
    file(OWN.sysctl, `${sysctl.join('\n')}\n`),
    file(
      OWN.udev,
      'ACTION=="add", SUBSYSTEM=="module", KERNEL=="nf_conntrack", RUN+="/lib/systemd/systemd-sysctl --prefix=/net/netfilter"\n',
    ),
    { do: 'refresh', command: { udev: 'reload' }, why: 'udev reads its rules again' },
    value(HASH, 'net.netfilter.nf_conntrack_buckets', memory.kernel.buckets, buckets),
    value(MAX, 'net.netfilter.nf_conntrack_max', memory.kernel.max, max),
    ...(established === undefined
      ? []
      : [
          value(
            `${MAX.replace('max', 'tcp_timeout_established')}`,
            'timeout',
            memory.kernel.established,
            Number(established),
          ),
        ]),
  ];
}

function value(path: string, name: string, before: number, after: number): Action {
  return { do: 'set-value', path, name, before: String(before), after: String(after), why: 'now' };
}

/** A plan around these actions; what apply does not look at is made as small as the types allow. */
export function planOf(memory: Memory, targets: Targets, actions: readonly Action[], taken: Strategy = 'live'): Plan {
  const { max, buckets, count, bootId } = memory.kernel;
  return {
    schema: 'ctfix.plan/v1',
    ctfix: '0.0.0',
    host: { machineId: 'm', bootId, kernel: '6.1.0', os: 'Debian 12' },
    options: {},
    sizing: {
      verdict: 'needed',
      reasons: [],
      present: { max, buckets, count },
      targets,
      working: [],
      memory: { perFlow: 256, perFlowHow: '', hash: 0, whenFull: 0, share: 0, limit: 1, overLimit: false },
      refusals: [],
      notes: [],
    },
    strategy: { taken, why: '', others: [], refusals: [] },
    actions,
    refusals: [],
    unchanged: [],
    notes: [],
    unknowns: [],
  };
}

export const look = (host: Host): Promise<Facts> => gather(host, { sleep: async () => {} });

/** ctfix as one executable, where only root can write. */
export const RECOVERY: Recovery = {
  argv: ['/usr/local/sbin/ctfix'],
  unit: 'RequiresMountsFor={{program}}\nExecStart={{command}}\n',
};

/** Dependencies over a host; the survey finds the same plan again unless told otherwise. */
export function depsFor(host: Host, dir: string, plan: Plan, more: Partial<ApplyDeps> = {}): ApplyDeps {
  return {
    host,
    stateDir: dir,
    lockPath: `${dir}/lock`,
    now: () => new Date('2026-11-24T05:45:12Z'),
    sleep: async () => {},
    progress: () => {},
    interrupted: () => false,
    survey: async () => ({ facts: await look(host), plan }),
    recovery: RECOVERY,
    ...more,
  };
}
