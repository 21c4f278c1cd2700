/** Spans of time as they are written on the command line. Pure. */
import { CtfixError } from './errors.ts';

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };
/** A week: whoever has not confirmed a change by then never will. */
const LIMIT = 7 * 24 * 3600;

/**
 * The time of `--confirm-within` in seconds; 0 turns it off.
 * @throws CtfixError usage: no unit, another unit than s, m or h, or more than a week
 */
export function parseWithin(text: string): number {
  if (text === '0') return 0;
  const [, digits, unit = ''] = /^([1-9][0-9]{0,6})([smh])$/.exec(text) ?? [];
  const seconds = Number(digits) * (UNITS[unit] ?? Number.NaN);
  if (seconds <= LIMIT) return seconds;
  const value = text === '' ? 'an empty value' : text;
  throw new CtfixError(
    'usage',
    `--confirm-within: ${value} is no time; allowed is 90s, 10m or 1h, at most a week, or 0`,
  );
}
