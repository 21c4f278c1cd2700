// Cases from a seed: a parser or a whole host, a spoilt text, and what must hold of what comes out.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CtfixError } from '../../src/errors.ts';
import { leftControls } from '../render/support.ts';
import { corpusOf } from './corpus.ts';
import { mutated, pick, randomFrom } from './mutate.ts';
import { parsersOf } from './parsers.ts';
import { wholeHost } from './whole.ts';

/** One case in so many is a whole host; those cost as much as two hundred texts. */
const WHOLE = 500;

type Case = { readonly seed: number; readonly what: string; readonly text?: string };
type Failure = Case & { readonly why: string };

type Fuzz = {
  /** how many parsers there are, whole hosts apart */
  readonly parsers: number;
  /** the files of src in which they are */
  readonly files: readonly string[];
  /** the case of a seed */
  caseOf(seed: number): Case;
  /** Runs it. @returns what went wrong, undefined when nothing did */
  run(seed: number): Promise<Failure | undefined>;
};

/** @param root of the project */
export function fuzzOf(root: string): Fuzz {
  const corpus = corpusOf(root);
  const parsers = parsersOf(corpus);
  const others = parsers.flatMap(({ seeds }) => seeds.slice(0, 2));
  const template = (name: string) => readFileSync(join(root, 'templates', name), 'utf8');
  const templates = {
    modprobe: template('nf_conntrack.conf'),
    sysctl: template('90-ctfix-conntrack.conf'),
    udev: template('90-ctfix-conntrack.rules'),
    install: template('90-ctfix-install.conf'),
  };
  const caseOf = (seed: number) => {
    const random = randomFrom(seed);
    if (random(WHOLE) === 0)
      return { case: { seed, what: 'a whole host' }, run: () => wholeHost(corpus, templates, random), refuses: false };
    const { of, seeds, run, refuses = false } = pick(parsers, random);
    const text = mutated(seeds, others, random);
    return { case: { seed, what: of.join(' '), text }, run: () => run(text), refuses };
  };
  return {
    parsers: parsers.length,
    files: [...new Set(parsers.flatMap(({ of }) => of.map((name) => `src/${name.replace(/#.*/, '')}`)))],
    caseOf: (seed) => caseOf(seed).case,
    run(seed) {
      const one = caseOf(seed);
      return failed(one.case, one.run, one.refuses);
    },
  };
}

type Shown = readonly string[] | undefined;

async function failed(one: Case, run: () => Shown | Promise<Shown>, refuses: boolean): Promise<Failure | undefined> {
  try {
    const shown = await run();
    const left = (shown ?? []).flatMap(leftControls);
    return left.length === 0 ? undefined : { ...one, why: `unescaped: ${JSON.stringify(left.slice(0, 5))}` };
  } catch (error) {
    if (refuses && error instanceof CtfixError) return undefined;
    return { ...one, why: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
