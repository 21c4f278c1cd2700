/** The built program watching this machine's table: on a terminal of its own (script(1) makes one), in a pipe, in a log. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const bundle = join(root, 'dist/ctfix.cjs');
const CTFIX = `${process.execPath} ${bundle}`;

beforeAll(() => {
  if (existsSync(bundle)) return;
  const built = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(built.stderr);
});

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const PEAK = /(?:ctfix plan --peak [1-9]\d*|no flow was seen in .*)$/;

/** All that the child writes, and a wait until it has written something. */
function listened(child: ChildProcess) {
  let shown = '';
  let look: () => unknown = () => undefined;
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    look();
  });
  const ended = new Promise<number | null>((resolve) => void child.on('close', resolve));
  return {
    shown: () => shown,
    ended,
    until: (ready: (shown: string) => boolean) =>
      new Promise<void>((resolve, reject) => {
        look = () => ready(shown) && resolve();
        look();
        void ended.then(() => reject(new Error(`ended before it was ready: ${shown}`)));
      }),
  };
}

/** The number of screens that were drawn: each look changes at least the time in the first line. */
const screens = (shown: string) => shown.split('\x1b[1;1H').length - 1;

/** Runs a line of shell on a terminal, with `$ctfix` as the program. */
function onTerminal(line: string, env: NodeJS.ProcessEnv = {}) {
  const child = spawn('script', ['-qec', `sh -c '${line}'`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ctfix: CTFIX, TERM: 'xterm', LC_ALL: 'C', NO_COLOR: '', ...env },
  });
  return { ...listened(child), type: (keys: string) => void child.stdin?.write(keys) };
}

describe('on a terminal', () => {
  const LINE = 'stty -g; $ctfix status --watch 0.2; echo "code $?"; stty -g';

  /** The modes of the terminal before and after, and what came between. */
  function parts(shown: string) {
    const [before, ...rest] = shown.trimEnd().split('\r\n');
    return { before, after: rest.at(-1), code: rest.at(-2), last: rest.at(-3), screen: rest.join('\n') };
  }

  test.each([
    ['q', 'q'],
    ['Ctrl-C', '\x03'],
    ['Ctrl-\\', '\x1c'],
  ])('%s ends it, and the terminal is what it was', async (_, key) => {
    const terminal = onTerminal(LINE);
    await terminal.until((shown) => screens(shown) >= 3);
    terminal.type(key);
    await terminal.ended;
    const { before, after, code, last, screen } = parts(terminal.shown());
    expect(before).toMatch(/^[0-9a-f:]+$/);
    expect(after).toBe(before);
    expect(code).toBe('code 0');
    expect(last).toMatch(PEAK);
    expect(screen.indexOf(ENTER)).toBe(0);
    expect(screen.split(ENTER)).toHaveLength(2);
    expect(screen.split(LEAVE)).toHaveLength(2);
    expect(screen.indexOf('\x1b[2J')).toBe(screen.lastIndexOf('\x1b[2J'));
  });

  test.each(['TERM', 'INT', 'HUP'])('SIG%s too', async (signal) => {
    const terminal = onTerminal(
      `stty -g; $ctfix status --watch 0.2 </dev/tty & read x; kill -${signal} $!; wait $!; echo "code $?"; stty -g`,
    );
    await terminal.until((shown) => screens(shown) >= 2);
    // Raw mode hands the shell a return, not a line feed; its read ends with the latter.
    terminal.type('\n');
    await terminal.ended;
    const { before, after, code, screen } = parts(terminal.shown());
    expect({ code, after }).toEqual({ code: 'code 0', after: before });
    expect(screen.split(LEAVE)).toHaveLength(2);
  });

  test('Ctrl-Z stops it with the terminal given back, and fg draws it again', async () => {
    const terminal = onTerminal(
      'set -m; $ctfix status --watch 0.2; echo stopped; stty -a | tr "\\n" " "; fg >/dev/null; echo "code $?"',
    );
    await terminal.until((shown) => screens(shown) >= 2);
    terminal.type('\x1a');
    await terminal.until((shown) => shown.includes('stopped'));
    await terminal.until((shown) => shown.split(ENTER).length === 3 && screens(shown) >= 4);
    terminal.type('q');
    await terminal.ended;
    expect(terminal.shown()).toMatch(/stopped[\s\S]* icanon[\s\S]* echo /);
    expect(terminal.shown()).toMatch(/code 0\s*$/);
  });

  test('a smaller screen is drawn whole at once, and nothing is wider than it', async () => {
    const terminal = onTerminal('(read x; stty cols 30 rows 5) </dev/tty & $ctfix status --watch 60');
    await terminal.until((shown) => screens(shown) >= 1);
    terminal.type('\n');
    await terminal.until((shown) => screens(shown) >= 2);
    terminal.type('q');
    await terminal.ended;
    const [, , second = ''] = terminal.shown().split('\x1b[1;1H');
    const lines = second.slice(0, second.indexOf(LEAVE)).split(/\x1b\[\d+;1H/);
    expect(lines.slice(0, 5).map((line) => line.replace(/\x1b\[[0-9;]*[mKJ]/g, '').length)).toEqual(
      lines.slice(0, 5).map(() => expect.toSatisfy((length: number) => length <= 30)),
    );
    expect(lines.length).toBeLessThanOrEqual(6);
  });

  test.each([
    ['ASCII and no colour', { LC_ALL: 'C', NO_COLOR: '1' }, /^[\x20-\x7e\r\n]*$/],
    ['UTF-8 and colour', { LC_ALL: 'C.UTF-8' }, /\x1b\[1m[\s\S]*[▁-█░]/],
  ])('%s', async (_, env, form) => {
    const terminal = onTerminal('$ctfix status --watch 0.2', env);
    await terminal.until((shown) => screens(shown) >= 2);
    terminal.type('q');
    await terminal.ended;
    expect(terminal.shown().replace(/\x1b\[(?:\?\d+[hl]|\d*;?\d*[HJK])/g, '')).toMatch(form);
  });

  test('a terminal that cannot move its cursor gets lines', async () => {
    const terminal = onTerminal('$ctfix status --watch 0.2 </dev/tty & read x; kill $!; wait $!; echo "code $?"', {
      TERM: 'dumb',
    });
    await terminal.until((shown) => shown.split('\r\n').length > 3);
    terminal.type('\n');
    await terminal.ended;
    expect(terminal.shown()).not.toContain('\x1b');
    expect(terminal.shown()).toMatch(/code 0\s*$/);
  });
});

describe('without a terminal', () => {
  const LOOK =
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (?:count=\d+ max=\d+ .*highest=\d+|nf_conntrack is not loaded)$/;

  function watching(...words: string[]) {
    const child = spawn(process.execPath, [bundle, 'status', '--watch', '0.2', ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let told = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      told += text;
    });
    return { ...listened(child), told: () => told, kill: (signal: NodeJS.Signals) => child.kill(signal) };
  }

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s ends it with 0 and the peak', async (signal) => {
    const watched = watching();
    await watched.until((shown) => shown.split('\n').length > 3);
    watched.kill(signal);
    expect(await watched.ended).toBe(0);
    const lines = watched.shown().trimEnd().split('\n');
    const last = lines.at(-1) ?? '';
    expect(last).toMatch(PEAK);
    const looks = lines.slice(0, last.startsWith('ctfix') ? -2 : -1);
    expect(looks.length).toBeGreaterThanOrEqual(3);
    for (const look of looks) expect(look).toMatch(LOOK);
  });

  function shell(line: string) {
    return spawnSync('bash', ['-c', line], {
      encoding: 'utf8',
      env: { ...process.env, ctfix: CTFIX },
      timeout: 50_000,
    });
  }

  test('a reader that goes away ends it with 0, quietly', () => {
    const { stdout, stderr } = shell('set -o pipefail; $ctfix status --watch 0.1 | head -n 2; echo "code $?"');
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^\S+Z .*\n\S+Z .*\ncode 0\n$/);
  });

  test('a reader that takes nothing does not keep it from ending', () => {
    const fill = 'head -c 65536 /dev/zero';
    const { stderr } = shell(
      `(${fill}; timeout -s TERM --preserve-status -k 8 8 $ctfix status --watch 0.1; echo "code $?" >&2) | sleep 17`,
    );
    expect(stderr).toBe('code 0\n');
  });

  test('json: one object in each line, the peak apart', async () => {
    const watched = watching('-o', 'json');
    await watched.until((shown) => shown.split('\n').length > 3);
    watched.kill('SIGTERM');
    expect(await watched.ended).toBe(0);
    for (const line of watched.shown().trimEnd().split('\n')) expect(JSON.parse(line).schema).toBe('ctfix.watch/v1');
    expect(watched.told()).toMatch(/^(?:ctfix plan --peak \d+\n)?$/);
  });

  test('a full disk is an error', () => {
    const { status, stderr } = shell('$ctfix status --watch 0.1 > /dev/full');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^ctfix: the answer could not be written: .*ENOSPC/m);
  });
});
