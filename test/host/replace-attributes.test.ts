/** What a replaced file keeps on a real file system: extended attributes and labels, as far as this one has them. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { attributesOf } from '../../src/apply/attributes.ts';
import { localHost } from '../../src/host/local.ts';

const dir = mkdtempSync(join(tmpdir(), 'ctfix-test-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const path = join(dir, 'a.conf');
writeFileSync(path, 'old\n');

const run = (program: string, ...args: string[]) => spawnSync(program, args, { encoding: 'utf8' });
/** attr(5) by the tools of its own, or by Python where those are not installed. */
const hasTools = run('setfattr', '--version').status === 0;
const set = (name: string) =>
  (hasTools
    ? run('setfattr', '-n', name, '-v', 'kept', path)
    : run('python3', '-c', `import os; os.setxattr('${path}', '${name}', b'kept')`)
  ).status === 0;
const LIST = `import os; print({n: os.getxattr('${path}', n) for n in os.listxattr('${path}')})`;
const list = () =>
  hasTools ? run('getfattr', '-d', '-m', '-', '--absolute-names', path).stdout : run('python3', '-c', LIST).stdout;

/** Root may set any of these; who is not root `user.` alone. `security.` is where labels are. */
const names = ['user.ctfix', 'trusted.ctfix', 'security.ctfix'].filter(set);
const why = names.length === 0 ? ' (not tried: neither setfattr nor python3, or a file system that takes none)' : '';

describe(`a replacement${why}`, () => {
  test.skipIf(names.length === 0)(`keeps ${names.join(', ')}, and the mode`, async () => {
    chmodSync(path, 0o640);
    const [host, before] = [localHost(), list()];
    for (const name of names) expect(before).toContain(name);
    const told = await attributesOf(host, path);
    await host.replaceFile(path, { text: 'new\n', mode: 0o644 });
    expect(readFileSync(path, 'utf8')).toBe('new\n');
    expect(list()).toBe(before);
    expect(await attributesOf(host, path)).toBe(told);
    expect(statSync(path).mode & 0o7777).toBe(0o640);
  });

  const hasAcl = run('setfacl', '-m', 'u:daemon:r', path).status === 0;
  test.skipIf(!hasAcl)(`keeps an access control list${hasAcl ? '' : ' (not tried: no setfacl)'}`, async () => {
    const acl = () => run('getfacl', '--absolute-names', path).stdout;
    const before = acl();
    expect(before).toContain('user:daemon:r');
    await localHost().replaceFile(path, { text: 'again\n', mode: 0o644 });
    expect(acl()).toBe(before);
  });
});
