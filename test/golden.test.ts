/**
 * What ctfix says about every recorded host, word for word: `<host>.<command>.<exit>.<format>`. After a change that is
 * meant, `npx vitest run --project unit test/golden.test.ts -u` writes them anew, and a person reads the difference.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { verify } from '../src/apply/verify.ts';
import { EXIT } from '../src/errors.ts';
import { freeze } from '../src/frozen.ts';
import { sha256 } from '../src/host/chance.ts';
import { recordedHost } from '../src/host/recorded.ts';
import { isEmpty, type PlanOptions } from '../src/model.ts';
import { json } from '../src/render/json.ts';
import { planMarkdown } from '../src/render/plan-markdown.ts';
import { planExit } from '../src/render/plan-parts.ts';
import { planText } from '../src/render/plan-text.ts';
import { verifyText } from '../src/render/verify.ts';
import { survey } from '../src/survey.ts';
import { PLAIN } from './render/support.ts';
import { templates } from './support/facts.ts';
import { BRIEF } from './support/recorded.ts';

const root = new URL('..', import.meta.url).pathname;
const hosts = readdirSync(join(root, 'test/hosts'));
const golden = readdirSync(join(root, 'test/golden'));
const deps = {
  version: '0.1.0',
  sleep: async () => undefined,
  templates,
};
const valid = new Ajv2020({ strict: true, allErrors: true }).compile(
  JSON.parse(readFileSync(join(root, 'docs/plan-v1.schema.json'), 'utf8')),
);

/** The text as recorded; another exit code than the recorded one is a difference too. */
async function same(host: string, command: string, code: number, format: string, text: string): Promise<void> {
  const others = golden.filter((name) => name.startsWith(`${host}.${command}.`) && name.endsWith(`.${format}`));
  const name = `${host}.${command}.${code}.${format}`;
  expect([...new Set([name, ...others])]).toEqual([name]);
  await expect(text).toMatchFileSnapshot(join('golden', name));
}

async function planOf(host: string, options: PlanOptions) {
  const { facts, plan } = await survey(recordedHost(join(root, 'test/hosts', host)), options, deps);
  return { facts, plan, now: new Date('2026-11-24T06:00:00.000Z') };
}

describe.each(hosts)('%s', (host) => {
  test.each([
    ['plan', {}],
    ['plan-precaution', { precaution: true }],
  ] as const)('%s', async (name, options) => {
    const report = await planOf(host, options);
    const code = planExit(report.plan, false);
    const brief = BRIEF.includes(host);
    if (!brief || name === 'plan') await same(host, name, code, 'text', planText(report, PLAIN));
    const saved = freeze(report.plan, report.facts, report.now, sha256);
    if (!brief) await same(host, name, code, 'json', json(saved));
    valid(saved);
    expect(valid.errors).toBeNull();
    expect(report.plan.sizing.verdict === 'nothing').toBe(isEmpty(report.plan));
  });

  test.skipIf(BRIEF.includes(host))('plan for a ticket', async () => {
    const report = await planOf(host, {});
    await same(host, 'plan', planExit(report.plan, false), 'markdown', planMarkdown(report));
  });

  test('verify', async () => {
    const report = await verify(recordedHost(join(root, 'test/hosts', host)), deps);
    await same(host, 'verify', EXIT[report.exit], 'text', verifyText(report, PLAIN));
  });
});
