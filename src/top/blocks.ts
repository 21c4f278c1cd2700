/** Chunks of bytes as blocks of whole lines: a line that reaches from one chunk into the next is put together. Pure. */
import { LF, SPARE } from './bytes.ts';

/** A line that is longer is not put together: the longest of conntrack's own are below 1 KiB (its buffer). */
const LONGEST = 64 * 1024;

export type Blocks = {
  /** Takes the next bytes; they are not needed afterwards. */
  feed(chunk: Uint8Array): void;
  /** Takes what is left: the last line may lack its line end. */
  end(): void;
};

export type BlockReader = {
  /**
   * Whole lines in [start, end) of `bytes`: `end` is behind a line feed, and SPARE bytes follow it.
   */
  lines(bytes: Uint8Array, start: number, end: number): void;
  /** A line that is too long, as far as it was kept. */
  tooLong(beginning: Uint8Array): void;
};

/** Most lines are read where they are; only those at both ends of a chunk are copied. */
export function blocks({ lines, tooLong }: BlockReader): Blocks {
  /** the beginning of a line whose end has not come yet */
  let begun = new Uint8Array(0);
  /** in a line that was given up */
  let skipping = false;

  const copied = (part: Uint8Array): void => lines(joined(part, new Uint8Array(SPARE)), 0, part.length);
  const begin = (part: Uint8Array): void => {
    if (skipping) return;
    begun = joined(begun, part);
    if (begun.length <= LONGEST) return;
    tooLong(begun);
    skipping = true;
    begun = new Uint8Array(0);
  };
  /** Ends the line that was begun. @returns where the next one begins in the chunk */
  const finish = (chunk: Uint8Array): number => {
    if (begun.length === 0 && !skipping) return 0;
    const end = chunk.indexOf(LF) + 1;
    begin(end === 0 ? chunk : chunk.subarray(0, end));
    if (end === 0) return chunk.length;
    if (!skipping) copied(begun);
    begun = new Uint8Array(0);
    skipping = false;
    return end;
  };
  return {
    feed(chunk) {
      const start = finish(chunk);
      const far = chunk.length > SPARE ? chunk.lastIndexOf(LF, chunk.length - SPARE - 1) + 1 : 0;
      if (far > start) lines(chunk, start, far);
      const rest = chunk.subarray(Math.max(start, far));
      const end = rest.lastIndexOf(LF) + 1;
      if (end > 0) copied(rest.subarray(0, end));
      if (end < rest.length) begin(rest.subarray(end));
    },
    end() {
      if (begun.length > 0) copied(joined(begun, Uint8Array.of(LF)));
      begun = new Uint8Array(0);
    },
  };
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
