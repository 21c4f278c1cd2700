/** The counts of a listing as tables: what is counted by, and the rows with the most flows. Pure. */
import { PROTOCOLS } from '../protocols.ts';
import { AGES, type By, type Census, type Class, classesBy, KEYS, totalOf } from './census.ts';
import { byFlows, type Counted, type Tally, topOf } from './tally.ts';
import { wordOf } from './words.ts';

export type Table = {
  readonly by: By;
  /** different keys: exactly, or at least where `exact` is false */
  readonly distinct: number;
  readonly exact: boolean;
  /** flows by which a row can be too low */
  readonly low: number;
  readonly rows: readonly Counted[];
};

/**
 * @param by which tables
 * @param rows how many of each
 */
export function tablesOf(census: Census, by: readonly By[], rows: number): readonly Table[] {
  return KEYS.filter((one) => by.includes(one)).flatMap((one) => tableOf(census, one, rows) ?? []);
}

function tableOf(census: Census, by: By, rows: number): Table | undefined {
  switch (by) {
    case 'source':
    case 'destination':
      return shortened(counted(by, census[by], rows));
    case 'port':
      return counted(by, census.port, rows, (key) => `${protocolName(key >> 16)} ${key & 0xffff}`);
    case 'age':
      return counted(by, census.age, rows, (key) => AGES[key]?.[1] ?? '');
    case 'zone':
      return zoneTable(census, rows);
    case 'protocol':
      return parted(by, classesBy(census, protocolName), rows);
    case 'state':
      return parted(
        by,
        classesBy(census, (protocol, state) => stateName(census, protocol, state)),
        rows,
      );
    case 'nat':
      return parted(
        by,
        classesBy(census, (_, __, flags) => NATS[flags >> 3] ?? ''),
        rows,
      );
    case 'namespace':
      return parted(by, census.namespaces, rows);
  }
}

/** /proc writes IPv6 addresses with all their zeros; as in RFC 5952 they are like everybody else's. */
function shortened(table: Table | undefined): Table | undefined {
  return table && { ...table, rows: table.rows.map((row) => ({ ...row, key: shortAddress(row.key) })) };
}

function shortAddress(address: string): string {
  if (!/^[0-9a-f]{4}(:[0-9a-f]{4}){7}$/i.test(address)) return address;
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

const NATS = ['none', 'SNAT', 'DNAT', 'SNAT and DNAT'];

function stateName(census: Census, protocol: number, state: number): string {
  return state === 0 ? 'none' : `${protocolName(protocol)} ${wordOf(census.states, state)}`;
}

function protocolName(number: number): string {
  return PROTOCOLS[number] ?? `protocol ${number}`;
}

function counted(by: By, tally: Tally | undefined, rows: number, nameOf?: (key: number) => string): Table | undefined {
  if (tally === undefined) return undefined;
  const { held, limit, low } = tally;
  return {
    by,
    distinct: low === 0 ? held : limit + 1,
    exact: low === 0,
    low,
    rows: topOf(tally, rows, nameOf),
  };
}

/** Zone 0 is not counted line by line: it is what is left. */
function zoneTable(census: Census, rows: number): Table {
  const others = topOf(census.zone, census.zone.limit, String);
  const total = totalOf(census);
  const sum = (key: 'flows' | 'unreplied' | 'assured') => others.reduce((all, one) => all + (one[key] ?? 0), 0);
  const zero: Counted = {
    key: '0',
    flows: total.flows - sum('flows'),
    unreplied: total.unreplied - sum('unreplied'),
    assured: total.assured - sum('assured'),
  };
  const all = [...(zero.flows === 0 ? [] : [zero]), ...others];
  return { by: 'zone', distinct: all.length, exact: true, low: 0, rows: all.sort(byFlows).slice(0, rows) };
}

function parted(by: By, classes: ReadonlyMap<string, Class>, rows: number): Table {
  const all = [...classes].map(([key, { flows, unreplied, assured }]): Counted => ({ key, flows, unreplied, assured }));
  return { by, distinct: all.length, exact: true, low: 0, rows: all.sort(byFlows).slice(0, rows) };
}
