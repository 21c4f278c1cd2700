/** What is too large to be held, in pieces: a file as it is read, packed or not. */
import { close, open, read } from 'node:fs';
import { hostError } from './sentence.ts';

/** Read at once: large enough that a turn of the event loop for each costs nothing. */
const PIECE = 512 * 1024;

/** gzip's magic bytes, RFC 1952. */
const GZIP = [0x1f, 0x8b];

/**
 * The bytes of a file, a fifo or whatever can be read to its end. While one piece is looked at, the next one is read.
 * @throws HostError when it cannot be opened or read
 */
export async function* bytesOf(path: string): AsyncGenerator<Uint8Array> {
  const pieces = [Buffer.allocUnsafe(PIECE), Buffer.allocUnsafe(PIECE)];
  const fd = await opened(path);
  let next = readInto(path, fd, pieces[0]);
  try {
    for (let turn = 0; ; turn = 1 - turn) {
      const length = await next;
      if (length === 0) return;
      const piece = pieces[turn]?.subarray(0, length) ?? Buffer.alloc(0);
      next = readInto(path, fd, pieces[1 - turn]);
      yield piece;
    }
  } finally {
    await next.catch(() => 0);
    close(fd, () => undefined);
  }
}

function opened(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    open(path, 'r', (error, fd) => (error === null ? resolve(fd) : reject(hostError(path, 'be read', error))));
  });
}

function readInto(path: string, fd: number, piece: Buffer = Buffer.alloc(0)): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, piece, 0, piece.length, null, (error, length) =>
      error === null ? resolve(length) : reject(hostError(path, 'be read', error)),
    );
  });
}

/** The same bytes, unpacked where the first of them say that they are gzip's. @throws Error when they are broken */
export async function* unpacked(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const all = bytes[Symbol.asyncIterator]();
  const first = await all.next();
  if (first.done === true) return;
  const rest: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => all };
  if (!GZIP.every((byte, at) => first.value[at] === byte)) {
    yield first.value;
    yield* rest;
    return;
  }
  const { Readable } = process.getBuiltinModule('node:stream');
  const whole = async function* () {
    // Copied: the reader uses its piece again while the unpacking still holds it.
    yield Buffer.from(first.value);
    for await (const piece of rest) yield Buffer.from(piece);
  };
  const packed = Readable.from(whole(), { objectMode: false });
  const plain = packed.pipe(process.getBuiltinModule('node:zlib').createGunzip({ chunkSize: PIECE }));
  packed.on('error', (error) => plain.destroy(error));
  yield* plain;
}
