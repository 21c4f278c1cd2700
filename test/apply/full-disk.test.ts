/** The directory of the records on a real file system that is full or cannot be written. */
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { program } from '../support/program.ts';
import { tree } from '../support/tree.ts';

const canMount = spawnSync('unshare', ['-m', '--propagation', 'private', 'true']).status === 0;

/** What apply says of a plan of one file, with `mount` over its state directory; and what lies in both then. */
function applied(mount: string): { exit: string; said: string; state: string; etc: string } {
  const dir = tree({ 'state/x': '', 'etc/x.conf': 'old' });
  const script = program(`
    import { readdirSync, readFileSync } from 'node:fs';
    import { apply } from './src/apply/apply.ts';
    import { localHost } from './src/host/local.ts';
    import { depsFor, planOf } from './test/support/changes.ts';
    import { memoryHost } from './test/support/memory-host.ts';
    const dir = process.argv[2];
    const action = { do: 'write-file', path: dir + '/etc/x.conf', before: 'old', after: 'new', mode: 0o644, why: '' };
    const plan = planOf(memoryHost(), { max: 1, buckets: 1, values: {} }, [action]);
    const host = { ...localHost(), perform: async () => ({ code: 0, stdout: '', stderr: '' }) };
    const facts = { module: { state: 'absent', inode: { unknown: '' } } };
    const deps = depsFor(host, dir + '/state', plan, {
      survey: async () => ({ facts, plan }),
      lockPath: dir + '/lock',
    });
    const end = await apply(plan, facts, deps).catch((error) => ({ exit: error.exit, lines: [{ text: error.message }] }));
    const names = (path) => readdirSync(path, { recursive: true }).filter((name) => name !== 'fill').sort().join(' ');
    const etc = names(dir + '/etc') + ' ' + readFileSync(dir + '/etc/x.conf', 'utf8');
    console.log(JSON.stringify({ exit: end.exit, said: end.lines[0].text, state: names(dir + '/state'), etc }));`);
  const shell = `${mount.replaceAll('DIR', join(dir, 'state'))}; exec "$@"`;
  const argv = ['-m', '--propagation', 'private', 'sh', '-c', shell, 'sh', process.execPath, script, dir];
  return JSON.parse(execFileSync('unshare', argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
}

test.runIf(canMount)('no block is left: refused, nothing written', () => {
  const mount =
    'mount -t tmpfs -o size=64k,mode=755 none DIR; mkdir -m 700 DIR/journal; head -c 65536 /dev/zero > DIR/fill';
  expect(applied(mount)).toEqual({
    exit: 'refused',
    said: expect.stringMatching(/the file system of .*\/state is full/),
    state: 'journal',
    etc: 'x.conf old',
  });
});

test.runIf(canMount)('some blocks are left, and not enough for a journal: found before it is begun', () => {
  const mount =
    'mount -t tmpfs -o size=64k,mode=755 none DIR; mkdir -m 700 DIR/journal; head -c 53248 /dev/zero > DIR/fill';
  expect(applied(mount)).toEqual({
    exit: 'refused',
    said: expect.stringMatching(/the file system of .*\/state is full/),
    state: 'journal',
    etc: 'x.conf old',
  });
});

test.runIf(canMount)('the first change here, and no block is left: refused, not even a directory is made', () => {
  const mount = 'mount -t tmpfs -o size=64k,mode=755 none DIR; head -c 65536 /dev/zero > DIR/fill';
  expect(applied(mount)).toEqual({
    exit: 'refused',
    said: expect.stringMatching(/the file system of .*\/state is full/),
    state: '',
    etc: 'x.conf old',
  });
});

test.runIf(canMount)('read-only: refused', () => {
  const mount = 'mount -t tmpfs -o mode=755 none DIR; mount -o remount,ro DIR';
  expect(applied(mount)).toEqual({
    exit: 'refused',
    said: expect.stringMatching(/state cannot be written: .* is mounted read-only/),
    state: '',
    etc: 'x.conf old',
  });
});
