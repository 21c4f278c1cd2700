/** Names nobody can guess, and digests. node:crypto is loaded at the first call: it costs as much as all of `ctfix plan` reads. */

const crypto = () => process.getBuiltinModule('node:crypto');

/** Random bytes as hex. */
export function randomHex(bytes: number): string {
  return crypto().randomBytes(bytes).toString('hex');
}

/** sha-256 of a text, as hex. */
export function sha256(text: string): string {
  return crypto().createHash('sha256').update(text).digest('hex');
}
