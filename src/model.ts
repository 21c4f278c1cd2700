/**
 * The five words as data: facts (what is), sizing (what should be), plan (the difference), journal (what was done),
 * strategy (how). Types and tiny predicates, a file for each subject; everybody imports them from here.
 */
export type * from './model/diagnosis.ts';
export type * from './model/facts.ts';
export type * from './model/guard.ts';
export type * from './model/journal.ts';
export { isKnown, known, type Maybe, type Unknown } from './model/maybe.ts';
export type * from './model/plan.ts';
export { isEmpty } from './model/plan.ts';
export type * from './model/rules.ts';
export type * from './model/sizing.ts';

/** What a renderer gives: the product for stdout and the exit code of its own world. */
export type Rendered = { readonly text: string; readonly code: number };
