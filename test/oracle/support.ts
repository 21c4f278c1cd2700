// How the oracles are asked: how many trees, from which seed, and what a difference looks like.
import fc from 'fast-check';
import { type Layout, type Programs, programs } from './programs.ts';
import { SUITES, type Suite, whyNoRoot } from './root.ts';

/** Trees for each oracle, and the seed: from the environment, so that a run can be made longer, or made again. */
const TREES = Number(process.env.CTFIX_ORACLE_TREES ?? 200);
const SEED = Number(process.env.CTFIX_ORACLE_SEED ?? Date.now() % 2 ** 31);
const suites = (process.env.CTFIX_ORACLE_SUITES?.split(',') ?? ['bookworm']).filter(
  (suite): suite is Suite => suite in SUITES,
);

/** The roots that are asked. Since trixie nothing of Debian is built for a /lib of its own any more. */
export const roots = suites.flatMap((suite): [Suite, Layout][] =>
  suite === 'trixie'
    ? [[suite, 'merged']]
    : [
        [suite, 'merged'],
        [suite, 'split'],
      ],
);

/** Why the oracles are skipped; on a build server they never are. */
export async function whySkipped(): Promise<string | undefined> {
  const why = await whyNoRoot();
  if (why !== undefined && process.env.CI) throw new Error(`the oracles cannot be asked: ${why}`);
  if (why !== undefined) process.stderr.write(`oracles skipped: ${why}\n`);
  return why;
}

/** Asks about many trees; says how many, and from which seed. */
export async function agree<T>(
  [suite, layout]: [Suite, Layout],
  what: string,
  tree: fc.Arbitrary<T>,
  check: (asked: Programs, tree: T) => Promise<void>,
): Promise<void> {
  const asked = await programs(suite, layout);
  try {
    const property = fc.asyncProperty(tree, (each) => check(asked, each));
    await fc.assert(property, { numRuns: TREES, seed: SEED });
  } finally {
    await asked.close();
  }
  process.stderr.write(
    `oracle ${what}, ${suite} (${SUITES[suite]}), ${layout} /usr: ${TREES} trees, seed ${SEED}, 0 differences\n`,
  );
}
