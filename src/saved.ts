/** A saved plan out of its text: data that is checked whole before anything in it is looked at. Pure. */
import schema from '../docs/plan-v1.schema.json' with { type: 'json' };
import { CtfixError } from './errors.ts';
import { jsonFault } from './json-place.ts';
import type { SavedPlan } from './model.ts';
import { faultOf, type Schema } from './schema.ts';

/**
 * @param name of the file, for messages
 * @throws CtfixError usage: no JSON, with line and column; another kind or version; a part of it that is not as
 *   docs/plan-v1.schema.json says, with its place
 */
export function parseSaved(name: string, text: string): SavedPlan {
  const value = parse(name, text.replace(/^\ufeff/, ''));
  const version = kindOf(value);
  if (version !== 'ctfix.plan/v1') {
    const is = version === undefined ? 'is no plan: it has no "schema"' : `is of the kind ${version}`;
    throw bad(`${name} ${is}; this ctfix reads ctfix.plan/v1`);
  }
  const fault = faultOf(schema as Schema, value);
  if (fault !== undefined) {
    throw bad(`${name}: ${fault.at === '' ? 'the plan' : fault.at} ${fault.what}`, 'the place is a JSON pointer');
  }
  if (!isFrozen(value)) {
    throw bad(`${name} does not say what it was made from (/frozen is missing)`);
  }
  return value;
}

/** Whether a text is a plan of any version: what may be replaced by a newer one. */
export function isPlanText(text: string): boolean {
  try {
    return /^ctfix\.plan\//.test(kindOf(JSON.parse(text)) ?? '');
  } catch {
    return false;
  }
}

function parse(name: string, text: string): unknown {
  const place = jsonFault(text);
  if (place === undefined) return JSON.parse(text);
  throw bad(`${name}:${place.line}:${place.column}: the text is not JSON from here on`);
}

function kindOf(value: unknown): string | undefined {
  const is = typeof value === 'object' && value !== null && 'schema' in value ? value.schema : undefined;
  return typeof is === 'string' ? is : undefined;
}

/** The schema says the rest: what it admits is a plan. */
function isFrozen(value: unknown): value is SavedPlan {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'frozen');
}

function bad(message: string, place?: string): CtfixError {
  const hint = 'ctfix plan --save FILE makes a plan that can be applied';
  return new CtfixError('usage', message, { hint: place === undefined ? hint : `${place}; ${hint}` });
}
