/** What the shorter timeouts of a plan would free, where the table can be read without changing anything. */
import type { ReadHost } from '../host/host.ts';
import { type Facts, known, type Plan } from '../model.ts';
import { notAtOnce, whatIfSentence } from '../render/top.ts';
import { countFlow, newCensus } from '../top/census.ts';
import { isSeen } from '../top/timeouts.ts';
import { answer, type Question } from '../top/what-if.ts';
import { type Reader, readers, readTable } from './top-live.ts';

/**
 * More flows are not read out of /proc: before 6.16 the kernel starts over at the first bucket for every page that is read,
 * which takes hours for large tables (5e4d107abd79). Nobody waits for a plan longer than for a listing of so many.
 */
const MOST = { proc: 50_000, conntrack: 2_000_000 };

/** The plan with what its shorter timeouts would free among its notes, or why nothing can be said. Loads no module. */
export async function withEstimate(host: ReadHost, { table }: Pick<Facts, 'table'>, plan: Plan): Promise<Plan> {
  const questions = Object.entries(plan.options.timeouts ?? {}).flatMap(([key, seconds]): Question[] => {
    const now = Number(table.values[key]);
    return seconds < now && isSeen(key) ? [{ key, seconds, now }] : [];
  });
  if (questions.length === 0) return plan;
  return { ...plan, notes: [...plan.notes, ...(await estimate(host, table, questions))] };
}

async function estimate(
  host: ReadHost,
  table: Facts['table'],
  questions: readonly Question[],
): Promise<readonly string[]> {
  const count = known(table.count) ?? 0;
  const reader = host.root ? (await readers(host)).find((one) => isHarmless(one, count)) : undefined;
  if (reader === undefined) return [unread(host, questions)];
  const census = newCensus([], questions);
  try {
    await readTable(
      host,
      reader,
      (flow) => countFlow(census, flow),
      () => undefined,
    );
  } catch {
    return [unread(host, questions)];
  }
  const answers = [...census.asked.values()].map((asked) => ({ ...answer(asked), assumed: false }));
  return [...answers.map((one) => whatIfSentence(one, census.flows)), notAtOnce];
}

function isHarmless({ origin, loads }: Reader, count: number): boolean {
  return !loads && count <= (origin.kind === 'proc' ? MOST.proc : MOST.conntrack);
}

function unread(host: ReadHost, questions: readonly Question[]): string {
  const words = questions.map(({ key, seconds }) => `--what-if ${key}=${seconds}`).join(' ');
  const why = host.root
    ? 'a plan lists no table that it would have to load a module for'
    : 'only root can list the table';
  return `how many flows this frees is not estimated: ${why}; sudo ctfix top ${words} tells`;
}
