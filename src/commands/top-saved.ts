/** A listing that was saved, as flows. */
import { CtfixError, HostError } from '../errors.ts';
import { bytesOf, unpacked } from '../host/stream.ts';
import { type Listing, listing } from '../top/listing.ts';
import type { Take } from './top-live.ts';

/**
 * Reads a file, or what comes on standard input where it is `-`; gzip is unpacked.
 * @param take is given every flow
 * @throws CtfixError usage: no such file; failed: it cannot be read to its end, or is no listing at all
 */
export async function readSaved(
  path: string,
  take: Take,
  { input, tick }: { input(): AsyncIterable<Uint8Array>; tick(): void },
): Promise<Listing> {
  const lines = listing(take);
  try {
    for await (const piece of unpacked(path === '-' ? input() : bytesOf(path))) {
      lines.feed(piece);
      tick();
    }
  } catch (error) {
    throw explained(path, error);
  }
  lines.end();
  const { count, first } = lines.bad();
  const [bad] = first;
  if (bad === undefined || lines.forms().length > 0) return lines;
  throw new CtfixError('usage', `${path} is no listing of flows: line ${bad.line} of ${count} such lines: ${bad.why}`, {
    hint: 'save one with conntrack -L, or copy /proc/net/nf_conntrack',
  });
}

function explained(path: string, error: unknown): unknown {
  if (error instanceof HostError) {
    if (error.code === 'ENOENT') return new CtfixError('usage', `there is no file ${path}`, { cause: error });
    return new CtfixError('failed', error.message, { cause: error });
  }
  const broken = error instanceof Error && 'code' in error && /^Z_|^ERR_|^E[A-Z]+$/.test(String(error.code));
  if (!broken) return error;
  return new CtfixError('failed', `${path} could not be read to its end: ${error.message}`, { cause: error });
}
