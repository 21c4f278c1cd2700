/** One flow of a listing, as the parsers leave it: numbers, and places in the bytes instead of texts. Pure. */

/** What conntrack and /proc say about a flow, and what its two tuples say together. */
export const UNREPLIED = 1;
export const ASSURED = 2;
/** handed to the flow table (software or hardware): it has neither a timeout nor a state then */
export const OFFLOADED = 4;
export const SNAT = 8;
export const DNAT = 16;

/** An address in the bytes; `v4` is its value as a signed 32-bit number where it is an IPv4 one. */
export type Address = { start: number; end: number; v4: number; isV4: boolean };

/**
 * One object is used for every line of a listing: a million of them would cost more than all the rest.
 * A range is [start, end) in `bytes`; −1 stands for what a listing does not tell.
 */
export type Flow = {
  bytes: Uint8Array;
  /** of the same bytes */
  view: DataView;
  /** the parser's place in `bytes`; after a line, the first byte of the next one */
  at: number;
  /** IP protocol number */
  protocol: number;
  /** seconds until the flow is forgotten */
  left: number;
  state: number;
  stateEnd: number;
  readonly source: Address;
  readonly destination: Address;
  /** destination port, of protocols that have ports */
  port: number;
  /** conntrack zone of both directions, 0 where none is named */
  zone: number;
  /** UNREPLIED and the others, added */
  flags: number;
  /** seconds since the first packet, known with nf_conntrack_timestamp=1 */
  age: number;
};

/** A flow to be filled by a parser. */
export function emptyFlow(): Flow {
  const address = (): Address => ({ start: 0, end: 0, v4: 0, isV4: false });
  const bytes = new Uint8Array(0);
  return {
    bytes,
    view: new DataView(bytes.buffer),
    at: 0,
    protocol: 0,
    left: -1,
    state: 0,
    stateEnd: 0,
    source: address(),
    destination: address(),
    port: -1,
    zone: 0,
    flags: 0,
    age: -1,
  };
}

/** Forgets what the line before has told; `at` and `bytes` stay. */
export function clearFlow(flow: Flow): void {
  flow.protocol = 0;
  flow.left = -1;
  flow.state = 0;
  flow.stateEnd = 0;
  flow.port = -1;
  flow.zone = 0;
  flow.flags = 0;
  flow.age = -1;
}

/** Turns to other bytes, at their beginning. */
export function turnTo(flow: Flow, bytes: Uint8Array): void {
  // A Buffer is another shape to the engine than a Uint8Array: one shape is faster than two.
  flow.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  flow.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  flow.at = 0;
}
