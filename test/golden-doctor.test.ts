/** What ctfix doctor says about every recorded host, word for word; see golden.test.ts for how they are renewed. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { runProgram } from '../src/commands/program.ts';
import type { ReadHost } from '../src/host/host.ts';
import { recordedHost } from '../src/host/recorded.ts';
import { fakeDeps } from './commands/support.ts';
import { stateText } from './support/change-record.ts';
import { changed } from './support/recorded.ts';

const root = join(import.meta.dirname, 'hosts');
const golden = readdirSync(join(import.meta.dirname, 'golden'));
const schema = JSON.parse(readFileSync(join(import.meta.dirname, '../docs/doctor-v1.schema.json'), 'utf8'));
const valid = new Ajv2020({ strict: true, allErrors: true }).compile(schema);

async function doctor(host: ReadHost, ...words: readonly string[]) {
  const { deps, said } = fakeDeps({ look: async () => host });
  const code = await runProgram(['doctor', ...words], deps);
  return { code, out: said.out };
}

async function same(host: string, { code, out }: { readonly code: number; readonly out: string }) {
  const name = `${host}.doctor.${code}.text`;
  const others = golden.filter((each) => each.startsWith(`${host}.doctor.`));
  expect([...new Set([name, ...others])]).toEqual([name]);
  await expect(out).toMatchFileSnapshot(join('golden', name));
}

describe.each(readdirSync(root))('%s', (host) => {
  test('doctor', async () => {
    await same(host, await doctor(recordedHost(join(root, host))));
  });

  test('as JSON it keeps to the schema', async () => {
    valid(JSON.parse((await doctor(recordedHost(join(root, host)), '-o', 'json')).out));
    expect(valid.errors).toBeNull();
  });
});

test('a change of an earlier boot of which nothing is left', async () => {
  const files = { '/var/lib/ctfix/state.json': stateText({ bootId: 'earlier' }) };
  await same('with-change-of-an-earlier-boot', await doctor(changed('debian12-idle-2g', { files })));
});
