/** A plan told briefly, for tests that compare what it would do. */
import type { Action, Plan } from '../../src/model.ts';

/** Paths and values in their order. */
export const steps = ({ actions }: Plan) =>
  actions.map((action) => {
    if (action.do === 'write-file') return `write ${action.path}`;
    if (action.do === 'set-value') return `${action.path} ${action.before} → ${action.after}`;
    return action.do === 'refresh' ? 'refresh' : action.step.step;
  });

/** What a plan does to one file. */
export const fileIn = ({ actions }: Plan, path: string) =>
  actions.find(
    (action): action is Extract<Action, { do: 'write-file' }> => action.do === 'write-file' && action.path === path,
  );

export const textIn = (plan: Plan, path: string) => fileIn(plan, path)?.after;
