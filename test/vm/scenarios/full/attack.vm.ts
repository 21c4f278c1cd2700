// What an unprivileged user, or the environment of the one who calls, can put in the way of a program that root runs: it
// changes nothing about what is done, and what cannot be trusted is refused before anything is touched.
import { expect, test } from 'vitest';
import { evidence } from '../../lab/evidence.ts';
import { HOST4 } from '../../lab/peer.ts';
import { type Vm, withVm } from '../../machine.ts';
import { ADMIN, listing, says, table } from '../hands.ts';

const HOUR = 3_600_000;
const APPLY = 'apply --yes --max 131072';
const RAN = '/run/ctfix-test/ran';
const LOADED = '/run/ctfix-test/loaded';
const TRAPS = '/run/ctfix-test/traps';

/** Programs of ctfix's, each by a script that only says that it ran; and a module for Node that says the same. */
async function setTraps(vm: Vm): Promise<void> {
  const names =
    'modprobe rmmod modinfo cp stat sysctl systemd-sysctl udevadm systemctl systemd-run logger wall nft ipset conntrack getfattr lsns bridge ' +
    'iptables-save ip6tables-save iptables-nft-save iptables-restore iptables-legacy-save sh bash node nsenter ip';
  await vm.sh(`mkdir -p ${TRAPS} ${LOADED} && chmod 777 ${LOADED} && rm -f ${RAN}`);
  for (const name of names.split(' ')) await vm.put(`${TRAPS}/${name}`, `#!/bin/dash\necho ${name} >>${RAN}\n`, 0o755);
  // OpenSSL loads what this names, and Node ends where it cannot.
  const conf = 'nodejs_conf = a\nopenssl_conf = a\n[a]\nproviders = b\n[b]\nc = d\n[d]\nactivate = 1\n';
  await vm.put(`${TRAPS}/openssl.cnf`, `${conf}module = ${TRAPS}/none.so\n`);
  await vm.put(`${TRAPS}/trap.js`, `require('fs').appendFileSync('${RAN}', 'node module\\n')`);
}

/** The dynamic linker writes one file for each program that is started with it in its environment: ld.so(8). */
const LINKER = `LD_DEBUG=libs LD_DEBUG_OUTPUT=${LOADED}/ld LD_LIBRARY_PATH=${TRAPS} LD_PRELOAD=libtrap.so`;
const OTHERS = [
  `PATH=${TRAPS}:/usr/local/sbin:/usr/sbin:/usr/bin`,
  `NODE_OPTIONS=--require=${TRAPS}/trap.js NODE_PATH=${TRAPS} NODE_EXTRA_CA_CERTS=${TRAPS}/none`,
  `OPENSSL_CONF=${TRAPS}/openssl.cnf OPENSSL_MODULES=${TRAPS} NODE_V8_COVERAGE=${LOADED}/coverage NODE_ICU_DATA=${TRAPS}`,
  `LC_ALL=tr_TR.UTF-8 LANG=de_DE.UTF-8 LANGUAGE=de POSIXLY_CORRECT=1 COLUMNS=1 TZ=:/etc/shadow`,
  `MODPROBE_OPTIONS=-n SYSTEMD_UNIT_PATH=${TRAPS} IFS=/ ENV=${TRAPS}/sh BASH_ENV=${TRAPS}/sh TMPDIR=${TRAPS} HOME=/home/admin`,
].join(' ');

/** Files that a change leaves, without those that name it. */
async function left(vm: Vm): Promise<string> {
  return [await listing(vm, '/etc'), JSON.stringify(await table(vm))].join('\n');
}

test('the environment of the caller changes nothing about what runs', { timeout: HOUR }, () =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, async (vm) => {
    await setTraps(vm);
    await says(vm, APPLY, 0);
    const clean = await left(vm);
    await says(vm, 'rollback', 0);
    const ssh = `ip netns exec peer ssh -o BatchMode=yes admin@${HOST4}`;
    const ways = [
      ['root', `env ${LINKER} ${OTHERS} ctfix ${APPLY}`],
      ['root, reload', `env ${LINKER} ${OTHERS} ctfix ${APPLY} --strategy reload`],
      ['sudo -E', `${ssh} "env ${OTHERS} /usr/bin/sudo -E /usr/local/sbin/ctfix ${APPLY}"`],
    ] as const;
    for (const [who, command] of ways) {
      const run = await vm.run(command, { timeout: 600_000 });
      expect(run.code, `${who}:\n${run.stdout}${run.stderr}`).toBe(0);
      expect(await vm.sh(`cat ${RAN} 2>/dev/null || true`), who).toBe('');
      expect(await left(vm), who).toBe(clean);
      await says(vm, 'verify', 0);
      await says(vm, 'rollback', 0);
      // ctfix itself is the one program that the linker of the caller has reached, and nothing is written for NODE_V8_COVERAGE.
      const reached = Number(await vm.sh(`ls ${LOADED} | wc -l; rm -f ${LOADED}/*`));
      expect(reached, who).toBe(who === 'sudo -E' ? 0 : 1);
    }
    await evidence(
      vm,
      "the caller's environment",
      [
        `${ways.map(([who]) => who).join(', ')}: no program of PATH's ran, no module of NODE_OPTIONS', no library of OPENSSL_CONF's, no file of NODE_V8_COVERAGE's; files and values the same; ld.so reached ctfix alone`,
      ],
      'ufw',
    );
  }),
);

/** What is put in the way, how it is taken away again, and the reason that is given. */
type Trick = { readonly there: string; readonly back: string; readonly why: RegExp };

/** Each trick: refused with the reason (`code` 1: begun and given up before the first effect), and nothing is different afterwards. */
async function refuses(vm: Vm, tricks: readonly Trick[], command = APPLY, code = 3): Promise<void> {
  for (const { there, back, why } of tricks) {
    await vm.sh(there);
    const before = await left(vm);
    const run = await vm.run(`ctfix ${command}`);
    const said = (run.stdout + run.stderr).replace(/\s+/g, ' ');
    expect(said, there).toMatch(why);
    expect(run.code, `${there}: ${said}`).toBe(code);
    expect(await left(vm), there).toBe(before);
    await vm.sh(back);
  }
}

const MODPROBE = '/etc/modprobe.d/nf_conntrack.conf';
const MINE = 'sudo -u admin';

test('links and directories of another user where ctfix writes', { timeout: HOUR }, () =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, async (vm) => {
    await vm.sh('sysctl -qw fs.protected_hardlinks=0 fs.protected_symlinks=0 fs.protected_regular=0');
    await vm.sh(`${MINE} mkdir /home/admin/d && chmod 755 /home/admin && cp -a /etc/sysctl.d /root/kept`);
    const tricks: Trick[] = [
      {
        there: `echo 'options nf_conntrack expect_hashsize=64' >${MODPROBE} && ${MINE} ln ${MODPROBE} /home/admin/d/mine`,
        back: `rm ${MODPROBE} /home/admin/d/mine`,
        why: /nf_conntrack\.conf has 2 names \(hard links\)/,
      },
      {
        there: `touch ${MODPROBE} && chown admin ${MODPROBE}`,
        back: `rm ${MODPROBE}`,
        why: /belongs to the user with id 1000/,
      },
      {
        there: `${MINE} touch /home/admin/d/x.conf && ln -s /home/admin/d/x.conf ${MODPROBE}`,
        back: `rm ${MODPROBE}`,
        why: /\/home\/admin is not safe to write through as root/,
      },
      {
        there: 'ln -s /home/admin/d/none /etc/sysctl.d/90-ctfix-conntrack.conf',
        back: 'rm /etc/sysctl.d/90-ctfix-conntrack.conf',
        why: /a link to \/home\/admin\/d\/none, which does not exist/,
      },
      {
        there: 'chmod 777 /etc/sysctl.d',
        back: 'chmod 755 /etc/sysctl.d',
        why: /the directory can be written by everybody/,
      },
      {
        there: 'chown admin /etc/modprobe.d',
        back: 'chown root /etc/modprobe.d',
        why: /is not safe to write through as root: the (directory|link) belongs to the user with id 1000/,
      },
      {
        there: `rm -r /etc/sysctl.d && ln -s /home/admin/d /etc/sysctl.d`,
        back: 'rm /etc/sysctl.d && cp -a /root/kept /etc/sysctl.d',
        why: /is not safe to write through as root: the (directory|link) belongs to the user with id 1000/,
      },
      {
        there: 'chown admin /etc/systemd/system',
        back: 'chown root /etc/systemd/system',
        why: /\/etc\/systemd\/system is not safe/,
      },
    ];
    await refuses(vm, tricks.slice(0, -1));
    await refuses(vm, tricks.slice(-1), `${APPLY} --confirm-within 5m`, 1);
    await expectFilesOfPeople(vm);
    await says(vm, APPLY, 0);
    await evidence(
      vm,
      'links and directories of another user',
      [
        `${tricks.length} tricks where ctfix writes: refused, nothing touched; plan --save and facts --record follow no link`,
      ],
      'ufw',
    );
  }),
);

/** What a person names on the command line: root writes through nobody's link and into nobody's directory. */
async function expectFilesOfPeople(vm: Vm): Promise<void> {
  await vm.sh(
    `${MINE} ln -s /etc/shadow /tmp/p.plan; ${MINE} ln -s /etc/none /tmp/q.plan; ${MINE} ln -s /etc/modprobe.d /tmp/r`,
  );
  const before = await listing(vm, '/etc /home/admin');
  for (const [command, codes] of [
    ['plan --max 131072 --save /tmp/p.plan', [64]],
    ['plan --max 131072 --save /tmp/q.plan', [64]],
    ['plan --max 131072 --save /home/admin/d/x.plan', [1, 64]],
    ['facts --record /tmp/r', [1, 64]],
    ['facts --record /home/admin/d/r', [1, 64]],
  ] as const) {
    const run = await vm.run(`ctfix ${command}`);
    expect(codes, `${command}: ${run.stderr}`).toContain(run.code);
    expect(await listing(vm, '/etc /home/admin'), command).toBe(before);
  }
  await vm.sh('rm /tmp/p.plan /tmp/q.plan /tmp/r');
}

const STATE = '/var/lib/ctfix';

test('a state directory that others could have written', { timeout: HOUR }, () =>
  withVm({ kernel: '6.1', firewall: 'ufw' }, async (vm) => {
    await says(vm, APPLY, 0);
    await says(vm, 'rollback', 0);
    const tricks: Trick[] = [
      {
        there: `chown admin ${STATE}`,
        back: `chown root ${STATE}`,
        why: /\/var\/lib\/ctfix cannot be trusted: it belongs to the user with id 1000/,
      },
      {
        there: `chmod 777 ${STATE}`,
        back: `chmod 755 ${STATE}`,
        why: /\/var\/lib\/ctfix cannot be trusted: others than its owner can write/,
      },
      {
        there: `chmod 770 ${STATE}/journal`,
        back: `chmod 700 ${STATE}/journal`,
        why: /journal cannot be trusted: others/,
      },
      {
        there: `chown admin ${STATE}/journal/*`,
        back: `chown root ${STATE}/journal/*`,
        why: /jsonl cannot be trusted: it belongs to the user with id 1000/,
      },
      {
        there: `chmod 666 ${STATE}/journal/*`,
        back: `chmod 600 ${STATE}/journal/*`,
        why: /jsonl cannot be trusted: others/,
      },
      {
        there: `mv ${STATE} /root/state && ${MINE} mkdir -p /home/admin/s/journal && ln -s /home/admin/s ${STATE}`,
        back: `rm ${STATE} && mv /root/state ${STATE}`,
        why: /\/var\/lib\/ctfix cannot be trusted: it is not a directory/,
      },
      {
        there: `chown admin /var/lib`,
        back: `chown root /var/lib`,
        why: /\/var\/lib is not safe: it belongs to the user with id 1000/,
      },
    ];
    await refuses(vm, tricks);
    await refuses(vm, tricks.slice(0, 4), 'rollback');
    await refuses(vm, tricks.slice(0, 4), 'confirm');
    // What an ordinary user may put into state.json's place is never believed by root, and hurts nobody else.
    await vm.sh(
      `echo '{"schema":"ctfix.state/v1","changes":[]}' >${STATE}/state.json && chown admin ${STATE}/state.json`,
    );
    expect(await says(vm, 'verify', 1)).toContain('belongs to the user with id 1000');
    await vm.sh(`echo '{"schema":"ctfix.state/v1","changes":[' >${STATE}/state.json`);
    await says(vm, APPLY, 0);
    await says(vm, 'verify', 0, ADMIN);
    await evidence(
      vm,
      'state directory not to be trusted',
      [`${tricks.length} owners and modes: apply, rollback and confirm refuse; a damaged state.json is made anew`],
      'ufw',
    );
  }),
);

test(
  'a ctfix that others can write is run by nobody else: no reload, no confirm; live says what it goes without',
  { timeout: HOUR },
  () =>
    withVm({ kernel: '6.1', firewall: 'ufw' }, async (vm) => {
      const rules = await vm.sh('iptables-save | grep -c ^-A');
      await vm.sh(
        'mkdir -p /opt/tools && cp /usr/local/sbin/ctfix /opt/tools/ctfix && mkdir -p /home/admin/bin && chown admin /home/admin/bin',
      );
      await vm.sh('chmod 755 /home/admin && ln /opt/tools/ctfix /home/admin/bin/ctfix');
      for (const [there, back, program, why] of [
        [
          'chmod 777 /opt/tools/ctfix',
          'chmod 755 /opt/tools/ctfix',
          '/opt/tools/ctfix',
          'others than root can write /opt/tools/ctfix',
        ],
        [
          'chmod 775 /opt/tools',
          'chmod 755 /opt/tools',
          '/opt/tools/ctfix',
          'others than root can write into /opt/tools',
        ],
        ['true', 'true', '/home/admin/bin/ctfix', '/home/admin belongs to the user with id 1000'],
      ] as const) {
        await vm.sh(there);
        const before = await left(vm);
        for (const more of ['--strategy reload', '--confirm-within 5m', '--strategy reload --confirm-within 0']) {
          const run = await vm.run(`${program} ${APPLY} ${more}`);
          const said = (run.stdout + run.stderr).replace(/\s+/g, ' ');
          expect({ code: run.code, said }, more).toMatchObject({ code: 3, said: expect.stringContaining(why) });
          expect(await left(vm), more).toBe(before);
          expect(await vm.sh('iptables-save | grep -c ^-A')).toBe(rules);
        }
        const live = await vm.run(`${program} ${APPLY}`);
        expect(live.code, live.stderr).toBe(0);
        const said = live.stdout.replace(/\s+/g, ' ');
        expect(said).toContain('ctfix rollback must be run by hand');
        expect(said).toContain(why);
        expect((await table(vm)).max).toBe(131_072);
        await vm.sh(back);
        await says(vm, 'rollback', 0);
      }
      await evidence(
        vm,
        'an executable that others can write',
        [
          'file 777, directory 775, directory of another user: reload and --confirm-within exit 3 with the reason, live goes on and says so',
        ],
        'ufw',
      );
    }),
);
