// Listings as `conntrack -L` prints them on a gateway: a mix of protocols, families, states and translations.
import { closeSync, openSync, writeSync } from 'node:fs';

/** State, its timeout, whether it is replied and assured; the busiest first. */
const STATES = [
  ['ESTABLISHED', 432000, true],
  ['TIME_WAIT', 120, true],
  ['SYN_SENT', 120, false],
  ['CLOSE_WAIT', 60, true],
  ['FIN_WAIT', 120, true],
  ['LAST_ACK', 30, true],
  ['CLOSE', 10, true],
];

/**
 * Writes so many lines to a file; the same ones every time.
 * @param {string} path
 * @param {number} flows
 * @param {'usual' | 'scan'} kind `scan`: every flow comes from another source
 */
export function writeListing(path, flows, kind = 'usual') {
  const out = openSync(path, 'w');
  const line = lines(kind);
  let text = '';
  for (let flow = 0; flow < flows; flow += 1) {
    text += line();
    if (text.length < 2 ** 20) continue;
    writeSync(out, text);
    text = '';
  }
  writeSync(out, text);
  closeSync(out);
}

/** @returns a function that gives the next line */
export function lines(kind = 'usual') {
  let seed = 20261124;
  const chance = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return (seed >>> 0) / 2 ** 32;
  };
  const below = (limit) => Math.floor(chance() * limit);
  const pick = (values) => values[below(values.length)];
  /** few are busy and most are not: Zipf's law */
  const rank = (limit) => Math.floor(limit ** chance());
  let scanned = 0;
  const tuple = () => {
    const six = kind === 'usual' && chance() < 0.12;
    const host = rank(20_000);
    const peer = rank(5_000);
    const sport = 1024 + below(64_000);
    scanned += 1;
    const source =
      kind === 'scan'
        ? dotted(scanned * 977)
        : six
          ? `2001:db8::${hex(host)}:${hex(host * 31)}`
          : dotted(0x0a000000 + host);
    const destination = six ? `2a00:1450:4001::${hex(peer)}` : dotted(0x8efa0000 + peer * 13);
    const translated = six || chance() < 0.4 ? source : '203.0.113.7';
    return { six, source, destination, translated, sport };
  };
  const ports = ({ source, destination, translated, sport }, dport, replied, assured) =>
    `src=${source} dst=${destination} sport=${sport} dport=${dport} ${replied ? '' : '[UNREPLIED] '}` +
    `src=${destination} dst=${translated} sport=${dport} dport=${sport} ${assured ? '[ASSURED] ' : ''}mark=0 use=1\n`;
  const tcp = (t) => {
    const [state, timeout, replied] = chance() < 0.55 ? STATES[0] : pick(STATES);
    const dport = chance() < 0.7 ? 443 : pick([80, 22, 5432, 6379, 8080, 3306]);
    return `tcp      6 ${below(timeout)} ${state} ${ports(t, dport, replied, replied)}`;
  };
  const udp = (t) => {
    const replied = chance() < 0.7;
    const assured = replied && chance() < 0.5;
    const dport = chance() < 0.8 ? 53 : pick([443, 123, 4789, 51820]);
    return `udp      17 ${below(assured ? 120 : 30)} ${ports(t, dport, replied, assured)}`;
  };
  const icmp = ({ six, source, destination, translated, sport }) => {
    const [head, request, reply] = six ? ['icmpv6   58', 128, 129] : ['icmp     1', 8, 0];
    const echo = (type) => `type=${type} code=0 id=${sport}`;
    return `${head} ${below(30)} src=${source} dst=${destination} ${echo(request)} src=${destination} dst=${translated} ${echo(reply)} mark=0 use=1\n`;
  };
  return () => {
    const which = chance();
    return (which < 0.72 ? tcp : which < 0.97 ? udp : icmp)(tuple());
  };
}

function dotted(value) {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

function hex(value) {
  return (value & 0xffff || 1).toString(16);
}

/**
 * Lines as `conntrack -R` loads them, addresses that nothing has: TCP and UDP, most of them translated, a tenth IPv6.
 * @returns pieces of text, a thousand lines each
 */
export function* loadable(flows) {
  for (let from = 0; from < flows; from += 1000) {
    const count = Math.min(1000, flows - from);
    yield Array.from({ length: count }, (_, n) => loadLine(from + n)).join('');
  }
}

function loadLine(n) {
  const client = `198.18.${Math.floor(n / 250) % 250}.${(n % 250) + 1}`;
  const server = `192.0.2.${(n % 200) + 1}`;
  const port = 1024 + Math.floor(n / 62_500);
  const [reply, back] = n % 3 === 0 ? [`-q ${client}`, port] : ['-n 203.0.113.1', 1024 + Math.floor(n / 200)];
  const ports = (dport) => `--sport ${port} --dport ${dport} --reply-port-src ${dport} --reply-port-dst ${back}`;
  const four = `-s ${client} -d ${server} -r ${server} ${reply}`;
  if (n % 10 < 6) return `-A -t 86400 -u SEEN_REPLY,ASSURED ${four} -p tcp ${ports(443)} --state ESTABLISHED\n`;
  if (n % 10 < 9) return `-A -t 86400 -u SEEN_REPLY ${four} -p udp ${ports(53)}\n`;
  const six = `fd99::${((n % 60_000) + 1).toString(16)}`;
  const sport = 1024 + Math.floor(n / 60_000);
  return (
    `-A -t 86400 -u UNSET -s ${six} -d fd99::1:1 -r fd99::1:1 -q ${six} ` +
    `-p udp --sport ${sport} --dport 53 --reply-port-src 53 --reply-port-dst ${sport}\n`
  );
}
