import { chmodSync, linkSync, mkdirSync, readdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dropHanded, type Handed, handOver, takeHanded } from '../../src/apply/handed.ts';
import { look, planOf } from '../support/changes.ts';
import { memoryHost } from '../support/memory-host.ts';
import { stateDir } from '../support/state-dir.ts';

const ID = '20261124-054512-1a2b';

async function handed(): Promise<Handed> {
  const memory = memoryHost();
  const plain = { colour: false, unicode: false };
  return {
    plan: planOf(memory, { max: 1, buckets: 1, values: {} }, []),
    facts: await look(memory.host),
    flags: { color: true, output: 'text' },
    views: { stdout: plain, stderr: plain },
  };
}

test('is read once, and only root can read it', async () => {
  const dir = stateDir();
  const given = await handed();
  handOver(dir, ID, given);
  expect(statSync(join(dir, `handed-${ID}.json`)).mode & 0o777).toBe(0o600);
  expect(takeHanded(dir, ID)).toEqual(JSON.parse(JSON.stringify(given)));
  expect(() => takeHanded(dir, ID)).toThrow('no plan was handed over');
  expect(readdirSync(dir)).toEqual(['journal']);
});

test.each<[string, (path: string) => void]>([
  ['that others can write', (path) => chmodSync(path, 0o666)],
  ['that is a link', (path) => symlinkSync('/etc/hostname', path)],
  ['that is a directory', (path) => mkdirSync(path)],
])('one %s is not believed', async (_, spoil) => {
  const dir = stateDir();
  handOver(dir, ID, await handed());
  const path = join(dir, `handed-${ID}.json`);
  if (_ !== 'that others can write') dropHanded(dir, ID);
  spoil(path);
  expect(() => takeHanded(dir, ID)).toThrow('cannot be trusted');
});

test('a name that leads elsewhere is none', async () => {
  const dir = stateDir();
  handOver(dir, ID, await handed());
  writeFileSync(join(dir, '..', 'handed-x.json'), '{}');
  linkSync(join(dir, '..', 'handed-x.json'), join(dir, 'handed-y.json'));
  for (const id of ['../handed-x', '..', '', 'x', `${ID}/../${ID}`])
    expect(() => takeHanded(dir, id)).toThrow('no plan');
});

test('what nobody took can be dropped, twice', async () => {
  const dir = stateDir();
  handOver(dir, ID, await handed());
  dropHanded(dir, ID);
  dropHanded(dir, ID);
  expect(() => takeHanded(dir, ID)).toThrow('no plan');
});

test('one that a killed process left is swept after an hour, one of today is not', async () => {
  const dir = stateDir();
  const [old, young] = ['20261124-040000-aaaa', '20261124-050000-bbbb'];
  handOver(dir, old, await handed());
  handOver(dir, young, await handed());
  utimesSync(join(dir, `handed-${old}.json`), 0, Date.now() / 1000 - 3700);
  handOver(dir, ID, await handed());
  expect(readdirSync(dir).sort()).toEqual([`handed-${young}.json`, `handed-${ID}.json`, 'journal']);
});
