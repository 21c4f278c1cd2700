import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sysrootHost } from '../../src/host/sysroot.ts';
import { tree } from '../support/tree.ts';

describe('a host below --root', () => {
  test('follows links inside and never leaves the root', async () => {
    const dir = tree({ 'root/etc/real.conf': 'inside', 'root/usr/lib/x.conf': 'vendor', 'etc/real.conf': 'OUTSIDE' });
    const root = join(dir, 'root');
    symlinkSync('/etc/real.conf', join(root, 'etc/absolute.conf'));
    symlinkSync('../../../../../etc/real.conf', join(root, 'etc/up.conf'));
    symlinkSync('/usr/lib', join(root, 'lib'));
    symlinkSync(`${dir}/etc`, join(root, 'etc/out'));
    symlinkSync('self', join(root, 'etc/self'));
    const host = sysrootHost(`${root}/`);
    expect(await host.readFile('/etc/absolute.conf')).toBe('inside');
    expect(await host.readFile('/etc/up.conf')).toBe('inside');
    expect(await host.readFile('/lib/x.conf')).toBe('vendor');
    expect(await host.readFile('/../../etc/real.conf')).toBe('inside');
    expect(await host.readFile('/etc/out/real.conf')).toBeUndefined();
    await expect(host.readFile('/etc/self')).rejects.toMatchObject({ code: 'ELOOP' });
    expect(await host.readLink('/etc/absolute.conf')).toBe('/etc/real.conf');
    expect(await host.stat('/etc/absolute.conf')).toMatchObject({ kind: 'link' });
    expect(await host.readDir('/lib')).toEqual(['x.conf']);
  });

  test('names the path that was asked for, not where it lies', async () => {
    const root = tree({ 'etc/nul': '\0' });
    mkdirSync(join(root, 'etc/dir'));
    await expect(sysrootHost(root).readFile('/etc/nul')).rejects.toThrow(/^\/etc\/nul is not text/);
    await expect(sysrootHost(root).readFile('/etc/dir')).rejects.toThrow(/^\/etc\/dir is a directory/);
  });

  test('runs nothing, and a root that is not there is an empty one', async () => {
    const host = sysrootHost('/nowhere/at/all');
    expect(await host.run(['true'])).toMatchObject({ code: 127 });
    expect(await host.readDir('/etc')).toEqual([]);
    expect(host.kind).toBe('sysroot');
  });

  test('whatever the path, only what is below the root is read', async () => {
    const dir = tree({ 'secret/file': 'OUTSIDE', 'root/a/file': 'inside', 'root/b/c/file': 'inside' });
    symlinkSync('../../..', join(dir, 'root/a/up'));
    symlinkSync('/b', join(dir, 'root/a/b'));
    symlinkSync('../a', join(dir, 'root/b/a'));
    const host = sysrootHost(join(dir, 'root'));
    const part = fc.constantFrom('..', '.', 'a', 'b', 'c', 'up', 'secret', 'file', 'root');
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 8 }), async (parts) => {
        const text = await host.readFile(`/${parts.join('/')}`).catch(() => undefined);
        expect(['inside', undefined]).toContain(text);
      }),
      { numRuns: 500 },
    );
  });
});
