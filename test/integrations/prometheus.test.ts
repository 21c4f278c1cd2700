/** Metrics and alerts, read by Prometheus' own promtool. scripts/promtool.mjs brings it. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { recordedHost } from '../../src/host/recorded.ts';
import { fakeDeps } from '../commands/support.ts';

const root = new URL('../..', import.meta.url).pathname;
const own = join(root, 'build/promtool');
const program = existsSync(own) ? own : 'promtool';
const there = spawnSync(program, ['--version']).status === 0;
const rules = join(root, 'integrations/prometheus');

/** What promtool says, and how it ended. */
function promtool(words: readonly string[], input?: string) {
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8', input, cwd: rules });
  return { status, said: `${stdout}${stderr}` };
}

async function metricsOf(host: string): Promise<string> {
  const { deps, said } = fakeDeps({ look: async () => recordedHost(join(root, 'test/hosts', host)) });
  expect(await runProgram(['status', '-o', 'prometheus'], deps)).toBe(0);
  return said.out;
}

// Where it cannot be had these tests are skipped; a machine that builds for everybody must have it.
describe.skipIf(!there && process.env.CI === undefined)('promtool', () => {
  test.each(readdirSync(join(root, 'test/hosts')))(
    'reads the metrics of %s and finds nothing to complain of',
    async (host) => {
      const text = await metricsOf(host);
      expect(text).toMatch(/^# HELP ctfix_info /);
      expect(promtool(['check', 'metrics'], text)).toEqual({ status: 0, said: '' });
    },
  );

  test('would complain of a name without its unit, and of half a line', () => {
    expect(
      promtool(['check', 'metrics'], '# HELP a_milliseconds A.\n# TYPE a_milliseconds gauge\na_milliseconds 1\n')
        .status,
    ).not.toBe(0);
    expect(promtool(['check', 'metrics'], 'a{b="c} 1\n').status).not.toBe(0);
  });

  test('takes the rules, and every alert fires and keeps still as its test says', () => {
    expect(promtool(['check', 'rules', '--lint=all', '--lint-fatal', 'alerts.yml'])).toMatchObject({ status: 0 });
    expect(promtool(['test', 'rules', 'alerts_test.yml'])).toMatchObject({ status: 0 });
  });

  describe('dist', () => {
    const bundle = join(root, 'dist/ctfix.cjs');
    const ctfix = () => spawnSync(process.execPath, [bundle, 'status', '-o', 'prometheus'], { encoding: 'utf8' });

    beforeAll(() => {
      if (!existsSync(bundle)) spawnSync(process.execPath, [join(root, 'scripts/build.mjs')]);
    });

    test('the metrics of this machine', () => {
      const { status, stdout, stderr } = ctfix();
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(promtool(['check', 'metrics'], stdout)).toEqual({ status: 0, said: '' });
    });
  });
});

test('every alert has a test in which it fires, and one in which it does not', () => {
  const alerts = [...readFileSync(join(rules, 'alerts.yml'), 'utf8').matchAll(/- alert: (\w+)/g)].map(
    (match) => match[1],
  );
  const tests = readFileSync(join(rules, 'alerts_test.yml'), 'utf8');
  expect(alerts.length).toBeGreaterThan(5);
  for (const alert of alerts) {
    expect(tests).toMatch(new RegExp(`alertname: ${alert}\n[^\n]*\n *exp_alerts:\n`));
    expect(tests).toMatch(
      new RegExp(`alertname: ${alert}(, eval_time: \\w+, exp_alerts: \\[\\]|\n[^\n]*\n *exp_alerts: \\[\\])`),
    );
  }
});

test('every metric that an alert needs is one of ours or of node_exporter', async () => {
  const needed = new Set(
    readFileSync(join(rules, 'alerts.yml'), 'utf8')
      .replace(/^ *#.*$/gm, '')
      .match(/\b(?:ctfix|node)_[a-z_]+/g),
  );
  const code = readFileSync(join(root, 'src/render/prometheus.ts'), 'utf8');
  for (const name of needed) {
    if (name.startsWith('ctfix_')) expect(code).toContain(name.replace('ctfix_', ''));
    // collector/conntrack_linux.go and textfile.go of node_exporter
    else
      expect(name).toMatch(
        /^node_(nf_conntrack_(entries|entries_limit|stat_drop|stat_early_drop)|textfile_mtime_seconds)$/,
      );
  }
});
