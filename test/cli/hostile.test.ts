/** The built program among people who want it to do something else: a hostile environment, files and names. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { leftControls } from '../render/support.ts';

const root = new URL('../..', import.meta.url).pathname;
const bundle = join(root, 'dist/ctfix.cjs');
const binary = join(root, 'build/ctfix');
const top = mkdtempSync(join(tmpdir(), 'ctfix-hostile-'));
const marker = join(top, 'was-here');
const evil = join(top, 'bin');

/** Every program that ctfix or a library of it may ever start, in a form that tells. */
const PROGRAMS =
  'sh bash env uname getconf systemctl journalctl modprobe cp stat udevadm nft iptables logger wall conntrack';

beforeAll(() => {
  if (!existsSync(bundle)) spawnSync(process.execPath, [join(root, 'scripts/build.mjs')]);
  chmodSync(top, 0o755);
  mkdirSync(evil);
  for (const name of PROGRAMS.split(' ')) {
    writeFileSync(join(evil, name), `#!/bin/sh\n: > ${marker}\n`);
    chmodSync(join(evil, name), 0o755);
  }
  writeFileSync(join(top, 'evil.cjs'), `require('fs').writeFileSync(${JSON.stringify(marker)}, '');`);
});
afterAll(() => rmSync(top, { recursive: true, force: true }));

/** What a caller can set, apart from what belongs to Node itself. */
const HOSTILE = {
  PATH: evil,
  SHELL: join(evil, 'sh'),
  HOME: evil,
  TMPDIR: evil,
  IFS: '/n',
  ENV: join(evil, 'sh'),
  BASH_ENV: join(evil, 'sh'),
  LD_LIBRARY_PATH: evil,
  LC_ALL: 'tr_TR.UTF-8',
  LANGUAGE: 'tr',
  TZ: 'Asia/Kathmandu',
  PAGER: join(evil, 'sh'),
  SYSTEMD_PAGER: join(evil, 'sh'),
  SYSTEMCTL_FORCE_BUS: '1',
  MODPROBE_OPTIONS: '--config=/dev/null',
  SUDO_UID: '0',
  TERM: '\x1b[2J',
};

/** Runs a program; where this is root, as nobody, for whom children are started that root does not need. */
function run(argv: readonly string[], env: NodeJS.ProcessEnv) {
  const nobody =
    process.geteuid?.() === 0 ? ['/usr/bin/setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
  const [program = '', ...words] = [...nobody, ...argv];
  return spawnSync(program, words, { encoding: 'utf8', env, cwd: '/', timeout: 30_000 });
}

/** Figures that move from one moment to the next. */
const steady = (text: string) => text.replace(/"(uptime|count|entries|found|invalid|drop)": [\d.]+/g, '"$1": 0');

describe('an environment of somebody else', () => {
  test.each([
    ['plan', '-v'],
    ['plan', '-o', 'json'],
    ['facts', '-v'],
  ])('%s %s: the same children, from the same places', (...words) => {
    chmodSync(top, 0o777);
    const argv = [process.execPath, bundle, ...words];
    const hostile = run(argv, HOSTILE);
    chmodSync(top, 0o755);
    const clean = run(argv, {});
    expect(existsSync(marker)).toBe(false);
    expect(hostile.status).toBe(clean.status);
    const without = (text: string) => steady(text).replace(/"at": "[^"]*"/, '');
    expect(without(hostile.stdout)).toBe(without(clean.stdout));
    if (words.includes('-v')) expect(hostile.stderr.match(/^run .*$/gm)).toEqual(clean.stderr.match(/^run .*$/gm));
    expect(readdirSync(evil).length).toBe(PROGRAMS.split(' ').length);
  });

  test.runIf(existsSync(binary))('the executable does not listen to Node options', () => {
    chmodSync(top, 0o777);
    const { status } = run([binary, 'plan'], { ...HOSTILE, NODE_OPTIONS: `--require ${join(top, 'evil.cjs')}` });
    chmodSync(top, 0o755);
    expect([0, 3]).toContain(status);
    expect(existsSync(marker)).toBe(false);
  });
});

describe('what a terminal would obey is written out', () => {
  const bad = '\x1b]0;owned\x07\x1b[2J\u202e\x9b31m';
  const files: Record<string, string> = {
    'etc/os-release': `ID=debian\nPRETTY_NAME="Debian ${bad}"\n`,
    [`etc/sysctl.d/99-${bad.replaceAll('/', '')}.conf`]: `net.netfilter.nf_conntrack_max = 5${bad}\n`,
    'etc/sysctl.d/98-x.conf': `net.netfilter.nf_conntrack_max = 70000\n# ${bad}\n`,
    'etc/modprobe.d/x.conf': `options nf_conntrack hashsize=${bad}\noptions nf_conntrack expect_hashsize=5 # ${bad}\n`,
    'lib/modules/6.1.0/modules.dep': '',
    'var/lib/ctfix/state.json': `{"schema":"${bad}"}`,
    'plan.json': `{"schema":"ctfix.plan/v1","${bad}":1}`,
    'kind.json': `{"schema":"${bad}"}`,
    'half.json': `{"schema":"${bad}`,
  };
  const below = join(top, 'root');

  beforeAll(() => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(below, name)), { recursive: true });
      writeFileSync(join(below, name), text);
    }
  });

  test.each([
    [['plan', '--max', '90000', '--root', below]],
    [['plan', '--max', '90000', '--take-over', '--root', below]],
    [['plan', '--max', '90000', '--root', below, '-o', 'markdown']],
    [['plan', '--root', below, '-o', 'json']],
    [['plan', '-v', '--root', below]],
    [['facts', '-v', '--root', below]],
    [['verify', '-v', '--root', below]],
    [['doctor', '-v', '--root', below]],
    [['doctor', '--root', below, '-o', 'json']],
    [['plan', '--save', join(below, `p${bad}.json`), '--root', below]],
    [['plan', '--show', join(below, 'plan.json')]],
    [['plan', '--show', join(below, 'kind.json')]],
    [['apply', join(below, 'half.json')]],
    [['apply', join(below, bad)]],
    [['plan', '--root', bad]],
    [['facts', '--record', join(below, bad, bad)]],
    [['plan', bad]],
    [[bad]],
    [['plan', `--${bad}`]],
    [['plan', '--timeout', `${bad}=5`]],
    [['rollback', bad]],
    [['history', bad]],
  ])('%j', (words) => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [bundle, ...words], { encoding: 'utf8', cwd: '/' });
    expect(leftControls(stdout + stderr)).toEqual([]);
    expect(stdout + stderr).not.toMatch(/\x1b|this is a bug/);
    expect(status).not.toBe(null);
  });

  test('what is written of it is the same text again', () => {
    const saved = readdirSync(below).find((name) => name.startsWith('p') && name.includes('owned')) ?? '';
    expect(JSON.parse(readFileSync(join(below, saved), 'utf8')).host.os).toContain(bad);
  });
});
