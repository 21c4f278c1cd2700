/** What ctfix doctor says about every recorded host, word for word; see golden.test.ts for how they are renewed. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { diagnose } from '../src/doctor/diagnose.ts';
import { EXIT } from '../src/errors.ts';
import { gather } from '../src/facts/gather.ts';
import { recordedHost } from '../src/host/recorded.ts';
import { doctorText } from '../src/render/doctor.ts';
import { PLAIN } from './render/support.ts';

const root = join(import.meta.dirname, 'hosts');
const golden = readdirSync(join(import.meta.dirname, 'golden'));

describe.each(readdirSync(root))('%s', (host) => {
  test('doctor', async () => {
    const facts = await gather(recordedHost(join(root, host)), { sleep: async () => undefined, diagnosis: true });
    const diagnosis = diagnose(facts);
    const name = `${host}.doctor.${diagnosis.verdict === 'well' ? EXIT.ok : EXIT.pending}.text`;
    const others = golden.filter((each) => each.startsWith(`${host}.doctor.`));
    expect([...new Set([name, ...others])]).toEqual([name]);
    await expect(doctorText({ facts, diagnosis }, PLAIN)).toMatchFileSnapshot(join('golden', name));
  });
});
