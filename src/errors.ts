/** Errors that are sentences for a person, and the one table of exit codes. */

/**
 * Exit codes of every command but `check` (which answers with the Nagios codes).
 * `refused` beats `pending`; `notRoot` is no refusal.
 */
export const EXIT = {
  /** done, or nothing to do */
  ok: 0,
  /** failed, nothing changed */
  failed: 1,
  /** changes pending (`plan --detailed-exitcode`) or findings (`verify`) */
  pending: 2,
  /** refused: a precondition does not hold, nothing touched */
  refused: 3,
  /** the saved plan is stale, nothing touched */
  stale: 4,
  /** failed and rolled back */
  rolledBack: 5,
  /** rollback began and could not finish: a person is needed */
  stuck: 6,
  /** wrong usage of the command line */
  usage: 64,
  /** must be root */
  notRoot: 77,
} as const;

export type ExitName = keyof typeof EXIT;

/**
 * An error that is already explained: what happened, to what, and what to do about it.
 * Everything else that reaches `cli.ts` is a bug of ours and keeps its stack.
 */
export class CtfixError extends Error {
  readonly exit: ExitName;
  /** What the reader should do, one sentence. */
  readonly hint: string | undefined;

  /**
   * @param exit which exit code this error ends with
   * @param message full sentence: what happened, with file and line where there is one
   * @param more hint: what to do; cause: the underlying error
   */
  constructor(exit: ExitName, message: string, more: { hint?: string; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'CtfixError';
    this.exit = exit;
    this.hint = more.hint;
  }
}

/** A step of a change that did not do what it should; the message is a sentence that names what stood in the way. */
export class StepFailed extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'StepFailed';
  }
}

/** A file or value that exists and could not be read or written; `code` is the errno name or one of ours. */
export class HostError extends Error {
  readonly path: string;
  /** EACCES, EPERM, EROFS, ENOSPC, EINVAL … or NOT_A_FILE, TOO_LARGE, NOT_TEXT */
  readonly code: string;

  /**
   * @param path the path that was asked for
   * @param code errno name or NOT_A_FILE, TOO_LARGE, NOT_TEXT
   * @param message full sentence with the path in it
   */
  constructor(path: string, code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'HostError';
    this.path = path;
    this.code = code;
  }
}
