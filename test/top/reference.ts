/** The slow and plain way to read a listing, to compare with; and generated listings in every form. */
import fc from 'fast-check';

export type Plain = {
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'icmpv6' | 'gre' | 'unknown';
  readonly state: string;
  readonly left: number;
  readonly source: string;
  readonly destination: string;
  readonly sport: number;
  readonly dport: number;
  readonly replySource: string;
  readonly replyDestination: string;
  readonly unreplied: boolean;
  readonly assured: boolean;
  readonly zone: number;
  readonly age: number | undefined;
};

const NUMBERS = { tcp: 6, udp: 17, icmp: 1, icmpv6: 58, gre: 47, unknown: 89 } as const;

const octet = fc.integer({ min: 0, max: 255 });
const v4 = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('10.0.0.1', '10.0.0.2', '192.0.2.200') },
  { weight: 1, arbitrary: fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.')) },
);
const v6 = fc.constantFrom('2001:db8::1', '2001:db8::a:2', 'fe80::1', '::1', '::ffff:192.0.2.1');
const port = fc.integer({ min: 0, max: 65535 });

/** A flow as any table could have it. */
export const flow: fc.Arbitrary<Plain> = fc.constantFrom(v4, v6).chain((address) =>
  fc
    .record({
      protocol: fc.constantFrom(...(Object.keys(NUMBERS) as (keyof typeof NUMBERS)[])),
      state: fc.constantFrom('ESTABLISHED', 'TIME_WAIT', 'SYN_SENT', 'CLOSE'),
      left: fc.integer({ min: 0, max: 432_000 }),
      source: address,
      destination: address,
      sport: port,
      dport: port,
      replySource: fc.option(address, { nil: undefined }),
      replyDestination: fc.option(address, { nil: undefined }),
      unreplied: fc.boolean(),
      assured: fc.boolean(),
      zone: fc.constantFrom(0, 0, 0, 1, 65535),
      age: fc.constantFrom(undefined, 0, 59, 60, 86_400, 1_000_000),
    })
    .map(({ replySource, replyDestination, ...rest }) => ({
      ...rest,
      state: rest.protocol === 'tcp' ? rest.state : '',
      replySource: replySource ?? rest.destination,
      replyDestination: replyDestination ?? rest.source,
    })),
);

export const FORMS = ['default', 'extended', 'proc', 'save', 'xml'] as const;

/** The line of a flow, as the programs print it. */
export function print(one: Plain, form: (typeof FORMS)[number]): string {
  if (form === 'save') return save(one);
  if (form === 'xml') return xml(one);
  const number = NUMBERS[one.protocol];
  const six = one.source.includes(':');
  const family = `${(six ? 'ipv6' : 'ipv4').padEnd(8)} ${six ? 10 : 2} `;
  const [original, reply] = fourth(one);
  const tail = [
    one.assured ? '[ASSURED]' : '',
    'mark=0',
    one.zone > 0 || form === 'proc' ? `zone=${one.zone}` : '',
    one.age === undefined ? '' : `delta-time=${one.age}`,
    'use=1',
  ].filter((part) => part !== '');
  return [
    `${form === 'default' ? '' : family}${one.protocol.padEnd(8)} ${number} ${one.left}`,
    ...(one.state === '' ? [] : [one.state]),
    `src=${one.source} dst=${one.destination}${original}`,
    ...(one.unreplied ? ['[UNREPLIED]'] : []),
    `src=${one.replySource} dst=${one.replyDestination}${reply}`,
    ...tail,
  ].join(' ');
}

/** What follows the addresses, in both directions. */
function fourth({ protocol, sport, dport }: Plain): readonly [string, string] {
  if (protocol === 'tcp' || protocol === 'udp')
    return [` sport=${sport} dport=${dport}`, ` sport=${dport} dport=${sport}`];
  if (protocol === 'gre') return [' srckey=0x1 dstkey=0x2', ' srckey=0x2 dstkey=0x1'];
  return protocol === 'unknown' ? ['', ''] : [` type=8 code=0 id=${sport}`, ` type=0 code=0 id=${sport}`];
}

function save(one: Plain): string {
  const status = [...(one.unreplied ? [] : ['SEEN_REPLY']), ...(one.assured ? ['ASSURED'] : [])].join(',') || 'UNSET';
  const dnat = one.replySource === one.destination ? '-r' : '-g';
  const snat = one.replyDestination === one.source ? '-q' : '-n';
  const { sport, dport } = one;
  const ports = ` --sport ${sport} --dport ${dport} --reply-port-src ${dport} --reply-port-dst ${sport}`;
  return [
    `-A -t ${one.left} -u ${status}${one.zone > 0 ? ` -w ${one.zone}` : ''} -s ${one.source} -d ${one.destination}`,
    ` ${dnat} ${one.replySource} ${snat} ${one.replyDestination}`,
    ` -p ${one.protocol === 'unknown' ? 89 : one.protocol}`,
    one.protocol === 'tcp' || one.protocol === 'udp' ? ports : '',
    one.state === '' ? '' : ` --state ${one.state}`,
  ].join('');
}

function xml(one: Plain): string {
  const ports = one.protocol === 'tcp' || one.protocol === 'udp';
  const tag = (name: string, value: string | number) => `<${name}>${value}</${name}>`;
  const side = (direction: string, from: string, to: string, sport: number, dport: number) =>
    `<meta direction="${direction}"><layer3 protonum="2" protoname="ipv4">${tag('src', from)}${tag('dst', to)}</layer3>` +
    `<layer4 protonum="${NUMBERS[one.protocol]}" protoname="${one.protocol}">` +
    `${ports ? tag('sport', sport) + tag('dport', dport) : ''}</layer4></meta>`;
  return [
    `<flow>${side('original', one.source, one.destination, one.sport, one.dport)}`,
    side('reply', one.replySource, one.replyDestination, one.dport, one.sport),
    '<meta direction="independent">',
    one.state === '' ? '' : tag('state', one.state),
    tag('timeout', one.left),
    '<mark>0</mark>',
    one.zone > 0 ? tag('zone', one.zone) : '',
    '<use>1</use>',
    one.unreplied ? '<unreplied/>' : '',
    one.assured ? '<assured/>' : '',
    one.age === undefined ? '' : tag('deltatime', one.age),
    '</meta></flow>',
  ].join('');
}

/** Flows by a key, counted with an object and no more. */
export function count(flows: readonly Plain[], keyOf: (one: Plain) => string | undefined): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const one of flows) {
    const key = keyOf(one);
    if (key !== undefined) counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** What is translated, told by the addresses and nothing else: the generated ports are never translated. */
export function natOf(one: Plain): string {
  const snat = one.replyDestination !== one.source;
  const dnat = one.replySource !== one.destination;
  return snat && dnat ? 'SNAT and DNAT' : snat ? 'SNAT' : dnat ? 'DNAT' : 'none';
}

/** The name of a flow's protocol as the tables have it. */
export function protocolOf({ protocol }: Plain): string {
  return protocol === 'unknown' ? 'protocol 89' : protocol;
}
