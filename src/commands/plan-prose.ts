/** A plan in the forms for people. */
import { planMarkdown } from '../render/plan-markdown.ts';
import type { PlanReport } from '../render/plan-parts.ts';
import { planText } from '../render/plan-text.ts';
import type { CommonFlags, Deps } from './deps.ts';

/** Markdown for a ticket, else text. */
export function planProse(report: PlanReport, flags: CommonFlags & { readonly output: string }, deps: Deps): string {
  return flags.output === 'markdown' ? planMarkdown(report) : planText(report, deps.view('stdout', flags));
}
