import { describe, expect, test } from 'vitest';
import type { RulesText } from '../src/model.ts';
import { compareRules, loadsFor, reorder, survivors } from '../src/reload-compare.ts';

const table = (name: string, rule = 'ct state new accept') =>
  `table inet ${name} {\n\tchain c {\n\t\t${rule}\n\t}\n}\n`;
const saved = (...rules: string[]) =>
  ['*filter', ':INPUT DROP [0:0]', ':FORWARD ACCEPT [0:0]', ':f2b - [0:0]', ...rules, 'COMMIT', ''].join('\n');
const SET = 'create s hash:ip family inet\nadd s 1.2.3.4\n';

const RECORD: RulesText = {
  nft: `${table('a') + table('b')}table ip filter {\n}\n`,
  nftState: `${table('a', 'ct state new counter packets 5 bytes 9') + table('b')}table ip filter {\n}\n`,
  managed: ['ip filter'],
  'iptables-nft': saved('-A INPUT -m conntrack --ctstate NEW -j f2b', '-A f2b -s 1.1.1.1/32 -j DROP'),
  ipset: SET,
};

describe('compareRules', () => {
  test('the same rules are the same, whatever the counters and the order of tables', () => {
    const now = { ...RECORD, nft: `table ip filter {\n}\n${table('b')}${table('a')}` };
    const counted = { ...now, 'iptables-nft': RECORD['iptables-nft']?.replace('[0:0]', '[7:9]') ?? '' };
    expect(compareRules(RECORD, counted)).toEqual({ missing: [], foreign: [] });
  });

  test('the guard is neither missing nor new, and never loaded', () => {
    const guard = table('ctfix_guard', 'counter packets 1 bytes 1 drop');
    const guarded = { ...RECORD, nft: RECORD.nft + guard, nftState: RECORD.nftState + guard };
    expect(compareRules(RECORD, guarded)).toEqual({ missing: [], foreign: [] });
    expect(compareRules(guarded, RECORD)).toEqual({ missing: [], foreign: [] });
  });

  test.each<[string, Partial<RulesText>, string[]]>([
    ['a table that is gone', { nft: `${table('b')}table ip filter {\n}\n` }, ['nft inet a']],
    ['a rule that is another', { nft: table('a', 'drop') + table('b') }, ['nft inet a']],
    [
      'a policy',
      { 'iptables-nft': RECORD['iptables-nft']?.replace('DROP', 'ACCEPT') ?? '' },
      ['iptables-nft filter INPUT'],
    ],
    ['a chain', { 'iptables-nft': saved('-A INPUT -m conntrack --ctstate NEW -j f2b') }, ['iptables-nft filter f2b']],
    ['all of iptables', { 'iptables-nft': '' }, ['iptables-nft filter INPUT', 'iptables-nft filter f2b']],
    ['a member of a set', { ipset: 'create s hash:ip family inet\n' }, ['ipset s']],
  ])('%s is missing', (_, now, missing) => {
    expect(compareRules(RECORD, { ...RECORD, ...now }).missing).toEqual(missing);
  });

  test('iptables tables are compared in the words of iptables, even while they are empty and nobody warns', () => {
    const now: RulesText = {
      nft: `${table('a') + table('b')}table ip filter {\n\tchain INPUT {\n\t}\n}\n`,
      ipset: SET,
    };
    expect(compareRules(RECORD, now).missing).toEqual(['iptables-nft filter INPUT', 'iptables-nft filter f2b']);
  });

  test('what nobody took down and somebody changed since is theirs; so is what is new', () => {
    const down: RulesText = { nft: table('b'), 'iptables-nft': saved('-A f2b -s 1.1.1.1/32 -j DROP'), ipset: SET };
    const kept = survivors(RECORD, { ...down, managed: ['ip filter'] });
    expect(kept).toContain('nft inet b');
    expect(kept).toContain('iptables-nft filter f2b');
    expect(kept).not.toContain('nft inet a');
    const banned = RECORD['iptables-nft']?.replace('1.1.1.1', '2.2.2.2') ?? '';
    const now = { ...RECORD, nft: table('a') + table('b', 'drop') + table('new'), 'iptables-nft': banned };
    expect(compareRules(RECORD, now, kept)).toEqual({
      missing: [],
      foreign: ['nft inet b', 'iptables-nft filter f2b', 'nft inet new'],
    });
    expect(compareRules(RECORD, now).missing).toEqual(['nft inet b', 'iptables-nft filter f2b']);
  });
});

describe('loadsFor', () => {
  test('sets first, nft tables with their state in one transaction, iptables chain by chain', () => {
    const loads = loadsFor(RECORD, ['nft inet a', 'ipset s', 'iptables-nft filter INPUT', 'iptables-nft filter f2b']);
    expect(loads.map(({ command, input }) => ({ command, input }))).toEqual([
      { command: { ipset: 'restore' }, input: 'create s hash:ip family inet\nflush s\nadd s 1.2.3.4\n' },
      {
        command: { rules: 'nft', how: 'transaction' },
        input: `add table inet a\ndelete table inet a\n${table('a', 'ct state new counter packets 5 bytes 9')}`,
      },
      {
        command: { rules: 'iptables-nft', how: 'transaction' },
        input: [
          '*filter',
          ':INPUT DROP [0:0]',
          ':f2b - [0:0]',
          '-F INPUT',
          '-A INPUT -m conntrack --ctstate NEW -j f2b',
          '-A f2b -s 1.1.1.1/32 -j DROP',
          'COMMIT',
          '',
        ].join('\n'),
      },
    ]);
  });

  test('nothing missing, nothing loaded; a chain alone leaves the others as they are', () => {
    expect(loadsFor(RECORD, [])).toEqual([]);
    expect(loadsFor(RECORD, ['iptables-nft filter f2b']).map(({ input }) => input)).toEqual([
      '*filter\n:f2b - [0:0]\n-A f2b -s 1.1.1.1/32 -j DROP\nCOMMIT\n',
    ]);
  });
});

describe('reorder', () => {
  const text = (...names: string[]) => names.map((name) => table(name)).join('');
  const order = (wanted: string[], now: string[], managed: string[] = []) => {
    const input = reorder({ nft: text(...wanted) }, { nftState: text(...now), managed });
    return input?.match(/^delete table inet \S+/gm)?.map((line) => line.slice('delete table inet '.length));
  };

  test.each([
    [['a', 'b', 'c'], ['a', 'b', 'c'], undefined],
    [['a', 'b', 'c'], ['c', 'a', 'b'], ['c']],
    [
      ['a', 'b', 'c'],
      ['b', 'a', 'c'],
      ['b', 'c'],
    ],
    [['a', 'b', 'c'], ['a', 'x', 'c', 'b'], ['c']],
    [['a', 'b'], ['b'], undefined],
    [[], ['x'], undefined],
  ])('%j, now %j: %j are made again', (wanted, now, moved) => {
    expect(order(wanted, now)).toEqual(moved);
    // Appending what was deleted gives the recorded order.
    const after = [...now.filter((name) => !moved?.includes(name)), ...(moved ?? [])];
    expect(after.filter((name) => wanted.includes(name))).toEqual(wanted.filter((name) => now.includes(name)));
  });

  test('a table that nft cannot load, or may not delete, is left where it is', () => {
    expect(order(['a', 'b'], ['b', 'a'], ['inet b'])).toBeUndefined();
    const owned = table('b').replace('\tchain', '\tflags owner,persist\n\tchain');
    expect(reorder({ nft: text('a', 'b') }, { nftState: owned + text('a') })).toBeUndefined();
  });
});
