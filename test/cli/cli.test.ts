/** The built program as a shell sees it: what comes out where, and with which exit code. Changes nothing. */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXIT } from '../../src/errors.ts';

const root = new URL('../..', import.meta.url).pathname;
const bundle = join(root, 'dist/ctfix.cjs');
const top = mkdtempSync(join(tmpdir(), 'ctfix-cli-'));

beforeAll(() => {
  if (existsSync(bundle)) return;
  const built = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(built.stderr);
});
afterAll(() => rmSync(top, { recursive: true, force: true }));

/** Runs it without a terminal. */
function ctfix(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bundle, ...words], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 30_000,
  });
  return { status, stdout, stderr };
}

/** Runs a line of shell in which `$ctfix` is the program. */
function shell(line: string) {
  return spawnSync('bash', ['-c', line], {
    encoding: 'utf8',
    env: { ...process.env, ctfix: `${process.execPath} ${bundle}` },
    timeout: 30_000,
  });
}

describe('wrong words end with 64, a sentence on stderr and nothing on stdout', () => {
  test.each([
    [[]],
    [['paln']],
    [['plan', '--nosuch']],
    [['plan', '--max', '1e6']],
    [['plan', '--root', '/nonexistent']],
    [['plan', '--root', '/etc/passwd']],
    [['\x1b[2J\u202eplan']],
  ])('%j', (words) => {
    const { status, stdout, stderr } = ctfix(...words);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^ctfix: [^\n]+\n(?: {2}[^\n]+\n)?$/);
    expect(stderr).not.toMatch(/[\x1b\u202e]| at .*\.[cm]js/);
    expect(status).toBe(EXIT.usage);
  });
});

test.each(
  [['--help'], ['-h'], ['help'], ['--version'], ['plan', '--help'], ['help', 'apply'], ['completion', 'bash']].map(
    (words) => [words],
  ),
)('%j ends with 0 and speaks on stdout only', (words) => {
  const { status, stdout, stderr } = ctfix(...words);
  expect({ status, stderr }).toEqual({ status: EXIT.ok, stderr: '' });
  expect(stdout).not.toBe('');
});

describe('plan on whatever machine this is', () => {
  test('text: a verdict first, no colour without a terminal, 0 or 3', () => {
    const { status, stdout, stderr } = ctfix('plan');
    expect(stdout).toMatch(/^(needed|precaution|requested|nothing to do): ./);
    expect(stdout).not.toContain('\x1b');
    expect(stderr).toBe('');
    expect([EXIT.ok, EXIT.refused]).toContain(status);
  });

  test('json: satisfies the schema, and the exit code follows from it', () => {
    const { status, stdout } = ctfix('plan', '-o', 'json', '--precaution', '--detailed-exitcode');
    const plan = JSON.parse(stdout);
    const valid = new Ajv2020({ strict: true }).compile(
      JSON.parse(readFileSync(join(root, 'docs/plan-v1.schema.json'), 'utf8')),
    );
    valid(plan);
    expect(valid.errors).toBeNull();
    const pending = plan.actions.length > 0 ? EXIT.pending : EXIT.ok;
    expect(status).toBe(plan.refusals.length > 0 ? EXIT.refused : pending);
  });

  test('markdown: a heading', () => {
    expect(ctfix('plan', '-o', 'markdown').stdout).toMatch(/^## Connection table: /);
  });

  test('verbose: what was read goes to stderr, the product stays the same', () => {
    const { stdout, stderr } = ctfix('plan', '-v', '-o', 'json');
    expect(JSON.parse(stdout).schema).toBe('ctfix.plan/v1');
    expect(stderr).toMatch(/^read \/proc\/meminfo$/m);
  });

  test('an empty tree below --root has an answer too, and stays empty', () => {
    const folder = mkdtempSync(join(top, 'tree-'));
    const { status, stdout, stderr } = ctfix('plan', '--root', folder);
    expect(stdout).toMatch(/^(needed|precaution|requested|nothing to do): ./);
    expect(stderr).toBe('');
    expect([EXIT.ok, EXIT.refused]).toContain(status);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('apply without a terminal changes nothing', () => {
  const asked = ['apply', '--max', '2000000', '--memory-limit', '100%'];

  test('and says what it lacks: root, or --yes', () => {
    const { status, stdout, stderr } = ctfix(...asked);
    const wanted = process.geteuid?.() === 0 ? [EXIT.usage, EXIT.refused] : [EXIT.notRoot, EXIT.refused];
    expect(wanted).toContain(status);
    if (status !== EXIT.refused) expect(stderr).toMatch(/^ctfix: .*(root|terminal)/m);
    else expect(stdout).toMatch(/^refused: /m);
  });

  test('--dry-run shows the steps and ends as plan does', () => {
    const plan = ctfix('plan', ...asked.slice(1));
    const dry = ctfix(...asked, '--dry-run');
    expect(dry.status).toBe(plan.status);
    expect(dry.stdout.split('\n')[0]).toBe(plan.stdout.split('\n')[0]);
    expect(dry.stderr).toBe('Dry run: nothing was changed.\n');
  });
});

describe('facts', () => {
  test('one JSON document', () => {
    const { status, stdout, stderr } = ctfix('facts');
    expect({ status, stderr }).toEqual({ status: EXIT.ok, stderr: '' });
    expect(JSON.parse(stdout).schema).toBe('ctfix.facts/v1');
  });

  test('a recording goes to a new directory, and an old one is not written over', () => {
    const dir = join(top, 'recorded');
    expect(ctfix('facts', '--record', dir)).toMatchObject({ status: EXIT.ok, stdout: '' });
    expect(readdirSync(dir)).toEqual(expect.arrayContaining(['commands.json', 'host.json', 'root']));
    expect(ctfix('facts', '--record', dir)).toMatchObject({ status: EXIT.usage, stdout: '' });
  });
});

describe('doctor', () => {
  test('a verdict first, and 0 or 2 to go with it; the same host as JSON', () => {
    const { status, stdout, stderr } = ctfix('doctor');
    expect(stderr).toBe('');
    expect(stdout).toMatch(status === EXIT.ok ? /^all well: / : /^found: /);
    expect([EXIT.ok, EXIT.pending]).toContain(status);
    const { schema, verdict } = JSON.parse(ctfix('doctor', '-o', 'json').stdout);
    expect({ schema, verdict }).toEqual({
      schema: 'ctfix.doctor/v1',
      verdict: status === EXIT.ok ? 'well' : 'found',
    });
  });
});

describe('the other end of the pipe', () => {
  test.each(['plan -o json', 'facts', '--help'])('%s: a reader that goes away is no error', (words) => {
    const { stderr } = shell(`$ctfix ${words} | head -c 1 >/dev/null; $ctfix ${words} | true`);
    expect(stderr).toBe('');
  });

  test('a full disk is one', () => {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [bundle, 'facts'], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    expect(stderr).toMatch(/^ctfix: the answer could not be written: ENOSPC/);
    expect(status).toBe(EXIT.failed);
  });

  test('closed standard streams end without a stack', () => {
    expect(shell('$ctfix plan >&- 2>&-').status).not.toBe(null);
    expect(shell('$ctfix facts <&- | head -c 10').stdout).toBe('{\n  "schem');
  });
});
