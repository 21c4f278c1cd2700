import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lchownSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { takeLock } from '../../src/apply/lock.ts';
import type { Host } from '../../src/host/host.ts';
import { memoryHost } from '../support/memory-host.ts';
import { program } from '../support/program.ts';
import { stateDir } from '../support/state-dir.ts';
import { tree } from '../support/tree.ts';

const NOW = new Date('2026-11-24T05:45:12Z');

describe('takeLock', () => {
  test('is there for one, and gone without a trace afterwards', async () => {
    const dir = tree();
    const { host } = memoryHost();
    const lock = await takeLock(join(dir, 'lock'), host, NOW);
    await expect(takeLock(join(dir, 'lock'), host, NOW)).rejects.toMatchObject({
      exit: 'refused',
      message: 'another ctfix is at work here: process 100, since 2026-11-24T05:45:12.000Z',
    });
    lock.release();
    expect(readdirSync(dir)).toEqual([]);
    (await takeLock(join(dir, 'lock'), host, NOW)).release();
  });

  test('who waits has it as soon as the one that holds it has ended, dead or alive', async () => {
    for (const dies of [true, false]) {
      const path = join(tree(), 'lock');
      const memory = memoryHost();
      const first = await takeLock(path, memory.host, NOW);
      let waits = 0;
      const lock = await takeLock(path, memory.host, NOW, async () => {
        if (++waits < 3) return;
        if (dies) memory.restart();
        else first.release();
      });
      expect(waits).toBe(3);
      expect(readlinkSync(path)).toContain(' ');
      lock.release();
      expect(readdirSync(dirname(path))).toEqual([]);
    }
  });

  test('its text fits where a link takes no block: the longest pid, start and boot id', async () => {
    const dir = tree();
    const { host } = memoryHost({}, { pid: 4194304, bootId: '2f6dd2a0-9c84-4ec0-a6d0-3a1d1a6b6f6e' });
    const stat = '4194304 (ctfix) R 1 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 99999999999 0';
    const readFile = async (path: string) => (path.endsWith('/stat') ? stat : host.readFile(path));
    await takeLock(join(dir, 'lock'), { ...host, readFile }, NOW);
    expect(readlinkSync(join(dir, 'lock')).length).toBeLessThan(128);
  });

  test('a file of root’s that has its name gives way; one of somebody else is not believed', async () => {
    const dir = tree({ lock: '{"pid":1}' });
    (await takeLock(join(dir, 'lock'), memoryHost().host, NOW)).release();
    symlinkSync('1 2 ab now boot', join(dir, 'lock'));
    if (process.geteuid?.() !== 0) return;
    lchownSync(join(dir, 'lock'), 1000, 1000);
    await expect(takeLock(join(dir, 'lock'), memoryHost().host, NOW)).rejects.toThrow('user with id 1000');
  });

  test('other names beside it are left alone', async () => {
    const dir = tree({ 'lockd.pid': '7', 'other.lock': 'x' });
    (await takeLock(join(dir, 'lock'), memoryHost().host, NOW)).release();
    expect(readdirSync(dir)).toEqual(['lockd.pid', 'other.lock']);
  });

  test.each([
    ['the process is gone', (memory: ReturnType<typeof memoryHost>) => memory.restart()],
    ['the machine has started again', (memory: ReturnType<typeof memoryHost>) => memory.boot({ pid: 100 })],
    [
      'the pid belongs to a younger process',
      (memory: ReturnType<typeof memoryHost>) => {
        memory.restart();
        memory.files.set('/proc/100/stat', {
          text: '100 (other) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 999 0',
          mode: 0o444,
        });
      },
    ],
    [
      'the process is a zombie',
      (memory: ReturnType<typeof memoryHost>) => {
        memory.restart();
        memory.files.set('/proc/100/stat', {
          text: '100 (ct) fix) Z 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 10077 0',
          mode: 0o444,
        });
      },
    ],
  ])('a holder that does not run any more holds nothing: %s', async (_, pass) => {
    const dir = tree();
    const memory = memoryHost();
    await takeLock(join(dir, 'lock'), memory.host, NOW);
    pass(memory);
    const lock = await takeLock(join(dir, 'lock'), memory.host, NOW);
    lock.release();
    expect(readdirSync(dir)).toEqual([]);
  });

  test.each(['x', '1', '/etc/passwd', '1 2 ../../x now boot', '1 2 ab now'])(
    'a lock that says %j is nobody’s',
    async (text) => {
      const dir = tree();
      symlinkSync(text, join(dir, 'lock'));
      (await takeLock(join(dir, 'lock'), memoryHost().host, NOW)).release();
      expect(readdirSync(dir)).toEqual([]);
    },
  );

  test('the holder before died while it took over from a dead one', async () => {
    const dir = tree();
    const memory = memoryHost();
    const owner = async () => {
      const before = readdirSync(dir);
      await takeLock(join(dir, 'lock'), memory.host, NOW);
      expect(before).toEqual([]);
      return readlinkSync(join(dir, 'lock'));
    };
    const first = await owner();
    const nonce = first.split(' ')[2] ?? '';
    symlinkSync(first.replace(nonce, 'abcd'), join(dir, `lock.${nonce}`));
    symlinkSync(first, join(dir, 'lock-0123.tmp'));
    memory.restart();
    (await takeLock(join(dir, 'lock'), memory.host, NOW)).release();
    expect(readdirSync(dir)).toEqual([]);
  });
});

/** A machine with processes that die when they are told to: a dead one never gets an answer again. */
function machine(alive: Set<number>, wait: () => Promise<unknown>) {
  const never = new Promise<never>(() => {});
  const stat = (pid: number) => `${pid} (ctfix) R 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 ${pid} 0`;
  return (pid: number): Host => ({
    ...memoryHost().host,
    readFile: async (path) => {
      await wait();
      if (!alive.has(pid)) return never;
      if (path === '/proc/sys/kernel/random/boot_id') return 'boot';
      const asked = path === '/proc/self/stat' ? pid : Number(/^\/proc\/(\d+)\/stat$/.exec(path)?.[1]);
      return alive.has(asked) ? stat(asked) : undefined;
    },
  });
}

test('in whatever order processes look, take over and die: never two at once, and the last one gets it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.uniqueArray(fc.integer({ min: 2, max: 5 })), async (s, victims) => {
      const dir = stateDir();
      mkdirSync(dir);
      const alive = new Set([1, 2, 3, 4, 5, 6]);
      const hostOf = machine(alive, () => s.schedule(Promise.resolve()));
      const holders = new Set<number>();
      const together: number[][] = [];
      const work = async (pid: number) => {
        const lock = await takeLock(join(dir, 'lock'), hostOf(pid), NOW).catch(() => undefined);
        if (lock === undefined) return;
        holders.add(pid);
        const now = [...holders].filter((each) => alive.has(each));
        if (now.length > 1) together.push(now);
        await s.schedule(Promise.resolve());
        if (!alive.has(pid)) return;
        holders.delete(pid);
        lock.release();
      };
      const first = takeLock(join(dir, 'lock'), hostOf(1), NOW);
      await s.waitFor(first);
      alive.delete(1);
      for (const pid of [2, 3, 4, 5]) work(pid);
      for (const pid of victims) s.schedule(Promise.resolve()).then(() => alive.delete(pid));
      await s.waitAll();
      expect(together).toEqual([]);
      for (const pid of [2, 3, 4, 5]) alive.delete(pid);
      (await s.waitFor(takeLock(join(dir, 'lock'), hostOf(6), NOW))).release();
      expect(readdirSync(dir)).toEqual([]);
      rmSync(dir, { recursive: true });
    }),
    { numRuns: 1500 },
  );
});

/** Takes the lock again and again; in it, writes its name into a file, which must be there still a moment later. */
const WORKER = `
  import { readFileSync, writeFileSync } from 'node:fs';
  import { takeLock } from './src/apply/lock.ts';
  import { localHost } from './src/host/local.ts';
  const [path, proof] = process.argv.slice(2);
  const host = localHost();
  let held = 0;
  process.stdout.write('ready\\n');
  const end = Date.now() + 120_000;
  while (Date.now() < end) {
    let lock;
    try {
      lock = await takeLock(path, host, new Date());
    } catch (error) {
      if (error.exit === 'refused') continue;
      console.log('ERROR ' + error.stack.replaceAll('\\n', ' '));
      break;
    }
    writeFileSync(proof, String(process.pid));
    for (const until = Date.now() + 2; Date.now() < until; );
    if (readFileSync(proof, 'utf8') !== String(process.pid)) console.log('TWO AT ONCE');
    process.stdout.write('held ' + ++held + '\\n');
    lock.release();
  }`;

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe('real processes', () => {
  test('kill -9 of the holder, again and again, with others waiting: exactly one goes on each time', async () => {
    const path = program(WORKER);
    const dir = stateDir();
    mkdirSync(dir);
    const state = join(dir, 'state');
    mkdirSync(state);
    const bad: string[] = [];
    let taken = 0;
    const start = () => {
      const child = spawn(process.execPath, [path, join(state, 'lock'), join(dir, 'proof')], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line.startsWith('held')) taken++;
        else if (line !== 'ready') bad.push(line);
      });
      return child;
    };
    const children = [start(), start(), start()];
    for (let round = 0; round < 25; round++) {
      const before = taken;
      await until(() => taken > before + 3 || bad.length > 0);
      const victim = children[round % children.length];
      victim?.kill('SIGSTOP');
      // Stopped, it may hold the lock or be anywhere on the way to it; then it dies there.
      await new Promise((resolve) => setTimeout(resolve, 5));
      const gone = victim && once(victim, 'exit');
      victim?.kill('SIGKILL');
      await gone;
      children[round % children.length] = start();
    }
    const before = taken;
    await until(() => taken > before + 10 || bad.length > 0);
    for (const child of children) child.kill('SIGKILL');
    expect(bad).toEqual([]);
    expect(taken).toBeGreaterThan(100);
  }, 120_000);
});
