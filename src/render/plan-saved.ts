/** What is said about a plan that was saved: when, for which host, and what has moved since. Pure. */
import type { SavedPlan } from '../model.ts';
import type { Moved } from '../moved.ts';
import { escapeLine } from './escape.ts';
import { columns } from './lines.ts';
import { instant } from './numbers.ts';
import { paint, type View } from './paint.ts';
import type { PlanReport, SeenFacts } from './plan-parts.ts';

/** A saved plan beside a host that it may be for. */
export type SavedNote = { readonly at: string; readonly moved: readonly Moved[]; readonly drifted: readonly Moved[] };

/** A saved plan as a report: times are those of the day it was made. */
export function savedReport(saved: SavedPlan, moved: readonly Moved[], drifted: readonly Moved[]): PlanReport {
  const { frozen, ...plan } = saved;
  return { plan, facts: seenThen(saved), now: new Date(frozen.at), saved: { at: frozen.at, moved, drifted } };
}

function seenThen({ frozen: { evidence, module, values } }: SavedPlan): SeenFacts {
  const { memTotalKiB, uptime, container, counters, countersLater, log } = evidence;
  return {
    machine: { memTotalKiB, uptime, ...(container === undefined ? {} : { container }) },
    module: { state: module.state },
    table: { values, counters, countersLater },
    log,
  };
}

/** The note in one sentence; the word before the colon says whether the plan is still for this host. */
export function savedSentence({ at, moved }: SavedNote): string {
  const made = `this plan was saved at ${instant(new Date(at))}`;
  if (moved.length === 0) return `saved: ${made}; the host is as it was planned for`;
  const foreign = moved.some(({ what }) => what === 'machine id' || what === 'host');
  const why = foreign ? 'made on another host' : 'stale';
  return `${why}: ${made}; see "moved" below, apply would touch nothing and exit with 4`;
}

/** Rows for a table: thing, as planned, now; what binds nothing is told as such. */
export function movedRows({ moved, drifted }: Omit<SavedNote, 'at'>): string[][] {
  const rows = [
    ...moved.map(({ what, planned, now }) => [what, planned, now]),
    ...drifted.map(({ what, planned, now }) => [`${what} (not compared)`, planned, now]),
  ];
  return rows.length === 0 ? [] : [['', 'planned', 'now'], ...rows];
}

/** What apply says instead of carrying out a plan that is stale. */
export function staleText(note: Omit<SavedNote, 'at'>, view: View): string {
  const p = paint(view);
  const lines = [
    `${p.bold(p.red('stale:'))} the host is no longer as it was planned for; nothing was touched`,
    '',
    ...columns(movedRows(note).map((row) => row.map(escapeLine))),
    '',
    'ctfix plan --save makes a new plan',
  ];
  return `${lines.join('\n')}\n`;
}
