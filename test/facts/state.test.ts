import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lookAt } from '../../src/facts/look.ts';
import { gatherState, parseState } from '../../src/facts/state.ts';
import type { FileStat, ReadHost } from '../../src/host/host.ts';
import { lookedAt } from '../support/looked-at.ts';

const change = (id: string, outcome: string) => ({
  id,
  at: '2026-01-01T00:00:00Z',
  bootId: 'b',
  uptime: 5,
  outcome,
  options: {},
  strategy: 'live',
  targets: { max: 1, buckets: 2, values: { tcp_loose: '1' } },
  before: { max: 1 },
});
const state = (...changes: unknown[]) => JSON.stringify({ schema: 'ctfix.state/v1', changes });

test.each([
  ['the newest applied one', state(change('a', 'applied'), change('b', 'applied'), change('c', 'rolled-back')), 'b', 0],
  ['none applied', state(change('a', 'undone')), undefined, 0],
  ['none at all', state(), undefined, 0],
  ['not JSON', '{', undefined, 1],
  ['cut off', state(change('a', 'applied')).slice(0, -9), undefined, 1],
  ['another schema', '{"schema":"ctfix.state/v9","changes":[]}', undefined, 1],
  ['no list', '{"schema":"ctfix.state/v1","changes":{}}', undefined, 1],
  ['null', 'null', undefined, 1],
  [
    'one is broken, the others count',
    state(change('a', 'applied'), { ...change('b', 'applied'), targets: { max: 'x' } }),
    'a',
    1,
  ],
  [
    'a value that is no text',
    state({ ...change('a', 'applied'), targets: { max: 1, buckets: 1, values: { x: 1 } } }),
    undefined,
    1,
  ],
])('%s', (_, text, id, problems) => {
  const found = parseState(text);
  expect(found.lastChange?.id).toBe(id);
  expect(found.problems).toHaveLength(problems);
});

test('no JSON makes it throw', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(parseState(text).lastChange).toBeUndefined();
      parseState(`{"schema":"ctfix.state/v1","changes":[${text}]}`);
    }),
  );
});

const DIR = '/var/lib/ctfix';
const FILE = `${DIR}/state.json`;

describe('root believes it only where nobody else can have written it', () => {
  const seen = async (odd: Record<string, Partial<FileStat>>, as: Partial<ReadHost> = {}) => {
    const host = lookedAt({ files: { [FILE]: state(change('a', 'applied')) } });
    const stat: ReadHost['stat'] = async (path) => {
      const found = await host.stat(path);
      return found && { ...found, ...odd[path] };
    };
    return gatherState(lookAt({ ...host, stat, ...as }));
  };
  const ODD: [string, Partial<FileStat>, string][] = [
    [FILE, { uid: 1000 }, 'belongs to the user with id 1000'],
    [FILE, { mode: 0o666 }, 'can be written by others'],
    [FILE, { mode: 0o664 }, 'can be written by others'],
    [FILE, { kind: 'link' }, 'is not a regular file'],
    [DIR, { uid: 1000 }, 'belongs to the user with id 1000'],
    [DIR, { mode: 0o777 }, 'can be written by others'],
    [DIR, { kind: 'link' }, 'is not a directory'],
    ['/var/lib', { uid: 33 }, 'belongs to the user with id 33'],
    ['/var', { mode: 0o1777 }, 'can be written by others'],
    ['/var', { kind: 'link', uid: 1000 }, 'belongs to the user with id 1000'],
  ];

  test.each(ODD)('%s %j: a problem', async (path, stat, why) => {
    const { lastChange, problems } = await seen({ [path]: stat });
    expect(lastChange).toBeUndefined();
    expect(problems).toMatchObject([{ file: FILE, what: expect.stringContaining(`${path} ${why}`) }]);
  });

  test.each<[string, Record<string, Partial<FileStat>>, Partial<ReadHost>]>([
    ['as ctfix makes them', { [FILE]: { mode: 0o644 } }, {}],
    ["/var is a link of root's, whose mode means nothing", { '/var': { kind: 'link', mode: 0o777 } }, {}],
    ['who is not root has nothing better', { [FILE]: { uid: 1000 } }, { root: false }],
    ['below another root', { [FILE]: { uid: 1000 } }, { kind: 'sysroot' }],
    ['in a recording', { [DIR]: { uid: 1000 } }, { kind: 'recorded' }],
  ])('believed: %s', async (_, odd, as) =>
    expect(await seen(odd, as)).toMatchObject({ lastChange: { id: 'a' }, problems: [] }),
  );

  test('no directory of ctfix, no problem with those above it', async () => {
    const given: FileStat = { kind: 'dir', mode: 0o777, uid: 33, gid: 33, inode: 1, links: 1, size: 0 };
    const stat: ReadHost['stat'] = async (path) => (path.startsWith(DIR) ? undefined : given);
    expect(await gatherState(lookAt({ ...lookedAt({}), stat }))).toEqual({ problems: [] });
  });
});
