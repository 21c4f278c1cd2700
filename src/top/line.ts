/**
 * A line of `conntrack -L` (default, extended, id, labels, timestamps) or of /proc/net/nf_conntrack as a flow. Pure.
 * Sources: src/conntrack/snprintf_default.c of libnetfilter_conntrack; ct_seq_show in nf_conntrack_standalone.c.
 *
 * `[ipv4 2] tcp 6 [431999] [ESTABLISHED] src=… dst=… sport=… dport=… [packets=… bytes=…] [[UNREPLIED]] src=… dst=…
 * sport=… dport=… [packets=… bytes=…] [[ASSURED]] mark=… use=…`
 */
import { addressEnd, byteAt, four, isSame, LF, numberAt, SPACE, skipSpaces, wordEnd } from './bytes.ts';
import { type Address, ASSURED, clearFlow, DNAT, type Flow, OFFLOADED, SNAT, UNREPLIED } from './flow.ts';

const BLANK = four('    ');
const TCP = four('tcp ');
const TCP_6 = four('  6 ');
const UDP = four('udp ');
const UDP_17 = four(' 17 ');
const SRC = four('src=');
// With the space before them, and whole up to the `=`: they must stand in the same line.
const DST = four(' dst');
const EQUALS = 61;
const SPOR = four(' spo');
const DPOR = four(' dpo');
const PORT = four('ort=');
const ZONE = four('zone');
const DELT = four('delt');
const TA_T = four('ta-t');
const IME = four('ime=');
const UNRE = four('[UNR');
const ASSU = four('[ASS');
const MARK = four('mark');
const OFFL = four('[OFF');
const HW_O = four('[HW_');

/** Longer words than this are no state and no key. */
const LONGEST = 40;

/**
 * Reads the line that begins at `flow.at`, and moves that to the beginning of the next one.
 * @param flow its bytes have a line feed at or after `at`, and SPARE bytes after it
 * @returns undefined when the line is a flow, else what is wrong with it; `at` is then somewhere in the line
 */
export function readLine(flow: Flow): string | undefined {
  clearFlow(flow);
  if (!readHead(flow)) return 'it does not begin with a protocol and its number';
  if (!readOriginal(flow)) return 'it has no original source and destination';
  if (!toReply(flow)) return 'it has no reply source and destination';
  readTail(flow);
  return undefined;
}

/** Up to the first `src=`: protocol, seconds left, state. */
function readHead(flow: Flow): boolean {
  const { bytes, view } = flow;
  if (!readProtocol(flow)) return false;
  let at = skipSpaces(bytes, flow.at);
  let first = byteAt(bytes, at);
  if (first >= 97 && view.getInt32(at, true) !== SRC) {
    // That was the layer-3 protocol of the extended form.
    flow.at = at;
    if (!readProtocol(flow)) return false;
    at = skipSpaces(bytes, flow.at);
    first = byteAt(bytes, at);
  }
  if (first >= 48 && first <= 57) {
    flow.at = at;
    flow.left = numberAt(flow);
    at = skipSpaces(bytes, flow.at);
    first = byteAt(bytes, at);
  }
  if (first >= 65 && first <= 90) {
    flow.state = at;
    flow.stateEnd = wordEnd(bytes, at);
    at = skipSpaces(bytes, flow.stateEnd);
  }
  // /proc tells two timeouts of GRE here: gre_print_conntrack in nf_conntrack_proto_gre.c.
  for (let words = 0; words < 2 && byteAt(bytes, at) >= 97 && view.getInt32(at, true) !== SRC; words += 1) {
    at = skipSpaces(bytes, wordEnd(bytes, at));
  }
  flow.at = at;
  return flow.stateEnd - flow.state < LONGEST;
}

/** `tcp      6 `: the name is padded to eight characters. */
function readProtocol(flow: Flow): boolean {
  const { bytes, view, at } = flow;
  // Nearly every line begins with one of two.
  const name = view.getInt32(at + 4, true) === BLANK ? view.getInt32(at, true) : 0;
  if (name === TCP && view.getInt32(at + 7, true) === TCP_6) {
    flow.protocol = 6;
    flow.at = at + 10;
    return true;
  }
  if (name === UDP && view.getInt32(at + 8, true) === UDP_17) {
    flow.protocol = 17;
    flow.at = at + 11;
    return true;
  }
  const first = byteAt(bytes, at);
  if (first < 97 || first > 122) return false;
  const end = wordEnd(bytes, at);
  flow.at = skipSpaces(bytes, end);
  if (flow.at === end) return false;
  flow.protocol = numberAt(flow);
  return flow.protocol >= 0 && flow.protocol <= 255 && byteAt(bytes, flow.at) === SPACE;
}

/** `src=… dst=…` of the original direction. */
function readOriginal(flow: Flow): boolean {
  const { view, source, destination } = flow;
  if (view.getInt32(flow.at, true) !== SRC) return false;
  if (!readAddress(flow, flow.at + 4, source)) return false;
  if (!isDst(flow, source.end)) return false;
  if (!readAddress(flow, source.end + 5, destination)) return false;
  flow.at = destination.end;
  return true;
}

/** An address that ends in a space, the line end or an XML tag. @returns false where there is none */
export function readAddress(flow: Flow, start: number, address: Address): boolean {
  const { bytes } = flow;
  let at = start;
  let value = 0;
  let octet = 0;
  let octets = 0;
  let byte = byteAt(bytes, at);
  for (; byte >= 46 && byte <= 57; byte = byteAt(bytes, at)) {
    if (byte === 46) {
      value = (value << 8) | octet;
      octet = 0;
      octets += 1;
    } else octet = octet * 10 + byte - 48;
    if (octet > 255) break;
    at += 1;
  }
  address.start = start;
  address.isV4 = octets === 3 && isEnd(byte) && at - start >= 7 && at - start <= 15;
  address.v4 = (value << 8) | octet;
  address.end = address.isV4 ? at : addressEnd(bytes, start);
  const length = address.end - start;
  return length > 1 && length < LONGEST + 8 && isEnd(byteAt(bytes, address.end));
}

function isEnd(byte: number): boolean {
  return byte <= SPACE || byte === 60;
}

/** The rest of the original direction, then the reply's tuple, which tells what is translated. */
function toReply(flow: Flow): boolean {
  const { bytes, view } = flow;
  const sport = readPort(flow, SPOR);
  const dport = readPort(flow, DPOR);
  flow.port = dport <= 65535 ? dport : -1;
  for (;;) {
    const at = skipSpaces(bytes, flow.at);
    const next = view.getInt32(at, true);
    flow.at = at;
    if (next === SRC) break;
    if (next === UNRE) flow.flags |= UNREPLIED;
    flow.at = wordEnd(bytes, at);
    if (flow.at === at) return false;
  }
  if (!readReply(flow, 4, flow.destination, DNAT)) return false;
  if (!isDst(flow, flow.at)) return false;
  if (!readReply(flow, 5, flow.source, SNAT)) return false;
  if (sport < 0) return true;
  if (readPort(flow, SPOR) !== dport) flow.flags |= DNAT;
  if (readPort(flow, DPOR) !== sport) flow.flags |= SNAT;
  return true;
}

/** An address `skip` bytes on: where it is not the one of the other direction, `flag` says so. */
function readReply(flow: Flow, skip: number, other: Address, flag: number): boolean {
  const { bytes } = flow;
  const at = flow.at + skip;
  const length = other.end - other.start;
  if (isSame(flow, other.start, at, length) && byteAt(bytes, at + length) <= SPACE) {
    flow.at = at + length;
    return true;
  }
  flow.flags |= flag;
  flow.at = addressEnd(bytes, at);
  return flow.at > at && byteAt(bytes, flow.at) <= SPACE;
}

function isDst({ bytes, view }: Flow, at: number): boolean {
  return view.getInt32(at, true) === DST && byteAt(bytes, at + 4) === EQUALS;
}

/** ` sport=443`: −1, and no step, where there is none. */
function readPort(flow: Flow, name: number): number {
  const { view, at } = flow;
  if (view.getInt32(at, true) !== name || view.getInt32(at + 3, true) !== PORT) return -1;
  flow.at += 7;
  return numberAt(flow);
}

/** `[ASSURED] mark=0 zone=7 delta-time=93 use=1` and whatever else there is, up to the line end. */
function readTail(flow: Flow): void {
  const { bytes, view } = flow;
  let at = flow.at;
  for (;;) {
    while (byteAt(bytes, at) <= SPACE) {
      if (byteAt(bytes, at) === LF) {
        flow.at = at + 1;
        return;
      }
      at += 1;
    }
    const next = view.getInt32(at, true);
    if (next === ASSU) flow.flags |= ASSURED;
    else if (next !== MARK) readRare(flow, next, at);
    at = wordEnd(bytes, at);
  }
}

/** Words that most lines do not have. What is offloaded is assured, and says only the one. */
function readRare(flow: Flow, next: number, at: number): void {
  if (next === OFFL || next === HW_O) flow.flags |= OFFLOADED | ASSURED;
  else if (next === ZONE && byteAt(flow.bytes, at + 4) === EQUALS) flow.zone = valueAt(flow, at + 5, 0);
  else if (next === DELT && isDeltaTime(flow, at)) flow.age = valueAt(flow, at + 11, -1);
}

function isDeltaTime({ view }: Flow, at: number): boolean {
  return view.getInt32(at + 3, true) === TA_T && view.getInt32(at + 7, true) === IME;
}

function valueAt(flow: Flow, at: number, none: number): number {
  flow.at = at;
  const value = numberAt(flow);
  return value < 0 ? none : value;
}
