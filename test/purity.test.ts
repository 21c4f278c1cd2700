/** Who may import what, and who may see the clock, the environment and the console: checked, not hoped for. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const SRC = join(import.meta.dirname, '../src');
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
const source = (name: string) => readFileSync(join(SRC, name), 'utf8');

/** Everything a file imports, static or dynamic, type-only imports left out unless asked for. */
function imports(name: string, withTypes = false): string[] {
  const text = source(name);
  const found = [...text.matchAll(/^(?:import|export)\s(?<type>type\s)?[^;]*?from '(?<from>[^']+)'/gms)]
    .filter((match) => withTypes || match.groups?.type === undefined)
    .map((match) => match.groups?.from ?? '');
  const bare = [...text.matchAll(/^import '([^']+)'/gm)].map((match) => match[1] ?? '');
  const dynamic = [...text.matchAll(/\bimport\('([^']+)'\)/g)].map((match) => match[1] ?? '');
  return [...found, ...bare, ...dynamic];
}

const IMPURE = ['facts/gather.ts', 'facts/rules.ts'];
const PURE = files.filter(
  (name) =>
    (/^(facts|render|doctor|top)\//.test(name) || !name.includes('/')) &&
    !IMPURE.includes(name) &&
    !['cli.ts', 'ask.ts', 'survey.ts'].includes(name) &&
    !name.endsWith('.d.ts'),
);

/** Node's modules that compute and touch nothing. */
const HARMLESS = ['node:path', 'node:path/posix'];

describe('pure files', () => {
  test('there are some', () => expect(PURE.length).toBeGreaterThan(10));

  test.each(PURE)('%s imports nothing impure', (name) => {
    const bad = imports(name).filter(
      (from) =>
        (from.startsWith('node:') && !HARMLESS.includes(from)) ||
        ['execa', 'inquirer', 'commander'].includes(from) ||
        /\/(host|apply|commands)\//.test(from),
    );
    expect(bad).toEqual([]);
  });

  test.each(PURE)('%s sees neither clock nor environment nor console nor chance', (name) => {
    const code = source(name).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    expect(code).not.toMatch(/\b(process|console)\.|\bDate\.now|new Date\(\)|Math\.random|\bsetTimeout\b/);
  });
});

describe('layers', () => {
  const model = files.filter((name) => /^(model|errors)\b/.test(name));

  test.each(model)('%s imports nothing but the model', (name) => {
    expect(imports(name, true).filter((from) => !/^\.\/(model\/)?[a-z]+\.ts$/.test(from))).toEqual([]);
  });

  test.each(files.filter((name) => name.startsWith('host/')))('%s knows no facts, plans or commands', (name) => {
    expect(imports(name).filter((from) => /\/(facts|render|commands|apply|plan|sizing)/.test(from))).toEqual([]);
  });

  test.each(files.filter((name) => name.startsWith('apply/')))(
    '%s neither renders nor runs programs itself',
    (name) => {
      expect(imports(name).filter((from) => /execa|inquirer|\/(render|commands)\//.test(from))).toEqual([]);
    },
  );

  const commands = files.filter((name) => name.startsWith('commands/'));
  const registers = (name: string) => /export function register[A-Z]/.test(source(name));
  const others = commands.filter(registers).map((name) => name.replace('commands/', './'));

  test.each(commands)('%s imports no other command', (name) => {
    const bad = imports(name).filter((from) => /^(execa|inquirer)$/.test(from) || others.includes(from));
    expect(name === 'commands/program.ts' ? [] : bad).toEqual([]);
  });

  test('execa, inquirer and diff have one importer each', () => {
    const importers = (module: string) => files.filter((name) => imports(name).includes(module));
    expect(importers('execa')).toEqual(['host/local.ts']);
    expect(importers('inquirer')).toEqual(['ask.ts']);
    expect(importers('diff')).toHaveLength(1);
  });
});

describe('no shell', () => {
  const code = (name: string) => source(name).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');

  test.each(files)('%s starts none, and evaluates no text', (name) => {
    expect(imports(name).filter((from) => /^(node:)?(child_process|cluster|vm|worker_threads)$/.test(from))).toEqual(
      [],
    );
    expect(code(name)).not.toMatch(
      /\bshell: (?:true|['"`])|\bexecaCommand|\bexeca`|\bimport \{ \$|\beval\(|\bnew Function\b|\bexec(?:Sync|File)\(/,
    );
    expect(code(name)).not.toMatch(/\[\s*['"`](?:\/bin\/|\/usr\/bin\/)?(?:ba|da|z|k)?sh['"`],\s*['"`]-/);
    const asked = [...code(name).matchAll(/getBuiltinModule\(([^)]*)\)/g)].map((match) => match[1]);
    expect(asked.filter((module) => !/^'node:(crypto|net|sea|fs|path|os|stream|zlib)'$/.test(module ?? ''))).toEqual(
      [],
    );
  });
});

test.each(files)('%s stays under 300 lines', (name) => {
  expect(source(name).split('\n').length).toBeLessThanOrEqual(300);
});
