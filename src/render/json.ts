/** Data for programs: one JSON document, indented, ending in a line feed. Pure. */
import { escapeJson } from './escape.ts';

/** The value as it is; characters that a terminal would obey are written as JSON escapes, which changes no value. */
export function json(value: unknown): string {
  return `${escapeJson(JSON.stringify(value, null, 2))}\n`;
}
