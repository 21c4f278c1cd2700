/** What `top` answers: where it looked, what it counted, and what a shorter timeout would free. Types, and the way there. Pure. */
import { type By, type Census, totalOf } from './census.ts';
import type { BadLine, Form } from './listing.ts';
import { type Table, tablesOf } from './tables.ts';
import { type Answer, answer } from './what-if.ts';

/** `conntrack`: ctnetlink; `proc`: /proc/net/nf_conntrack; `file`: a saved listing; `none`: no module, no table. */
export type Origin = { readonly kind: 'conntrack' | 'proc' | 'file' | 'none'; readonly name: string };

export type TopReport = {
  readonly schema: 'ctfix.top/v1';
  readonly origin: Origin;
  /** the forms of the lines of a saved listing */
  readonly forms: readonly Form[];
  readonly flows: number;
  readonly unreplied: number;
  readonly assured: number;
  readonly offloaded: number;
  /** lines that should be a flow and are none; `where` names the namespace when it is not this one */
  readonly bad: { readonly count: number; readonly first: readonly (BadLine & { readonly where?: string })[] };
  readonly tables: readonly Table[];
  /** `assumed`: what is set is not known, and taken to be the kernel's own value */
  readonly whatIf: readonly (Answer & { readonly assumed: boolean })[];
  readonly notes: readonly string[];
};

/** What was found beside the counts. */
export type Found = Pick<TopReport, 'origin' | 'forms' | 'bad' | 'notes'>;

/**
 * @param show which tables, and how many rows of each
 * @param assumed keys of timeouts whose set value is taken to be the kernel's own
 */
export function topReport(
  census: Census,
  found: Found,
  show: { readonly by?: readonly By[]; readonly rows: number },
  assumed: readonly string[],
): TopReport {
  const { origin, forms, bad, notes } = found;
  return {
    schema: 'ctfix.top/v1',
    origin,
    forms,
    ...totalOf(census),
    bad,
    tables: tablesOf(census, show.by ?? worthShowing(census), show.rows),
    whatIf: [...census.asked.values()].map((asked) => ({
      ...answer(asked),
      assumed: assumed.includes(asked.question.key),
    })),
    notes,
  };
}

/** What is counted where nothing was asked for. */
export const USUAL: readonly By[] = ['source', 'destination', 'port', 'protocol', 'state', 'nat'];

/** The usual tables, and those that are not there on every host. */
function worthShowing(census: Census): readonly By[] {
  return [
    ...USUAL,
    ...(census.zone.held > 0 ? (['zone'] as const) : []),
    ...(census.age.held > 0 ? (['age'] as const) : []),
    ...(census.namespaces.size > 1 ? (['namespace'] as const) : []),
  ];
}
