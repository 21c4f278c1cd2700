import { describe, expect, test } from 'vitest';
import type { Facts, Plan, PlanOptions } from '../src/model.ts';
import { planFor } from '../src/survey.ts';
import { factsOf, fullLog, GIB, type Said, templates } from './support/facts.ts';
import { fileIn, steps, textIn } from './support/plans.ts';

const deps = { templates, version: '0.1.0' };
const planOf = (said: Said, options: PlanOptions = {}): Plan => planFor(factsOf(said), options, deps).plan;
const full: Said = { machine: { memTotalKiB: 4 * GIB }, table: { count: 65536 }, log: fullLog(700) };
const OWN = '/etc/modprobe.d/nf_conntrack.conf';
const SYSCTL = '/etc/sysctl.d/90-ctfix-conntrack.conf';
const UDEV = '/etc/udev/rules.d/90-ctfix-conntrack.rules';
const INSTALL = '/etc/modprobe.d/90-ctfix-install.conf';
const udevRule = templates.udev.replace('{{sysctl}}', '/lib/systemd/systemd-sysctl');

const refused = ({ refusals }: Plan) => refusals.map(({ code, file, line }) => `${code} ${file ?? ''}:${line ?? ''}`);

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

  test.each([
    ['a hook that is there applies net.netfilter only', { '/etc/udev/rules.d/50.rules': udevRule }],
    ['so does the hook that is made', {}],
  ])('the legacy key does not hold max at a load: %s', (_, files) => {
    const legacy = { '/etc/sysctl.d/99-admin.conf': 'net.nf_conntrack_max = 131072\n' };
    const plan = planOf({ ...full, files: { ...legacy, ...files } });
    expect(textIn(plan, SYSCTL)).toContain('\nnet.netfilter.nf_conntrack_max = 131072\n');
    expect(plan.refusals).toEqual([]);
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

  test('a line that wins and is broken is repaired once', () => {
    const files = { '/etc/modprobe.d/zz.conf': 'options nf_conntrack hashsize=0\n' };
    const plan = planOf({ ...full, files }, { takeOver: true });
    expect(steps(plan).filter((step) => step.includes('modprobe.d'))).toEqual(['write /etc/modprobe.d/zz.conf']);
    expect(textIn(plan, '/etc/modprobe.d/zz.conf')).toBe('options nf_conntrack hashsize=131072\n');
  });

  test('a line of ours goes along with the one that wins over it', () => {
    const files = {
      '/etc/modprobe.d/zz.conf': 'options nf_conntrack hashsize=100\n',
      [OWN]: 'options nf_conntrack hashsize=9\n',
    };
    const plan = planOf({ ...full, files }, { takeOver: true });
    expect([OWN, '/etc/modprobe.d/zz.conf'].map((path) => textIn(plan, path))).toEqual([
      'options nf_conntrack hashsize=131072\n',
      'options nf_conntrack hashsize=131072\n',
    ]);
  });

  test('in a file of somebody else, too', () => {
    const files = { '/etc/modprobe.d/a.conf': 'options nf_conntrack hashsize = 5\n' };
    expect(refused(planOf({ ...full, files }))).toEqual(['broken-modprobe /etc/modprobe.d/a.conf:1']);
    const plan = planOf({ ...full, files }, { takeOver: true });
    expect(textIn(plan, '/etc/modprobe.d/a.conf')).toBe('options nf_conntrack hashsize=131072\n');
    expect(plan.refusals).toEqual([]);
  });

  test.each([
    [OWN, 'broken-modprobe'],
    [SYSCTL, 'unreadable-file'],
    [UDEV, 'unreadable-file'],
  ])('a file of ours that cannot be read is refused, taken over or not: %s', (file, code) => {
    const problems = [{ file, what: 'is not valid UTF-8' }];
    const { plan } = planFor({ ...factsOf(full), problems }, { takeOver: true }, deps);
    expect(refused(plan)).toEqual([`${code} ${file}:`]);
  });

  test('an unreadable file of somebody else is no reason to refuse', () => {
    const problems = [{ file: '/etc/sysctl.d/99-x.conf', what: 'is not valid UTF-8' }];
    expect(planFor({ ...factsOf(full), problems }, {}, deps).plan.refusals).toEqual([]);
  });
});
