/** Every kind of step and command that a plan can hold is in the schema; the types make this list complete. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Action, FirewallName, HostCommand, ReloadStep, RulesTool } from '../src/model.ts';
import { faultOf } from '../src/schema.ts';

const schema = JSON.parse(readFileSync(new URL('../docs/plan-v1.schema.json', import.meta.url), 'utf8'));
const fault = (name: string, value: unknown) => faultOf({ $defs: schema.$defs, ...schema.$defs[name] }, value);

const NAMES: Record<FirewallName, true> = {
  ufw: true,
  iptables: true,
  ip6tables: true,
  'netfilter-persistent': true,
  nftables: true,
  firewalld: true,
  docker: true,
  'kube-proxy': true,
};
const TOOLS: Record<RulesTool, true> = {
  nft: true,
  'iptables-nft': true,
  'ip6tables-nft': true,
  'iptables-legacy': true,
  'ip6tables-legacy': true,
};
const names = Object.keys(NAMES) as FirewallName[];
const tools = Object.keys(TOOLS) as RulesTool[];
const unit = 'fail2ban.service';

/** A kind that is new in the model does not compile until it is here, and is red until it is in the schema. */
const STEPS: { readonly [K in ReloadStep['step']]: readonly Extract<ReloadStep, { step: K }>[] } = {
  record: [{ step: 'record', what: 'the ruleset' }],
  stop: names.flatMap((name) => [
    { step: 'stop', unit, name },
    { step: 'stop', unit, name, along: true },
  ]),
  'clear-rules': [...tools, 'netfilter-persistent' as const].map((tool) => ({ step: 'clear-rules', tool })),
  'prove-down': [{ step: 'prove-down' }],
  unload: [{ step: 'unload', module: 'nf_conntrack' }],
  load: [{ step: 'load', module: 'nf_conntrack' }],
  'write-back': [{ step: 'write-back' }],
  start: names.map((name) => ({ step: 'start', unit, name })),
  'load-rules': tools.map((tool) => ({ step: 'load-rules', tool })),
  'prove-rules': [{ step: 'prove-rules' }, { step: 'prove-rules', along: true }],
  'start-along': [{ step: 'start-along', unit }],
  'guard-up': [{ step: 'guard-up' }],
  'guard-down': [{ step: 'guard-down' }],
  'save-flows': [{ step: 'save-flows' }],
  'drain-flows': [{ step: 'drain-flows' }],
  'restore-flows': [{ step: 'restore-flows' }],
};

const ACTIONS: { readonly [K in Action['do']]: readonly Extract<Action, { do: K }>[] } = {
  'write-file': [
    { do: 'write-file', path: '/etc/a', mode: 0o644, why: 'new', after: 'x' },
    { do: 'write-file', path: '/etc/a', mode: 0o644, why: 'gone', before: 'x' },
  ],
  'set-value': [{ do: 'set-value', path: '/proc/sys/a', name: 'a', before: '1', after: '2', why: 'more' }],
  refresh: [{ do: 'refresh', command: { udev: 'reload' }, why: 'seen' }],
  reload: Object.values(STEPS)
    .flat()
    .map((step) => ({ do: 'reload', step, why: 'asked' })),
};

const actions = Object.values(ACTIONS).flat();

test('there is one of each kind', () => expect(actions.length).toBeGreaterThan(45));

test.each(actions.map((action) => [JSON.stringify(action), action]))('%s', (_, action) => {
  expect(fault('action', action)).toBeUndefined();
});

describe('what runs a program or talks to people is no part of a plan, and a file cannot bring it in', () => {
  const run = ['/bin/sh', '-c', 'id'] as const;
  const commands: HostCommand[] = [
    { service: 'x', run, after: run },
    { timer: 'x', seconds: 1, run },
    { interrupt: 'x' },
    { wall: 'x' },
  ];
  test.each(commands)('%j', (command) => {
    expect(fault('action', { do: 'refresh', command, why: '' })).toBeDefined();
  });
});
