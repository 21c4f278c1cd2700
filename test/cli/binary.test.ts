/** The single executable as root, with variables of the caller's that only its Node and its OpenSSL know. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const binary = join(root, 'build/ctfix');
const top = mkdtempSync(join(tmpdir(), 'ctfix-binary-'));
afterAll(() => rmSync(top, { recursive: true, force: true }));

/** It is made by `npm run binary`; one that is older than its recipe tells nothing. */
const age = (path: string) => statSync(join(root, path)).mtimeMs;
const isThere =
  existsSync(binary) && ['scripts/binary.mjs', 'src/cli.ts'].every((path) => age(path) < age('build/ctfix'));

function ctfix(env: NodeJS.ProcessEnv) {
  const { status, stdout, stderr } = spawnSync(binary, ['--version'], {
    encoding: 'utf8',
    env,
    cwd: '/',
    timeout: 30_000,
  });
  return { status, stdout, stderr };
}

function put(name: string, text: string): string {
  writeFileSync(join(top, name), text);
  return join(top, name);
}

/** OpenSSL loads what this names, and Node ends with 103 where it cannot. */
const provider = `nodejs_conf = init
openssl_conf = init
[init]
providers = all
engines = engines
[all]
mine = mine
[mine]
module = ${top}/none.so
activate = 1
[engines]
mine = engine
[engine]
engine_id = mine
dynamic_path = ${top}/none.so
init = 1
`;

describe.runIf(isThere)('build/ctfix', () => {
  const clean = () => ctfix({});

  test('runs', () => expect(clean()).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+/) }));

  test.each([
    ['a library to load', provider],
    ['not to be parsed', '[unclosed\n$$'],
  ])('OPENSSL_CONF, %s: not read', (name, text) =>
    expect(ctfix({ OPENSSL_CONF: put(name.replaceAll(' ', '-'), text), OPENSSL_MODULES: top })).toEqual(clean()),
  );

  test('NODE_ICU_DATA, tables that are none: not read', () => {
    // The directory carries the version of ICU within Node.
    for (let version = 70; version < 100; version += 1) {
      mkdirSync(join(top, `icu/icudt${version}l`), { recursive: true });
      put(`icu/icudt${version}l/cnvalias.icu`, 'x'.repeat(4096));
    }
    expect(ctfix({ NODE_ICU_DATA: join(top, 'icu') })).toEqual(clean());
  });

  test.runIf(process.geteuid?.() === 0)('as root it writes nothing where NODE_* points', () => {
    const at = (name: string) => join(top, name);
    const env = {
      NODE_V8_COVERAGE: at('coverage'),
      NODE_REDIRECT_WARNINGS: at('warnings'),
      NODE_PENDING_DEPRECATION: '1',
      NODE_COMPILE_CACHE: at('cache'),
    };
    expect(ctfix(env)).toEqual(clean());
    expect(['coverage', 'warnings'].filter((name) => existsSync(at(name)))).toEqual([]);
    // Made by Node before the first line of ctfix, as SECURITY.md says; nothing is put there or taken from there.
    const made = existsSync(at('cache')) ? readdirSync(at('cache'), { recursive: true, withFileTypes: true }) : [];
    expect(made.filter((entry) => !entry.isDirectory())).toEqual([]);
  });
});
