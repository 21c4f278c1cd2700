/** The sentence of an error, whatever was thrown. Pure. */

/** Its message; errors of this project are sentences already, others are named as what they are. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && error.code === 'ENOSPC' ? 'no space is left on the file system: ' : '';
  return `${code}${error.message}`;
}
