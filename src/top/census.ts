/** What a listing is counted by, and the counts. Pure. */
import { ASSURED, type Flow, OFFLOADED, UNREPLIED } from './flow.ts';
import { eachNumber } from './numbers.ts';
import { countAddress, countNumber, newTally, type Tally } from './tally.ts';
import { timeoutOf } from './timeouts.ts';
import { type Asked, ask, askFlow, type Question } from './what-if.ts';
import { type Words, wordId, wordOf, words } from './words.ts';

/** What flows are counted by. `source`, `destination`, `port`: of the original direction. */
export const KEYS = ['source', 'destination', 'port', 'protocol', 'state', 'nat', 'zone', 'age', 'namespace'] as const;

export type By = (typeof KEYS)[number];

export type Census = {
  flows: number;
  /** flows by protocol, state and flags: what has few values is one count for a line, and parted at the end */
  readonly classes: Tally;
  readonly states: Words;
  /** what can have many values, where it was asked for */
  readonly source: Tally | undefined;
  readonly destination: Tally | undefined;
  readonly port: Tally | undefined;
  /** flows in a zone other than 0, and flows whose age is told */
  readonly zone: Tally;
  readonly age: Tally;
  /** flows of each namespace that was read, by name */
  readonly namespaces: Map<string, Class>;
  readonly asked: ReadonlyMap<string, Asked>;
};

/** Flows, and what is true of how many of them. */
export type Class = { flows: number; unreplied: number; assured: number; offloaded: number };

/** As many as there can be: protocols, states with none and the other, flags; so that these counts are always exact. */
const CLASSES = 256 * 102 * 32;

/** Zones are 16 bits in the kernel. */
const LAST_ZONE = 65535;

/**
 * @param by what to count by; what has few values is always counted
 * @param questions timeouts to ask about
 */
export function newCensus(by: readonly By[], questions: readonly Question[] = []): Census {
  const wanted = (one: By) => (by.includes(one) ? newTally() : undefined);
  return {
    flows: 0,
    classes: newTally(CLASSES),
    states: words(),
    source: wanted('source'),
    destination: wanted('destination'),
    port: wanted('port'),
    zone: newTally(),
    age: newTally(),
    namespaces: new Map(),
    asked: new Map(questions.map((question) => [question.key, ask(question)])),
  };
}

/** Counts a flow by everything that is asked for. */
export function countFlow(census: Census, flow: Flow): void {
  const { bytes, flags, protocol } = flow;
  const { source, destination, port } = census;
  const state = flow.stateEnd === flow.state ? 0 : wordId(census.states, flow);
  census.flows += 1;
  countNumber(census.classes, (protocol << 16) | (state << 8) | flags, 0);
  if (source !== undefined) countAddress(source, bytes, flow.source, flags);
  if (destination !== undefined) countAddress(destination, bytes, flow.destination, flags);
  if (port !== undefined && flow.port >= 0) countNumber(port, (protocol << 16) | flow.port, flags);
  if (flow.zone > 0 && flow.zone <= LAST_ZONE) countNumber(census.zone, flow.zone, flags);
  if (flow.age >= 0) countNumber(census.age, ageClass(flow.age), flags);
  if (census.asked.size === 0) return;
  const asked = census.asked.get(timeoutOf(protocol, wordOf(census.states, state), flags));
  if (asked !== undefined) askFlow(asked, flow);
}

/** Upper ends of the classes of age, in seconds. */
export const AGES: readonly (readonly [number, string])[] = [
  [60, 'under 1 minute'],
  [3600, '1 minute to 1 hour'],
  [86400, '1 hour to 1 day'],
  [Number.POSITIVE_INFINITY, 'over 1 day'],
];

function ageClass(seconds: number): number {
  return AGES.findIndex(([end]) => seconds < end);
}

/** The flows of a census by something that their class tells, e.g. the protocol. */
export function classesBy<Key>(
  { classes }: Census,
  keyOf: (protocol: number, state: number, flags: number) => Key,
): ReadonlyMap<Key, Class> {
  const found = new Map<Key, Class>();
  eachNumber(classes.numbers, (key, flows) => {
    const flags = key & 0xff;
    const name = keyOf(key >> 16, (key >> 8) & 0xff, flags);
    const one = found.get(name) ?? { flows: 0, unreplied: 0, assured: 0, offloaded: 0 };
    found.set(name, one);
    one.flows += flows;
    if ((flags & UNREPLIED) !== 0) one.unreplied += flows;
    if ((flags & ASSURED) !== 0) one.assured += flows;
    if ((flags & OFFLOADED) !== 0) one.offloaded += flows;
  });
  return found;
}

/** All flows as one class. */
export function totalOf(census: Census): Class {
  return classesBy(census, () => 0).get(0) ?? { flows: 0, unreplied: 0, assured: 0, offloaded: 0 };
}

/** Says that all flows since the last call came from this namespace. */
export function closeNamespace(census: Census, name: string): void {
  const now = totalOf(census);
  const before = [...census.namespaces.values()];
  const rest = (key: keyof Class) => now[key] - before.reduce((sum, one) => sum + one[key], 0);
  census.namespaces.set(name, {
    flows: rest('flows'),
    unreplied: rest('unreplied'),
    assured: rest('assured'),
    offloaded: rest('offloaded'),
  });
}
