/** The kernel's list of TCP sockets, and addresses as numbers. Pure. */
import type { Connection } from '../model.ts';

/** TCP_ESTABLISHED in include/net/tcp_states.h. */
const ESTABLISHED = '01';
/** The kernel prints each 32-bit word of an address as a number: its bytes are in the order of the processor. */
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * Established connections by the inode of their socket.
 * @param text /proc/net/tcp or /proc/net/tcp6: sl, local address, remote address, state, …, inode as the tenth column.
 *   Source: get_tcp4_sock in net/ipv4/tcp_ipv4.c, get_tcp6_sock in net/ipv6/tcp_ipv6.c
 */
export function establishedIn(text: string): ReadonlyMap<number, Connection> {
  const found = new Map<number, Connection>();
  for (const line of text.split('\n').slice(1)) {
    const [, local = '', remote = '', state, , , , , , inode] = line.trim().split(/\s+/);
    const [ours, theirs] = [endpoint(local), endpoint(remote)];
    if (state !== ESTABLISHED || ours === undefined || theirs === undefined) continue;
    const { family, address, port } = ours;
    found.set(Number(inode), { family, ours: address, ourPort: port, theirs: theirs.address, theirPort: theirs.port });
  }
  return found;
}

function endpoint(word: string): { family: 4 | 6; address: string; port: number } | undefined {
  const [, hex = '', port = ''] = /^([\dA-F]{8}|[\dA-F]{32}):([\dA-F]{4})$/.exec(word) ?? [];
  if (hex === '') return undefined;
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((each) => {
    const four = (each.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16));
    return LITTLE_ENDIAN ? four.reverse() : four;
  });
  const mapped = bytes.length === 16 && bytes.slice(0, 12).join() === MAPPED;
  const family = bytes.length === 4 || mapped ? 4 : 6;
  const address = family === 4 ? bytes.slice(-4).join('.') : groups(bytes).join(':');
  return { family, address, port: Number.parseInt(port, 16) };
}

/** ::ffff:0:0/96, RFC 4291 section 2.5.5.2. */
const MAPPED = '0,0,0,0,0,0,0,0,0,0,255,255';

function groups(bytes: readonly number[]): string[] {
  return Array.from({ length: 8 }, (_, at) => (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16));
}

/** The bytes of an address in text, 4 or 16 of them; undefined when it is none. */
function bytesOf(address: string): readonly number[] | undefined {
  if (/^\d+(\.\d+){3}$/.test(address)) return address.split('.').map(Number);
  const [head = '', tail] = address.split('::');
  const words = (part: string) => (part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16)));
  const [before, after] = [words(head), words(tail ?? '')];
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  if (before.length + zeros + after.length !== 8 || zeros < 0) return undefined;
  const all = [...before, ...Array<number>(zeros).fill(0), ...after];
  return all.some(Number.isNaN) ? undefined : all.flatMap((word) => [word >> 8, word & 0xff]);
}

/** Whether an address lies in a network such as `10.0.0.0/8`; a network without a length is that one address. */
export function isWithin(address: string, network: string): boolean {
  const [base = '', length] = network.split('/');
  const [inner, outer] = [bytesOf(address), bytesOf(base)];
  if (inner === undefined || outer === undefined || inner.length !== outer.length) return false;
  const bits = (bytes: readonly number[]) => bytes.map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const wanted = length === undefined ? 8 * outer.length : Number(length);
  return bits(inner).slice(0, wanted) === bits(outer).slice(0, wanted);
}
