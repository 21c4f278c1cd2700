/** Text for a terminal that may be stopped (Ctrl-S): what it does not take now it gets later, and nobody waits for it. */
import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { errnoOf } from './sentence.ts';

export type Conversation = {
  /** Returns at once; text that the terminal does not take is kept, in its order. */
  write(text: string): void;
  /** Is there text that it has not taken yet? */
  isBehind(): boolean;
};

/** Between two tries at a terminal that takes nothing: short, because a slow one takes some kilobytes at a time. */
const TRY_EVERY_MS = 20;
/** Whoever has not let it go on by then does not come back; a service that still has something to tell may end. */
const PATIENCE_MS = 900_000;

/**
 * The terminal behind an open file, opened once more: a flag on the file itself would hold for everybody who shares it
 * (open(2), O_NONBLOCK). A process stays until the terminal has taken all or is gone, as with a write that waits.
 * @param fd 1 or 2
 * @returns undefined when there is no terminal, or it is somebody else's and cannot be opened
 */
export function conversationAt(fd: number): Conversation | undefined {
  return isatty(fd) ? openConversation(`/proc/self/fd/${fd}`) : undefined;
}

/** Are both the same device? */
export function isSameTerminal(a: number, b: number): boolean {
  return isatty(a) && isatty(b) && fstatSync(a).rdev === fstatSync(b).rdev;
}

/** The same for a path. @returns undefined when it cannot be opened */
export function openConversation(path: string): Conversation | undefined {
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  let fd: number;
  try {
    fd = openSync(path, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return undefined;
  }
  return writing((bytes) => writeSync(fd, bytes));
}

function writing(put: (bytes: Buffer) => number): Conversation {
  let left = Buffer.alloc(0);
  let since = 0;
  let timer: NodeJS.Timeout | undefined;
  const go = () => {
    timer = undefined;
    const before = left.length;
    left = rest(put, left);
    const now = performance.now();
    if (left.length < before) since = now;
    if (now - since > PATIENCE_MS) left = Buffer.alloc(0);
    if (left.length > 0) timer = setTimeout(go, TRY_EVERY_MS);
  };
  return {
    write: (text) => {
      if (left.length === 0) since = performance.now();
      left = Buffer.concat([left, Buffer.from(text)]);
      if (timer === undefined) go();
    },
    isBehind: () => left.length > 0,
  };
}

/** Writes what is taken now. A terminal that is gone (EIO) wants nothing any more, and that is no error. */
function rest(put: (bytes: Buffer) => number, bytes: Buffer<ArrayBuffer>): Buffer<ArrayBuffer> {
  let left = bytes;
  try {
    while (left.length > 0) left = left.subarray(put(left));
    return left;
  } catch (error) {
    return errnoOf(error) === 'EAGAIN' ? left : Buffer.alloc(0);
  }
}
