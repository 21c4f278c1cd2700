/** Spoilt texts through every parser: no crash, no hang, nothing that a terminal would obey. bench/fuzz.mjs runs more. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { corpusOf } from './fuzz/corpus.ts';
import { parsersOf } from './fuzz/parsers.ts';
import { fuzzOf } from './fuzz/run.ts';

const root = join(import.meta.dirname, '..');
const CASES = Number(process.env.CTFIX_FUZZ_CASES ?? 20_000);
const SEED = Number(process.env.CTFIX_FUZZ_SEED ?? Date.now() % 2 ** 31);
/** Milliseconds for one case; the slowest take a few. The machine may be busy. */
const LIMIT = 2000;

test(`${CASES} cases from seed ${SEED}`, { timeout: 120_000 }, async () => {
  const fuzz = fuzzOf(root);
  for (let at = 0; at < CASES; at += 1) {
    const seed = (SEED + at) >>> 0;
    const begin = performance.now();
    expect(await fuzz.run(seed)).toBeUndefined();
    expect(performance.now() - begin, `seed ${seed}`).toBeLessThan(LIMIT);
  }
});

/** Functions that read a text by its characters and are no parsers, or are tested through another one. */
const OTHERS: Readonly<Record<string, string>> = {
  'facts/sysctl-files.ts#linesOf': 'parts a text at its line feeds',
  'host/document.ts#placeText': 'writes a text',
  'host/document.ts#placeHarmless': 'writes a text',
  'host/replace.ts#replaceFile': 'writes a text',
  'host/chance.ts#sha256': 'digests a text',
  'top/bytes.ts#four': 'makes a number of four characters of a constant',
};

/** Exported functions that take a text, an output or the place in a listing; @returns `file#name` */
function readers(): readonly string[] {
  const src = join(root, 'src');
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !/^(commands|render|apply)\//.test(name),
  );
  return files.flatMap((file) => {
    const code = readFileSync(join(src, file), 'utf8');
    return [...code.matchAll(/^export (?:async )?function (\w+)\(([^)]*)\)/gm)].flatMap(
      ([, name = '', parameters = '']) => {
        const takes = /\b(text|stdout|listing|netlink|saved|chunk|command|pattern): string\b/.test(parameters);
        const reads = /^parse[A-Z]/.test(name) || (/^read[A-Z]/.test(name) && /\bflow: Flow\b/.test(parameters));
        return takes || reads ? [`${file}#${name}`] : [];
      },
    );
  });
}

test('every parser has texts to begin with', () => {
  const covered = parsersOf(corpusOf(root)).flatMap(({ of }) => of);
  const all = readers();
  expect(all.length).toBeGreaterThan(60);
  expect(all.filter((name) => !covered.includes(name) && !(name in OTHERS))).toEqual([]);
  const gone = (name: string) =>
    !readFileSync(join(root, 'src', name.replace(/#.*/, '')), 'utf8').includes(name.replace(/.*#/, ''));
  expect(covered.filter((name) => !name.endsWith('#*') && gone(name))).toEqual([]);
  for (const { of, seeds } of parsersOf(corpusOf(root))) expect(seeds.length, of.join()).toBeGreaterThan(0);
});
