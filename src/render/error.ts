/** Errors as a person reads them: a sentence and what to do, or, for a bug of ours, everything. Pure. */
import { CtfixError, EXIT, HostError } from '../errors.ts';
import type { Rendered } from '../model.ts';
import { escapeLine, escapeText } from './escape.ts';

/**
 * Text for stderr and the exit code.
 * @param error whatever was thrown
 * @param about version and platform, for the report of a bug
 */
export function errorText(error: unknown, about: string): Rendered {
  if (error instanceof CtfixError) {
    const hint = error.hint === undefined ? '' : `  ${escapeLine(error.hint)}\n`;
    return { text: `ctfix: ${escapeLine(error.message)}\n${hint}`, code: EXIT[error.exit] };
  }
  if (error instanceof HostError) return { text: `ctfix: ${escapeLine(error.message)}\n`, code: EXIT.failed };
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const bug = `ctfix: this is a bug in ctfix. Please report it with the lines below, the command line and the directory that "ctfix facts --record DIR" writes.`;
  return { text: `${bug}\n${escapeText(stack)}\n${escapeText(about)}\n`, code: EXIT.failed };
}
