import { describe, expect, test } from 'vitest';
import {
  follows,
  installedUnits,
  type OwnerTraces,
  owners,
  parseShow,
  showArgv,
  unitState,
} from '../../src/facts/firewalls.ts';

const unit = (id: string, active: string, more = '') => `Id=${id}\nLoadState=loaded\nActiveState=${active}\n${more}`;
const traces = (more: Partial<OwnerTraces>): OwnerTraces => ({
  shown: new Map(),
  activeFollowers: new Set(),
  unasked: { units: [], why: '' },
  processes: [],
  ufwEnabled: undefined,
  ...more,
});
const states = (more: Partial<OwnerTraces>) => owners(traces(more)).map(({ name, unit, state }) => [name, unit, state]);

test('one call for all units', () => {
  expect(showArgv(['a.service', 'b.service'], ['Id', 'ActiveState'])).toEqual([
    'systemctl',
    'show',
    '--no-pager',
    '--property=Id,ActiveState',
    '--',
    'a.service',
    'b.service',
  ]);
  expect(installedUnits(['x', 'firewalld.service', 'ufw.service'])).toEqual(['ufw.service', 'firewalld.service']);
});

test('an alias is there once, by its real name', () => {
  const shown = parseShow(
    [unit('netfilter-persistent.service', 'active'), unit('netfilter-persistent.service', 'active')].join('\n'),
  );
  expect(states({ shown })).toEqual([['netfilter-persistent', 'netfilter-persistent.service', 'active']]);
});

test.each([
  ['active', 'active'],
  ['reloading', 'active'],
  ['activating', 'active'],
  ['deactivating', 'active'],
  ['inactive', 'inactive'],
  ['failed', 'failed'],
])('%s counts as %s', (state, expected) => expect(unitState(state)).toBe(expected));

test('a state nobody knows is unknown', () => {
  expect(unitState('maintenance')).toEqual({ unknown: expect.stringContaining('maintenance') });
  expect(unitState(undefined)).toEqual({ unknown: expect.any(String) });
});

test('what a stop takes along: followers that are active', () => {
  const shown = parseShow(
    unit(
      'firewalld.service',
      'active',
      'ConsistsOf=fail2ban.service a.service\nBoundBy=b.service\nRequiredBy=a.service\n',
    ),
  );
  expect(follows(shown.get('firewalld.service') ?? {})).toEqual(['a.service', 'b.service', 'fail2ban.service']);
  const [owner] = owners(traces({ shown, activeFollowers: new Set(['fail2ban.service', 'x.service']) }));
  expect(owner?.takesAlong).toEqual(['fail2ban.service']);
});

test('a unit that is not there is no owner', () => {
  expect(states({ shown: parseShow('Id=ufw.service\nLoadState=not-found\nActiveState=inactive\n') })).toEqual([]);
});

describe('ufw', () => {
  const ufw = (active: string, ufwEnabled?: boolean) =>
    states({ shown: parseShow(unit('ufw.service', active)), ufwEnabled })[0]?.[2];
  test.each([
    ['active', true, 'active'],
    ['active', false, 'inactive'],
    ['inactive', false, 'inactive'],
    ['failed', true, 'failed'],
    ['failed', false, 'failed'],
    ['active', undefined, 'active'],
  ])('unit %s, enabled %s: %s', (active, enabled, expected) => expect(ufw(active, enabled)).toBe(expected));
  test('enabled without its unit: nobody knows', () =>
    expect(ufw('inactive', true)).toEqual({ unknown: expect.any(String) }));
});

describe('processes', () => {
  test('kube-proxy without a unit, also inside k3s', () => {
    expect(states({ processes: ['kube-proxy'] })).toEqual([['kube-proxy', undefined, 'active']]);
    expect(states({ processes: ['k3s-server', 'kubelite'] })).toEqual([['kube-proxy', undefined, 'active']]);
  });
  test('a unit that is active covers its process', () => {
    const shown = parseShow(unit('docker.service', 'active'));
    expect(states({ shown, processes: ['dockerd'] })).toEqual([['docker', 'docker.service', 'active']]);
  });
  test('a process beside an inactive unit is the owner', () => {
    const shown = parseShow(unit('docker.service', 'inactive'));
    expect(states({ shown, processes: ['dockerd'] })).toEqual([['docker', undefined, 'active']]);
  });
  test('other names are nobody', () => expect(states({ processes: ['bash', 'constructor'] })).toEqual([]));
});

test('without systemd what is installed is unknown, with the reason', () => {
  expect(states({ unasked: { units: ['nftables.service'], why: 'nobody to ask' } })).toEqual([
    ['nftables', 'nftables.service', { unknown: 'nobody to ask' }],
  ]);
});
