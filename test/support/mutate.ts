/** Values that are almost right: one place of a JSON value is another thing, gone, or has another name. */
import fc from 'fast-check';
import { hostile } from '../render/support.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What somebody could put in a place. */
const anything: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(null, true, false, 0, -1, 1, 0.5, 1e300, 2 ** 53, 131_072, '', [], {}, '65536'),
  fc.constantFrom<Json>('/etc/shadow', '../../etc/passwd', 'unload', 'reload', 'nothing', 'sysroot', '__proto__'),
  fc.constantFrom<Json>({ unknown: 'x' }, { unit: 'start', name: 'evil.service' }, { share: 2 }, [[[]]]),
  hostile,
  fc.integer({ min: 1, max: 2 ** 31 }),
);

type Edit = { readonly where: number; readonly how: 'set' | 'remove' | 'rename' | 'add'; readonly value: Json };

const edit: fc.Arbitrary<Edit> = fc.record({
  where: fc.nat(),
  how: fc.constantFrom('set', 'set', 'set', 'remove', 'rename', 'add'),
  value: anything,
});

/** Copies of a value with one to three places spoilt. */
export function mutations<T>(value: T): fc.Arbitrary<unknown> {
  return fc.array(edit, { minLength: 1, maxLength: 3 }).map((edits) => edits.reduce(spoilt, plain(value)));
}

const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as Json;

function spoilt(value: Json, { where, how, value: next }: Edit): Json {
  const copy = plain(value);
  const places: [Record<string, Json>, string][] = [];
  const walk = (inner: Json) => {
    if (typeof inner !== 'object' || inner === null) return;
    for (const key of Object.keys(inner)) {
      places.push([inner as Record<string, Json>, key]);
      walk((inner as Record<string, Json>)[key] ?? null);
    }
  };
  walk(copy);
  const [owner, key] = places[where % Math.max(1, places.length)] ?? [{}, ''];
  if (how === 'set') owner[key] = next;
  else if (Array.isArray(owner)) owner.splice(Number(key), how === 'add' ? 0 : 1, ...(how === 'remove' ? [] : [next]));
  else {
    const name = how === 'add' ? 'other' : typeof next === 'string' ? next : 'renamed';
    const old = owner[key] ?? null;
    if (how !== 'add') delete owner[key];
    if (how !== 'remove') Object.defineProperty(owner, name, { value: how === 'add' ? next : old, ...OPEN });
  }
  return copy;
}

/** A member as JSON.parse makes it, `__proto__` too. */
const OPEN = { enumerable: true, writable: true, configurable: true };
