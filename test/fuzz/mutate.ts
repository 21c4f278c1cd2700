// Mutations of valid texts, from a seed: the same seed gives the same cases.

/** A whole number below n. */
export type Random = (n: number) => number;

/** mulberry32: 32 bits of state, good enough to spoil texts. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

export function pick<T>(all: readonly T[], random: Random): T {
  const one = all[random(all.length)];
  if (one === undefined) throw new Error('nothing to pick from');
  return one;
}

/** What a terminal obeys, what parsers stumble over, and numbers that are too large. */
const TOKENS = [
  ...[
    '\x1b[2J',
    '\x1b]0;x\x07',
    '\x9b31m',
    '\r',
    '\n',
    '\r\n',
    '\t',
    '\v',
    '\f',
    '\0',
    '\x7f',
    '\x85',
    '\u2028',
    '\u202e',
  ],
  ...[
    '\u2066',
    '\ufeff',
    '\ud800',
    '\udfff',
    '\u{1f600}',
    'é',
    'ſ',
    'İ',
    '\u0661',
    '\u00a0',
    '__proto__',
    'constructor',
  ],
  ...[
    '0',
    '-0',
    '-1',
    '00',
    '0x',
    '0x7fffffff',
    '2147483648',
    '4294967296',
    '9007199254740993',
    '1e999',
    '-1e308',
    'NaN',
  ],
  ...[
    '99999999999999999999999999',
    '1.5',
    '+1',
    '=',
    '==',
    '#',
    ';',
    ':',
    ',',
    ' ',
    '  ',
    '"',
    "'",
    '\\',
    '\\\n',
    '*',
    '?',
    '[',
  ],
  ...[
    ']',
    '{',
    '}',
    '(',
    ')',
    '<',
    '>',
    '/',
    '//',
    '..',
    '.',
    '-',
    '--',
    '%',
    '$',
    '`',
    '|',
    '&',
    'true',
    'null',
    '{}',
    '[]',
  ],
];

/** Longer than most buffers; a text that takes more than linear time shows with it. */
const LONG = 60_000;

type Mutation = (text: string, random: Random, others: readonly string[]) => string;

const at = (text: string, random: Random) => random(text.length + 1);

/** A piece of a text, short more often than long. */
function span(text: string, random: Random): readonly [number, number] {
  const start = at(text, random);
  return [start, Math.min(text.length, start + random(random(2) === 0 ? 8 : 200))];
}

function insert(text: string, place: number, piece: string): string {
  return text.slice(0, place) + piece + text.slice(place);
}

function lines(text: string, change: (all: string[]) => void): string {
  const all = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  change(all);
  return all.join('');
}

const MUTATIONS: readonly Mutation[] = [
  (text, random) => {
    const place = random(Math.max(1, text.length));
    const bit = String.fromCharCode(text.charCodeAt(place) ^ (1 << random(random(4) === 0 ? 16 : 7)));
    return text.slice(0, place) + bit + text.slice(place + 1);
  },
  (text, random) => insert(text, at(text, random), pick(TOKENS, random)),
  (text, random) => insert(text, at(text, random), pick(TOKENS, random)),
  (text, random) => {
    const [start, end] = span(text, random);
    return text.slice(0, start) + text.slice(end);
  },
  (text, random) => {
    const [start, end] = span(text, random);
    return insert(text, at(text, random), text.slice(start, end));
  },
  (text, random) => {
    const [start, end] = span(text, random);
    return text.slice(0, start) + pick(TOKENS, random) + text.slice(end);
  },
  (text, random) => text.slice(0, at(text, random)),
  (text, random) => text.slice(at(text, random)),
  (text, random, others) => text.slice(0, at(text, random)) + cut(pick(others, random), random),
  (text, random, others) => insert(text, at(text, random), cut(pick(others, random), random).slice(0, 100)),
  (text, random) => text.replace(/\d+/g, (digits) => (random(4) === 0 ? pick(TOKENS, random) : digits)),
  (text, random) => text.replace(/\w+/g, (word) => (random(12) === 0 ? pick(TOKENS, random) : word)),
  (text, random) => lines(text, (all) => all.splice(random(all.length + 1), 0, pick([...all, ''], random))),
  (text, random) => lines(text, (all) => all.splice(random(all.length + 1), 1)),
  (text) => lines(text, (all) => all.reverse()),
  otherJson,
  otherJson,
  (text, random) => text.replaceAll('\n', pick(['\r\n', '\r', ' \n', '\n\n', '\\\n'], random)),
];

const VALUES: readonly unknown[] = [
  ...[
    null,
    true,
    false,
    0,
    -1,
    1.5,
    2 ** 53,
    131_072,
    '',
    'x'.repeat(100),
    '\x1b[2J',
    [],
    {},
    [[]],
    { unknown: '\x9b' },
  ],
  ...['ctfix.plan/v2', 'reload', 'write-file', { do: 'nothing' }, Array(1001).fill('/'), { '\n': 1 }],
];

/** JSON with another value, name or member somewhere; any other text as it is. */
function otherJson(text: string, random: Random): string {
  if (!text.startsWith('{') || text.length > 30_000) return text;
  try {
    const value: unknown = JSON.parse(text);
    const places: [Record<string, unknown>, string][] = [];
    const walk = (inner: unknown): void => {
      if (typeof inner !== 'object' || inner === null) return;
      for (const [key, member] of Object.entries(inner)) {
        places.push([inner as Record<string, unknown>, key]);
        walk(member);
      }
    };
    walk(value);
    const [owner, key] = pick(places, random);
    const how = random(3);
    if (how === 0) delete owner[key];
    else owner[how === 1 ? key : pick(TOKENS, random)] = pick(VALUES, random);
    return JSON.stringify(value, undefined, random(3));
  } catch {
    return text;
  }
}

/** Rarely: very long lines, deep nesting, very many lines. */
const LARGE: readonly Mutation[] = [
  (text, random) => {
    const [start, end] = span(text, random);
    const piece = text.slice(start, end) || ' ';
    return insert(text, at(text, random), piece.repeat(Math.ceil(LONG / piece.length)));
  },
  (text, random) => insert(text, at(text, random), pick(TOKENS, random).repeat(LONG / 4)),
  (text, random) => insert(text, at(text, random), pick(['{"a":', '[', '(', '{ ', '<a>'], random).repeat(LONG / 5)),
  (text) => text.repeat(Math.ceil(LONG / Math.max(1, text.length))).slice(0, 4 * LONG),
];

function cut(text: string, random: Random): string {
  return text.slice(at(text, random));
}

/** One of the seeds, as it is (one in 64) or with some mutations. */
export function mutated(seeds: readonly string[], others: readonly string[], random: Random): string {
  let text = pick(seeds, random);
  if (random(64) === 0) return text;
  for (let left = 1 + random(random(3) === 0 ? 12 : 4); left > 0; left -= 1)
    text = pick(MUTATIONS, random)(text, random, random(4) === 0 ? others : seeds);
  return random(2000) === 0 ? pick(LARGE, random)(text, random, seeds) : text;
}
