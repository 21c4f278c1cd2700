/** A plan as a file: written for review, read to be shown or applied. */
import { resolve } from 'node:path';
import { CtfixError, HostError } from '../errors.ts';
import { callers, placeText, readTrusted } from '../host/document.ts';
import { readText } from '../host/files.ts';
import type { SavedPlan } from '../model.ts';
import { json } from '../render/json.ts';
import { isPlanText, parseSaved } from '../saved.ts';

/**
 * @param use `apply`: only a file that nobody else could have written is believed; `show`: any is shown
 * @throws CtfixError refused: others could have written it; usage: no such file, or no plan (see parseSaved)
 */
export function readPlan(path: string, use: 'apply' | 'show'): SavedPlan {
  const full = resolve(path);
  let text: string | undefined;
  try {
    text = use === 'apply' ? readTrusted(full, callers()) : readText(full);
  } catch (error) {
    throw explained(path, error);
  }
  if (text === undefined) throw new CtfixError('usage', `there is no file ${path}`, { hint: 'name a saved plan' });
  return parseSaved(path, text);
}

function explained(path: string, error: unknown): unknown {
  if (!(error instanceof HostError)) return error;
  if (error.code === 'UNSAFE') {
    return new CtfixError('refused', `${path} is not applied: ${error.message}`, {
      hint: 'a plan that is applied, and every directory above it, must be writable by root or by you alone',
      cause: error,
    });
  }
  const bad = ['NOT_A_FILE', 'TOO_LARGE', 'NOT_TEXT', 'ELOOP'].includes(error.code);
  return bad ? new CtfixError('usage', error.message, { cause: error }) : error;
}

/**
 * Writes the plan; another plan in its place is replaced.
 * @throws CtfixError usage: the name is taken by something that is no plan; HostError: it cannot be written
 */
export function writePlan(path: string, plan: SavedPlan): void {
  try {
    placeText(resolve(path), json(plan), isPlanText);
  } catch (error) {
    if (!(error instanceof HostError) || error.code !== 'TAKEN') throw error;
    throw new CtfixError('usage', `--save: ${error.message}`, { hint: 'name a new file', cause: error });
  }
}
