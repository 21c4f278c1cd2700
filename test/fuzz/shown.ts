// Parsers whose result is shown: what a terminal would get.
import { CtfixError } from '../../src/errors.ts';
import { errorText } from '../../src/render/error.ts';
import { json } from '../../src/render/json.ts';
import { planMarkdown } from '../../src/render/plan-markdown.ts';
import { savedReport } from '../../src/render/plan-saved.ts';
import { planText } from '../../src/render/plan-text.ts';
import { topText } from '../../src/render/top.ts';
import { parseSaved } from '../../src/saved.ts';
import { countFlow, KEYS, newCensus } from '../../src/top/census.ts';
import { listing } from '../../src/top/listing.ts';
import { topReport } from '../../src/top/report.ts';

export const VIEW = { colour: true, unicode: true };

const now = new Date('2026-11-24T06:00:00.000Z');

/** A saved plan as `plan --show` would show it, or why it is none. */
export function savedPlan(text: string): readonly string[] {
  try {
    const plan = parseSaved('plan.json', text);
    const report = { ...savedReport(plan, [], []), now };
    return [planText(report, VIEW), planMarkdown(report), json(plan)];
  } catch (error) {
    if (!(error instanceof CtfixError)) throw error;
    return [errorText(error, '').text];
  }
}

/** What `top --from` says of a listing, in blocks as they come from a pipe. */
export function topOf(text: string): readonly string[] {
  const census = newCensus(KEYS, [{ key: 'tcp_timeout_established', seconds: 86_400, now: 432_000 }]);
  const lines = listing((flow) => countFlow(census, flow));
  const bytes = new TextEncoder().encode(text);
  const block = 1 + (bytes.length % 4096);
  for (let at = 0; at < bytes.length; at += block) lines.feed(bytes.slice(at, at + block));
  lines.end();
  const found = { origin: { kind: 'file', name: 'flows' }, forms: lines.forms(), bad: lines.bad(), notes: [] } as const;
  const report = topReport(census, found, { by: KEYS, rows: 10 }, []);
  return [topText(report, VIEW), json(report)];
}
