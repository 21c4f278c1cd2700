/** A real process that applies to real files is killed with SIGKILL at any moment; rollback in another one cleans up. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { rollback } from '../../src/apply/rollback.ts';
import { localHost } from '../../src/host/local.ts';
import type { Action } from '../../src/model.ts';
import { depsFor, planOf } from '../support/changes.ts';
import { memoryHost } from '../support/memory-host.ts';
import { program } from '../support/program.ts';
import { tree } from '../support/tree.ts';

const FILES = { 'etc/a.conf': 'old\r\n# no end', 'etc/sub/b.conf': 'b\n' };
const ROUNDS = 15;
/** These hosts are real: no unit of theirs may be touched. */
const NOWHERE = { argv: ['/nowhere/ctfix'] as const, unit: '' };

/** Every path with its mode and text. */
function picture(dir: string): Record<string, string> {
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort();
  const look = (path: string) => {
    const stat = lstatSync(path);
    return `${stat.mode.toString(8)} ${stat.isFile() ? readFileSync(path, 'utf8') : ''}`;
  };
  return Object.fromEntries(names.map((name) => [name, look(join(dir, name))]));
}

/** The first `count` lines of a stream. */
async function* linesOf(stream: Readable, count: number): AsyncGenerator<string> {
  let seen = 0;
  for await (const line of createInterface({ input: stream })) {
    yield line;
    seen += 1;
    if (seen === count) return;
  }
}

const SOURCE = `
  import { apply } from './src/apply/apply.ts';
  import { localHost } from './src/host/local.ts';
  import { depsFor } from './test/support/changes.ts';
  const [dir, text] = process.argv.slice(2);
  const plan = JSON.parse(text);
  const host = { ...localHost(), perform: async () => ({ code: 0, stdout: '', stderr: '' }) };
  const facts = { module: { state: 'absent', inode: { unknown: '' } } };
  const recovery = { argv: ['/nowhere/ctfix'], unit: '' };
  const deps = depsFor(host, dir + '/state', plan, { recovery, survey: async () => ({ facts, plan }), progress: console.log });
  console.log('begun');
  await apply(plan, facts, deps);
  console.log('ended');
  setTimeout(() => {}, 60_000);`;

test('kill -9 at any moment of apply', async () => {
  const path = program(SOURCE);
  const left: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const dir = tree(FILES);
    chmodSync(join(dir, 'etc/a.conf'), 0o640);
    const file = (name: string, before: string | undefined, after: string): Action => ({
      do: 'write-file',
      path: join(dir, name),
      ...(before !== undefined && { before }),
      after,
      mode: 0o644,
      why: '',
    });
    const plan = planOf(memoryHost(), { max: 1, buckets: 1, values: {} }, [
      file('etc/a.conf', FILES['etc/a.conf'], 'x'.repeat(100_000)),
      file('etc/made/for/it.rules', undefined, 'new\n'),
      file('etc/sub/b.conf', FILES['etc/sub/b.conf'], 'new\n'),
      file('etc/c.conf', undefined, 'new\n'),
    ]);
    const before = picture(join(dir, 'etc'));
    const child = spawn(process.execPath, [path, dir, JSON.stringify(plan)], { stdio: ['ignore', 'pipe', 'inherit'] });
    // After the first line, and after each of the four steps, a few milliseconds into what follows.
    for await (const _ of linesOf(child.stdout, 1 + (round % 5)));
    await new Promise((resolve) => setTimeout(resolve, (round * 7) % 11));
    child.kill('SIGKILL');
    await once(child, 'exit');
    left.push(JSON.stringify(picture(join(dir, 'etc'))) === JSON.stringify(before) ? 'old' : 'touched');
    const host = { ...localHost(), perform: async () => ({ code: 0, stdout: '', stderr: '' }) };
    expect((await rollback(undefined, depsFor(host, join(dir, 'state'), plan, { recovery: NOWHERE }))).exit).toBe('ok');
    expect(picture(join(dir, 'etc'))).toEqual(before);
    expect(readdirSync(dir).includes('state') ? readdirSync(join(dir, 'state')) : []).not.toContain('lock');
  }
  expect(new Set(left)).toContain('touched');
}, 120_000);
