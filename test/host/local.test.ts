import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { localHost } from '../../src/host/local.ts';
import { program } from '../support/program.ts';
import { tree } from '../support/tree.ts';

const host = localHost();

describe('run', () => {
  test('gives output as it is, and the exit code', async () => {
    expect(await host.run(['printf', 'a\\n\\nü\\n'])).toEqual({ code: 0, stdout: 'a\n\nü\n', stderr: '' });
    expect(await host.run(['sh', '-c', 'echo no >&2; exit 7'])).toEqual({ code: 7, stdout: '', stderr: 'no\n' });
  });

  test('has no shell, closed standard input or the given one', async () => {
    expect((await host.run(['printf', '%s', '$(id); *'])).stdout).toBe('$(id); *');
    expect((await host.run(['cat'])).stdout).toBe('');
    expect((await host.run(['cat'], { input: 'in\n' })).stdout).toBe('in\n');
  });

  test("nothing of the caller's environment reaches a child", async () => {
    const dir = tree();
    mkdirSync(join(dir, 'bin'));
    writeFileSync(join(dir, 'bin/id'), '#!/bin/sh\necho mine\n', { mode: 0o755 });
    vi.stubEnv('PATH', join(dir, 'bin'));
    vi.stubEnv('LD_PRELOAD_X', 'x');
    vi.stubEnv('NODE_OPTIONS', '--no-warnings');
    try {
      expect((await host.run(['id', '-u'])).stdout).toMatch(/^\d+\n$/);
      const { stdout } = await host.run(['env']);
      expect(stdout.trim().split('\n').sort()).toEqual(['LC_ALL=C', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin']);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('127 for a program that is not there, 126 for one that cannot be run, 128 + signal', async () => {
    const dir = tree({ plain: 'x' });
    const missing = await host.run(['ctfix-no-such-program']);
    expect(missing).toEqual({ code: 127, stdout: '', stderr: 'ctfix-no-such-program is not there' });
    expect((await host.run([join(dir, 'plain')])).code).toBe(126);
    expect((await host.run(['sh', '-c', 'kill -9 $$'])).code).toBe(137);
  });

  test('ends what takes too long, and gives its output so far', async () => {
    const started = Date.now();
    const result = await host.run(['sh', '-c', 'echo begun; exec sleep 60'], { timeoutMs: 300 });
    expect(result).toMatchObject({ code: 124, stdout: 'begun\n' });
    expect(result.stderr).toContain('did not end in 300 ms');
    expect(Date.now() - started).toBeLessThan(10_000);
  });

  test('does not wait for a grandchild that holds the output open', async () => {
    const started = Date.now();
    const result = await host.run(['sh', '-c', 'setsid sleep 8 & exec sleep 60'], { timeoutMs: 200 });
    expect(result.code).toBe(124);
    expect(Date.now() - started).toBeLessThan(7_000);
  });

  test('a Ctrl-C on the terminal does not reach a child: it has a session of its own', async () => {
    const { stdout } = await host.run(['sh', '-c', 'cut -d" " -f1,6 /proc/$$/stat']);
    const [pid, session] = stdout.trim().split(' ');
    expect(session).toBe(pid);
  });
});

describe('writeValue', () => {
  test.each(['/etc/passwd', '/proc/sys/../../etc/passwd', '/sys/../etc/passwd', '/proc/self/comm', 'proc/sys/x'])(
    'refuses %s: not a value of the kernel',
    async (path) => {
      await expect(host.writeValue(path, '1')).rejects.toMatchObject({ code: 'NOT_A_VALUE' });
    },
  );

  test.each(['', '1\n2', '1\0', 'ü'])('refuses the text %j', async (value) => {
    await expect(host.writeValue('/proc/sys/net/none', value)).rejects.toMatchObject({ code: 'NOT_A_VALUE' });
  });

  test('makes no file where there is no key, and says so', async () => {
    const path = '/proc/sys/net/netfilter/ctfix_no_such_key';
    await expect(host.writeValue(path, '1')).rejects.toMatchObject({
      code: 'ENOENT',
      message: `${path} could not be set to 1: there is no such key; nf_conntrack may not be loaded`,
    });
  });

  test('says what a read-only key means', async () => {
    await expect(host.writeValue('/proc/sys/kernel/ostype', 'x')).rejects.toMatchObject({
      code: expect.stringMatching(/^(EACCES|EROFS|EPERM)$/),
      message: expect.stringMatching(/could not be set to x: .*(read-only|not permitted)/),
    });
  });
});

test('what starts children is loaded with the first child and not before', () => {
  const path = program(`
    import { localHost } from './src/host/local.ts';
    const loaded = () => process.moduleLoadList.includes('NativeModule child_process');
    await localHost().readFile('/proc/meminfo');
    const before = loaded();
    await localHost().run(['true']);
    console.log(before, loaded());`);
  expect(execFileSync(process.execPath, [path], { encoding: 'utf8' })).toBe('false true\n');
});
