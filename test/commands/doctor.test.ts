/** The command: its two forms and its exit codes. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { EXIT } from '../../src/errors.ts';
import { recordedHost } from '../../src/host/recorded.ts';
import { sysrootHost } from '../../src/host/sysroot.ts';
import { folder } from '../support/recorded.ts';
import { fakeDeps } from './support.ts';

async function doctor(host: string, ...words: readonly string[]) {
  const { deps, said } = fakeDeps({ look: async () => recordedHost(folder(host)) });
  const code = await runProgram(['doctor', ...words], deps);
  return { code, ...said };
}

test.each([
  ['debian12-idle-2g', EXIT.ok, /^all well: /],
  ['debian12-full-4g', EXIT.pending, /^found: 1 critical\n/],
])('%s ends with %i', async (host, code, first) => {
  const answer = await doctor(host);
  expect(answer.code).toBe(code);
  expect(answer.out).toMatch(first);
  expect(answer.err).toBe('');
});

test('as JSON: schema, host, verdict, codes, and what was not looked at', async () => {
  const { code, out } = await doctor('debian12-idle-user', '-o', 'json');
  expect(code).toBe(EXIT.ok);
  expect(JSON.parse(out)).toMatchObject({
    schema: 'ctfix.doctor/v1',
    ctfix: '0.1.0',
    at: '2026-11-24T05:33:10.000Z',
    host: { kernel: '6.1.0-56-cloud-amd64', root: false },
    verdict: 'well',
    findings: [],
    unseen: [{ what: 'the kernel log' }, { what: 'other network namespaces' }],
  });
  const full = JSON.parse((await doctor('debian12-full-4g', '-o', 'json')).out);
  expect(full.verdict).toBe('found');
  expect(full.findings).toMatchObject([
    { code: 'table-full', severity: 'critical', remedies: [{ command: 'sudo ctfix apply' }, {}] },
  ]);
});

test('a directory tree is judged by its files', async () => {
  const { deps, said } = fakeDeps({ look: async () => sysrootHost(join(folder('el7-ish'), 'root')) });
  expect(await runProgram(['doctor', '--root', '/srv/image'], deps)).toBe(EXIT.pending);
  expect(said.out).toContain('[hash-too-short]');
  expect(said.out).toContain('everything live: a directory tree has no kernel (--root)');
});
