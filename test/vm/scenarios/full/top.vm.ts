// Who fills the table: every form in which real programs print it, and /proc, say the same.
import { expect, test } from 'vitest';
import { evidence } from '../../lab/evidence.ts';
import { type Vm, withVm } from '../../machine.ts';

type Table = { by: string; rows: { key: string; flows: number }[] };
type Report = {
  flows: number;
  unreplied: number;
  assured: number;
  bad: { count: number };
  tables: Table[];
  notes: string[];
};

/** Flows of every kind that conntrack can make, as it loads them. */
const KINDS = [
  '-A -t 400000 -u SEEN_REPLY,ASSURED -s 10.9.0.1 -d 10.9.1.1 -r 10.9.1.1 -q 10.9.0.1 -p tcp --sport 4000 --dport 443 --reply-port-src 443 --reply-port-dst 4000 --state ESTABLISHED',
  '-A -t 3000 -u SEEN_REPLY,ASSURED -s 10.9.0.1 -d 10.9.1.1 -r 10.9.1.1 -n 203.0.113.9 -p tcp --sport 4001 --dport 443 --reply-port-src 443 --reply-port-dst 4001 --state ESTABLISHED',
  '-A -t 3000 -u SEEN_REPLY,ASSURED -s 10.9.0.2 -d 203.0.113.9 -g 10.9.1.7 -q 10.9.0.2 -p tcp --sport 4002 --dport 80 --reply-port-src 8080 --reply-port-dst 4002 --state TIME_WAIT',
  '-A -t 3000 -u UNSET -s 10.9.0.3 -d 10.9.1.2 -r 10.9.1.2 -q 10.9.0.3 -p tcp --sport 4003 --dport 22 --reply-port-src 22 --reply-port-dst 4003 --state SYN_SENT',
  '-A -t 3000 -u UNSET -s 10.9.0.4 -d 10.9.1.3 -r 10.9.1.3 -q 10.9.0.4 -p udp --sport 4004 --dport 53 --reply-port-src 53 --reply-port-dst 4004',
  '-A -t 3000 -u SEEN_REPLY,ASSURED -w 7 -s 10.9.0.4 -d 10.9.1.3 -r 10.9.1.3 -q 10.9.0.4 -p udp --sport 4004 --dport 53 --reply-port-src 53 --reply-port-dst 4004',
  '-A -t 3000 -u SEEN_REPLY -s fd99::4 -d fd99::1:3 -r fd99::1:3 -q fd99::4 -p udp --sport 4004 --dport 53 --reply-port-src 53 --reply-port-dst 4004',
  '-A -t 3000 -u SEEN_REPLY -s 10.9.0.5 -d 10.9.1.4 -r 10.9.1.4 -q 10.9.0.5 -p icmp --icmp-type 8 --icmp-code 0 --icmp-id 9',
  '-A -t 3000 -u SEEN_REPLY,ASSURED -s 10.9.0.5 -d 10.9.1.5 -r 10.9.1.5 -q 10.9.0.5 -p gre --srckey 1 --dstkey 2 --reply-key-src 2 --reply-key-dst 1',
  '-A -t 3000 -u UNSET -s 10.9.0.6 -d 10.9.1.6 -r 10.9.1.6 -q 10.9.0.6 -p 99',
];

const FORMS = [
  '',
  '-o extended',
  '-o id',
  '-o timestamp',
  '-o ktimestamp',
  '-o labels',
  '-o save',
  '-o xml',
  '-o id,extended',
];

test('every form of the listing says the same, and so does /proc', () =>
  withVm({}, async (vm) => {
    await vm.sh('modprobe nf_conntrack && sysctl -qw net.netfilter.nf_conntrack_timestamp=1');
    expect(await vm.sh('lsmod')).not.toContain('nf_conntrack_netlink');
    const first = await vm.sh('ctfix top');
    expect(first).toContain('nf_conntrack_netlink was loaded to list the table and stays');
    expect(await vm.sh('lsmod')).toContain('nf_conntrack_netlink');
    await vm.put('/root/kinds', `${KINDS.join('\n')}\n`);
    await vm.sh('conntrack -R /root/kinds');
    const live = await top(vm, '');
    expect([live.flows, live.bad.count, live.notes]).toEqual([KINDS.length, 0, []]);
    expect(rows(live, 'nat')).toEqual({ none: 8, SNAT: 1, DNAT: 1 });
    expect(rows(live, 'zone')).toEqual({ 0: 9, 7: 1 });
    for (const form of FORMS) {
      await vm.sh(`conntrack -L ${form} > /root/flows 2>&1`);
      expect(summary(await top(vm, '--from /root/flows'), form), form).toEqual(summary(live, form));
    }
    await vm.sh('cat /proc/net/nf_conntrack > /root/flows');
    expect(summary(await top(vm, '--from /root/flows'), '/proc')).toEqual(summary(live, '/proc'));
    const piped = await vm.sh('conntrack -L 2>/dev/null | gzip | ctfix top --from - --by nat');
    expect(piped).toContain(`${KINDS.length} flows from standard input`);
    const plan = await vm.sh('ctfix plan --timeout tcp_established=86400; true');
    expect(plan.replace(/\s+/g, ' ')).toMatch(/instead of 432,000: 1 flow fewer \(10 % of all\), of 2 flows/);
    await evidence(vm, 'top: forms', `the same counts in ${FORMS.length} forms of conntrack -L and in /proc`);
  }));

/** What every form tells: XML names no state but TCP's, and only some tell the age. */
function summary({ flows, unreplied, assured, bad, tables }: Report, form: string) {
  const told = tables.filter(({ by }) => by !== 'age' && !(by === 'state' && form === '-o xml'));
  return { flows, unreplied, assured, bad: bad.count, tables: told.map(({ by, rows }) => ({ by, rows })) };
}

async function top(vm: Vm, words: string): Promise<Report> {
  return JSON.parse(await vm.sh(`ctfix top -o json ${words}`));
}

function rows({ tables }: Report, name: string): Record<string, number> {
  const found = tables.find(({ by }) => by === name);
  return Object.fromEntries((found?.rows ?? []).map(({ key, flows }) => [key, flows]));
}
