import { describe, expect, test } from 'vitest';
import type { Action, Facts, Plan, PlanOptions } from '../src/model.ts';
import { planFor } from '../src/survey.ts';
import { factsOf, fullLog, GIB, type Said, simulate, templates } from './support/facts.ts';

const deps = { templates, version: '0.1.0' };
const planOf = (said: Said, options: PlanOptions = {}): Plan => planFor(factsOf(said), options, deps).plan;
const full: Said = { machine: { memTotalKiB: 4 * GIB }, table: { count: 65536 }, log: fullLog(700) };
const OWN = '/etc/modprobe.d/nf_conntrack.conf';
const SYSCTL = '/etc/sysctl.d/90-ctfix-conntrack.conf';
const UDEV = '/etc/udev/rules.d/90-ctfix-conntrack.rules';
const INSTALL = '/etc/modprobe.d/90-ctfix-install.conf';

/** Paths and values in their order. */
const steps = ({ actions }: Plan) =>
  actions.map((action) => {
    if (action.do === 'write-file') return `write ${action.path}`;
    if (action.do === 'set-value') return `${action.path} ${action.before} → ${action.after}`;
    return action.do === 'refresh' ? 'refresh' : action.step.step;
  });
const fileIn = ({ actions }: Plan, path: string) =>
  actions.find(
    (action): action is Extract<Action, { do: 'write-file' }> => action.do === 'write-file' && action.path === path,
  );
const textIn = (plan: Plan, path: string) => fileIn(plan, path)?.after;
const refused = ({ refusals }: Plan) => refusals.map(({ code, file, line }) => `${code} ${file ?? ''}:${line ?? ''}`);

describe('order', () => {
  test('growing: files, refresh, buckets, max, timeouts', () => {
    expect(steps(planOf(full, { timeouts: { tcp_established: 86400 } }))).toEqual([
      `write ${OWN}`,
      `write ${SYSCTL}`,
      `write ${UDEV}`,
      'refresh',
      '/proc/sys/net/netfilter/nf_conntrack_buckets 65536 → 131072',
      '/proc/sys/net/netfilter/nf_conntrack_max 65536 → 131072',
      '/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established 432000 → 86400',
    ]);
  });

  test('shrinking: max before buckets', () => {
    expect(steps(planOf({}, { max: 32768, hashsize: 32768, allowShrink: true })).slice(-2)).toEqual([
      '/proc/sys/net/netfilter/nf_conntrack_max 65536 → 32768',
      '/proc/sys/net/netfilter/nf_conntrack_buckets 65536 → 32768',
    ]);
  });

  test('from no limit to one, max comes first', () => {
    const said: Said = { table: { max: 0, buckets: 16384, count: 10 } };
    expect(steps(planOf(said, { max: 100000 })).filter((step) => step.startsWith('/'))[0]).toContain(
      'nf_conntrack_max 0 → 100000',
    );
  });

  test('a reload stands in the place of the live values', () => {
    const found = steps(planOf(full, { strategy: 'reload' }));
    expect(found.slice(0, 5)).toEqual([`write ${OWN}`, `write ${SYSCTL}`, `write ${UDEV}`, 'refresh', 'record']);
    expect(found.join()).not.toContain('/proc/sys');
  });

  test.each([
    ['4.7.4', '/sys/module/nf_conntrack/parameters/hashsize'],
    ['4.8.0', '/proc/sys/net/netfilter/nf_conntrack_buckets'],
    ['3.10.0-1160.el7.x86_64', '/sys/module/nf_conntrack/parameters/hashsize'],
  ])('on %s the buckets are written to %s', (kernel, path) => {
    const plan = planOf({ ...full, machine: { kernel, memTotalKiB: 4 * GIB } });
    expect(steps(plan).join()).toContain(path);
  });

  test('before 4.7 only max is live, the buckets are for the next load, and it stays at that', () => {
    const facts = factsOf({ ...full, machine: { kernel: '4.4.155', memTotalKiB: 4 * GIB } });
    const { plan } = planFor(facts, {}, deps);
    expect(steps(plan).filter((step) => step.startsWith('/'))).toEqual([expect.stringContaining('nf_conntrack_max')]);
    expect(textIn(plan, OWN)).toContain('hashsize=131072');
    expect(plan.notes.join()).toContain('next load of the module');
    expect(planFor(simulate(facts, plan), {}, deps).plan.actions).toEqual([]);
  });
});

describe('nothing to do', () => {
  test('writes nothing at all, and says why for every item', () => {
    const plan = planOf({});
    expect(plan.actions).toEqual([]);
    expect(plan.refusals).toEqual([]);
    expect(plan.unchanged.map(({ item }) => item)).toEqual([
      'net.netfilter.nf_conntrack_buckets',
      'net.netfilter.nf_conntrack_max',
      'files',
    ]);
    expect(plan.unchanged.every(({ why }) => why.length > 10)).toBe(true);
  });

  test('names the line that holds a value', () => {
    const files = {
      '/etc/modules-load.d/a.conf': 'nf_conntrack\n',
      '/etc/sysctl.d/50-a.conf': '# x\nnet.netfilter.nf_conntrack_max = 131072\n',
    };
    const plan = planOf({ table: { max: 131072 }, files });
    expect(plan.actions).toEqual([]);
    expect(plan.unchanged.map(({ why }) => why).join()).toContain('/etc/sysctl.d/50-a.conf:2');
    expect(plan.notes.join()).toContain('a load of the module after the boot would give max 65,536');
  });

  test('a key that wins with the wanted value is not written again: only the hook is missing', () => {
    const files = { '/etc/sysctl.d/50-a.conf': 'net.netfilter.nf_conntrack_max=100000\n' };
    const plan = planOf({ table: { max: 100000 }, files });
    expect(plan.sizing.verdict).toBe('needed');
    expect(steps(plan)).toEqual([`write ${UDEV}`, 'refresh']);
    expect(plan.unchanged.map(({ why }) => why).join()).toContain('/etc/sysctl.d/50-a.conf:1 sets 100000 already');
  });

  test('a container with nothing to do gets an answer, not a refusal', () => {
    const plan = planOf({ machine: { container: 'docker' }, table: { namespace: 'child', writable: false } });
    expect(plan.refusals).toEqual([]);
    expect(plan.notes.join()).toContain('container (docker)');
  });
});

describe('files', () => {
  test('all three, exactly', () => {
    const plan = planOf(full);
    expect(textIn(plan, OWN)).toBe(templates.modprobe.replace('{{hashsize}}', '131072'));
    expect(textIn(plan, SYSCTL)).toBe(templates.sysctl.replace('{{lines}}', 'net.netfilter.nf_conntrack_max = 131072'));
    expect(textIn(plan, UDEV)).toContain('RUN+="/usr/lib/systemd/systemd-sysctl --prefix=/net/netfilter"');
    expect(plan.actions.filter((action) => action.do === 'write-file').map(({ mode }) => mode)).toEqual([
      0o644, 0o644, 0o644,
    ]);
  });

  test.each<[string, Said['machine'], string]>([
    ['before 5.11', { kernel: '5.10.0-32-amd64' }, '{ /usr/lib/systemd/systemd-sysctl --prefix=/net/netfilter >/dev'],
    ['without udev', { udev: false }, '{ /usr/lib/systemd/systemd-sysctl --prefix=/net/netfilter >/dev'],
  ])('%s: an install line', (_, machine, expected) => {
    const plan = planOf({ ...full, machine: { memTotalKiB: 4 * GIB, ...machine } });
    expect(textIn(plan, INSTALL)).toContain(expected);
    expect(fileIn(plan, UDEV)).toBeUndefined();
  });

  test('without systemd the install line runs procps', () => {
    const facts = factsOf({ ...full, machine: { memTotalKiB: 4 * GIB, udev: false, systemd: false } });
    const { systemdSysctl: _, ...machine } = facts.machine;
    const { plan } = planFor({ ...facts, machine }, {}, deps);
    expect(textIn(plan, INSTALL)).toContain(
      "{ /sbin/sysctl -q --pattern '^net[.]netfilter[.]nf_conntrack' --system >/dev/null",
    );
  });

  test('no hook where the firewalld package ships one', () => {
    const files = {
      '/usr/lib/modprobe.d/firewalld-sysctls.conf':
        "install nf_conntrack /sbin/modprobe --ignore-install nf_conntrack $CMDLINE_OPTS && /sbin/sysctl --quiet --pattern 'net[.]netfilter[.]nf_conntrack.*' --system\n",
    };
    const plan = planOf({ ...full, files });
    expect(steps(plan).slice(0, 2)).toEqual([`write ${OWN}`, `write ${SYSCTL}`]);
    expect(steps(plan).join()).not.toMatch(/rules|install/);
    expect(plan.unchanged.map(({ why }) => why).join()).toContain('firewalld-sysctls.conf:1');
  });

  test('an install line of somebody else is not doubled', () => {
    const files = { '/etc/modprobe.d/a.conf': 'install nf_conntrack /sbin/modprobe --ignore-install nf_conntrack\n' };
    const plan = planOf({ ...full, machine: { memTotalKiB: 4 * GIB, udev: false }, files });
    expect(refused(plan)).toEqual(['foreign-install /etc/modprobe.d/a.conf:1']);
  });

  test('built in: sysctl alone, buckets too, and the command line named', () => {
    const plan = planOf({ ...full, module: { state: 'builtin' } });
    expect(steps(plan)[0]).toBe(`write ${SYSCTL}`);
    expect(textIn(plan, SYSCTL)).toMatch(/nf_conntrack_max = 131072\nnet\.netfilter\.nf_conntrack_buckets = 131072\n$/);
    expect(fileIn(plan, OWN) ?? fileIn(plan, UDEV)).toBeUndefined();
    expect(plan.notes.join()).toContain('nf_conntrack.hashsize=131072');
  });

  test.each<[string, string, string]>([
    [
      'other lines, options, spelling and order stay',
      '# ours\noptions nf-conntrack acct=1 hashsize=4096 tstamp=1\n\nalias foo bar',
      '# ours\noptions nf-conntrack acct=1 hashsize=131072 tstamp=1\n\nalias foo bar',
    ],
    [
      'an options line without it gets it',
      'options nf_conntrack acct=1  \n',
      'options nf_conntrack acct=1 hashsize=131072  \n',
    ],
    [
      'the winning line is the last one with a hashsize',
      'options nf_conntrack hashsize=1\noptions nf_conntrack hashsize=2\noptions nf_conntrack acct=1\n',
      'options nf_conntrack hashsize=1\noptions nf_conntrack hashsize=131072\noptions nf_conntrack acct=1\n',
    ],
    ['without one a line is added', '# nothing', '# nothing\noptions nf_conntrack hashsize=131072\n'],
    [
      'a continued line',
      'options nf_conntrack \\\n  hashsize=5 \\\n  acct=1\n',
      'options nf_conntrack \\\n  hashsize=131072 \\\n  acct=1\n',
    ],
    [
      'other modules are not ours',
      'options nf_conntrack_ftp ports=21\n',
      'options nf_conntrack_ftp ports=21\noptions nf_conntrack hashsize=131072\n',
    ],
  ])('an existing modprobe.d file: %s', (_, before, after) => {
    const plan = planOf({ ...full, files: { [OWN]: before } });
    expect(fileIn(plan, OWN)).toMatchObject({ before, after });
    expect(plan.refusals).toEqual([]);
  });

  test('our own drop-in keeps what else is in it', () => {
    const before = '# kept\nnet.netfilter.nf_conntrack_udp_timeout = 20\nnet.netfilter.nf_conntrack_max = 65536\n';
    const plan = planOf({ ...full, files: { [SYSCTL]: before } });
    expect(textIn(plan, SYSCTL)).toBe(before.replace('65536', '131072'));
  });

  test('timeouts alone touch neither max nor the option', () => {
    const plan = planOf({}, { timeouts: { udp: 20 } });
    expect(textIn(plan, SYSCTL)).toBe(
      templates.sysctl.replace('{{lines}}', 'net.netfilter.nf_conntrack_udp_timeout = 20'),
    );
    expect(fileIn(plan, OWN)).toBeUndefined();
    expect(plan.sizing.targets).toMatchObject({ max: 65536, buckets: 65536 });
  });

  test('a hook does not wake a sleeping line against the table', () => {
    const files = { '/etc/sysctl.d/50-a.conf': 'net.netfilter.nf_conntrack_max=1000\n' };
    const plan = planOf({ files }, { timeouts: { udp: 20 } });
    expect(textIn(plan, SYSCTL)).toContain('net.netfilter.nf_conntrack_max = 65536');
  });
});

describe('a directory tree whose memory and kernel nobody knows', () => {
  const tree: Said = { kind: 'sysroot', machine: { kernel: '', memTotalKiB: 0 }, module: { state: 'absent' } };
  const files = { '/etc/sysctl.d/50-a.conf': 'net.netfilter.nf_conntrack_max=500000\n' };

  test('has nothing to do by itself', () => {
    const plan = planOf(tree);
    expect([plan.actions, plan.refusals]).toEqual([[], []]);
    expect(plan.sizing.verdict).toBe('nothing');
    expect(plan.notes.join()).toContain('--root');
  });

  test.each<[string, Said, PlanOptions, string]>([
    ['what was asked for', tree, { max: 300000 }, 'hashsize=300032\n'],
    ['a value that nothing applies', { ...tree, files }, {}, 'hashsize=500224\n'],
  ])('gets files for %s', (_, said, options, option) => {
    const plan = planOf(said, options);
    expect(textIn(plan, OWN)).toContain(option);
    expect(plan.actions.every((action) => action.do === 'write-file' || action.do === 'refresh')).toBe(true);
    expect(plan.strategy.taken).toBe('persist');
  });
});

describe('conflicts', () => {
  const later = '/etc/sysctl.d/99-zz.conf';
  const text = '# theirs\n net.netfilter.nf_conntrack_max = 70000 \nnet.ipv4.ip_forward = 1\n';

  test.each<[string, Said, string[]]>([
    ['a later sysctl.d file', { files: { [later]: text } }, [`later-sysctl ${later}:2`]],
    ['/etc/sysctl.conf, for procps', { files: { '/etc/sysctl.conf': text } }, ['later-sysctl /etc/sysctl.conf:2']],
    [
      '/etc/sysctl.conf through its link, once',
      { files: { '/etc/sysctl.conf': text }, links: { '/etc/sysctl.d/99-sysctl.conf': '/etc/sysctl.conf' } },
      ['later-sysctl /etc/sysctl.conf:2'],
    ],
    ['an earlier one loses', { files: { '/etc/sysctl.d/50-a.conf': text } }, []],
    ['a pattern loses', { files: { '/etc/sysctl.d/99-a.conf': 'net.netfilter.nf_conntrack_ma* = 5\n' } }, []],
    [
      'a vendor file',
      { files: { '/usr/lib/sysctl.d/99-v.conf': text } },
      ['later-sysctl /usr/lib/sysctl.d/99-v.conf:2'],
    ],
    [
      'a later line that takes ours back',
      { files: { [later]: '\n-net.netfilter.nf_conntrack_max\n' } },
      [`excluded-sysctl ${later}:2`],
    ],
    ['ufw', { files: { '/etc/ufw/sysctl.conf': text.replaceAll('.', '/') } }, ['ufw-sysctl /etc/ufw/sysctl.conf:2']],
    [
      'ufw that is off',
      { files: { '/etc/ufw/sysctl.conf': text }, firewalls: [{ name: 'ufw', state: 'inactive', takesAlong: [] }] },
      [],
    ],
    [
      'tuned',
      { files: { '/etc/tuned/p/tuned.conf': '[sysfs]\n/sys/module/nf_conntrack/parameters/hashsize = 65536\n' } },
      ['tuned-profile /etc/tuned/p/tuned.conf:2'],
    ],
    [
      'a later modprobe.d file',
      { files: { '/etc/modprobe.d/zz.conf': 'options nf_conntrack hashsize=100\n' } },
      ['later-modprobe /etc/modprobe.d/zz.conf:1'],
    ],
    ['the kernel command line', { cmdlineHashsize: 70000 }, ['cmdline-hashsize /proc/cmdline:']],
    ['the wanted value on the kernel command line', { cmdlineHashsize: 131000 }, []],
  ])('%s', (_, said, expected) => {
    const plan = planOf({ ...full, ...said });
    expect(refused(plan)).toEqual(expected);
    expect(plan.refusals.every(({ remedy }) => /131072|remove line 2/.test(remedy))).toBe(true);
  });

  test('kube-proxy would raise what is lowered, and nothing takes that over', () => {
    const firewalls: Facts['firewalls'] = [{ name: 'kube-proxy', state: 'active', takesAlong: [] }];
    const plan = planOf({ firewalls }, { max: 60000, allowShrink: true, takeOver: true });
    expect(refused(plan)).toEqual(['kube-proxy :']);
    expect(plan.refusals[0]?.remedy).toContain('--conntrack-max-per-core');
  });

  test('--take-over sets the value on the line and leaves the rest', () => {
    const plan = planOf({ ...full, files: { [later]: text } }, { takeOver: true });
    expect(plan.refusals).toEqual([]);
    expect(fileIn(plan, later)).toMatchObject({ before: text, after: text.replace('70000', '131072') });
  });

  test('--take-over edits where a link leads, once, with its CR LF', () => {
    const crlf = text.replaceAll('\n', '\r\n');
    const links = { '/etc/sysctl.d/99-sysctl.conf': '/etc/sysctl.conf' };
    const plan = planOf({ ...full, files: { '/etc/sysctl.conf': crlf }, links }, { takeOver: true });
    expect(fileIn(plan, '/etc/sysctl.conf')?.after).toBe(crlf.replace('70000', '131072'));
    expect(fileIn(plan, '/etc/sysctl.d/99-sysctl.conf')).toBeUndefined();
  });

  test("--take-over hides a vendor's file by a copy in /etc", () => {
    const plan = planOf({ ...full, files: { '/usr/lib/sysctl.d/99-v.conf': text } }, { takeOver: true });
    expect(fileIn(plan, '/usr/lib/sysctl.d/99-v.conf')).toBeUndefined();
    const copy = fileIn(plan, '/etc/sysctl.d/99-v.conf');
    expect(copy).not.toHaveProperty('before');
    expect(copy?.after).toMatch(
      /^# Copy of \/usr\/lib\/sysctl\.d\/99-v\.conf.*\n# theirs\n net\.netfilter\.nf_conntrack_max = 131072 \n/,
    );
  });

  test.each<[string, Said]>([
    ['the kernel command line', { cmdlineHashsize: 70000 }],
    ["tuned's own profile", { files: { '/usr/lib/tuned/p/tuned.conf': '[net]\nnf_conntrack_hashsize=65536\n' } }],
    [
      'a file that is elsewhere',
      { files: { '/srv/a.conf': text }, links: { '/etc/sysctl.d/99-a.conf': '/srv/a.conf' } },
    ],
  ])('--take-over cannot help with %s', (_, said) => {
    expect(planOf({ ...full, ...said }, { takeOver: true }).refusals).toHaveLength(1);
  });
});

describe('broken lines of modprobe.d', () => {
  test.each<[string, string, string]>([
    ['spaces', 'options nf_conntrack hashsize = 5\n', 'options nf_conntrack hashsize=131072\n'],
    [
      'a space before',
      '#\noptions nf_conntrack hashsize =5 acct=1\n',
      '#\noptions nf_conntrack hashsize=131072 acct=1\n',
    ],
    ['CR', '# a\r\noptions nf_conntrack hashsize=5\r\n', '# a\r\noptions nf_conntrack hashsize=131072\n'],
    ['no number', 'options nf_conntrack hashsize=many\n', 'options nf_conntrack hashsize=131072\n'],
    ['no value', 'options nf_conntrack hashsize acct=1\n', 'options nf_conntrack hashsize=131072 acct=1\n'],
  ])('%s: refused, with the line, unless taken over', (_, before, after) => {
    const line = before.startsWith('#') ? 2 : 1;
    expect(refused(planOf({ ...full, files: { [OWN]: before } }))).toContain(`broken-modprobe ${OWN}:${line}`);
    const plan = planOf({ ...full, files: { [OWN]: before } }, { takeOver: true });
    expect(plan.refusals).toEqual([]);
    expect(textIn(plan, OWN)).toBe(after);
  });

  test('in a file of somebody else, too', () => {
    const files = { '/etc/modprobe.d/a.conf': 'options nf_conntrack hashsize = 5\n' };
    expect(refused(planOf({ ...full, files }))).toEqual(['broken-modprobe /etc/modprobe.d/a.conf:1']);
    const plan = planOf({ ...full, files }, { takeOver: true });
    expect(textIn(plan, '/etc/modprobe.d/a.conf')).toBe('options nf_conntrack hashsize=131072\n');
    expect(plan.refusals).toEqual([]);
  });

  test('a file that cannot be read is refused, taken over or not', () => {
    const facts = factsOf(full);
    const problems = [{ file: OWN, what: 'is not valid UTF-8' }];
    const { plan } = planFor({ ...facts, problems }, { takeOver: true }, deps);
    expect(refused(plan)).toEqual([`broken-modprobe ${OWN}:`]);
  });
});

describe('what is said', () => {
  test("a live resize never reaches nf_nat's own table", () => {
    const plain = { refcnt: 0, holders: [], driver: false };
    const plan = planOf({ ...full, module: { tree: { nf_conntrack: plain, nf_nat: plain } } });
    expect(plan.notes.join()).toContain('nf_nat');
    expect(planOf(full).notes.join()).not.toContain('nf_nat');
  });

  test('what is unknown is listed with what it costs', () => {
    const unknown = { unknown: 'no permission' };
    const { unknowns } = planOf({ table: { namespace: unknown, count: unknown }, log: unknown });
    expect(unknowns.map(({ what }) => what.split(':')[0])).toEqual([
      'the kernel log',
      'count',
      'the network namespace',
      'the slab object',
    ]);
  });

  test('what is needed and written already comes with the next load, and is nothing to do', () => {
    const facts = factsOf(full);
    const first = planFor(facts, { strategy: 'persist' }, deps).plan;
    expect(steps(first)).toEqual([`write ${OWN}`, `write ${SYSCTL}`, `write ${UDEV}`, 'refresh']);
    const second = planFor(simulate(facts, first), { strategy: 'persist' }, deps).plan;
    expect(second.actions).toEqual([]);
    expect(second.sizing.verdict).toBe('nothing');
    expect(second.sizing.reasons[0]).toContain('next load');
    expect(planFor(simulate(facts, first), {}, deps).plan.actions).toHaveLength(2);
  });

  test('the head says which host and which ctfix', () => {
    const plan = planOf({});
    expect(plan).toMatchObject({ schema: 'ctfix.plan/v1', ctfix: '0.1.0', host: { kernel: '6.1.0-56-cloud-amd64' } });
  });
});
