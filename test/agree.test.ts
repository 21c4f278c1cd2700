/** Whatever a host is like: plan, status, doctor and verify say the same about its next boot. */
import { describe, expect, test } from 'vitest';
import { diagnose } from '../src/doctor/diagnose.ts';
import { type Facts, isKnown } from '../src/model.ts';
import { type Origin, origins } from '../src/origin.ts';
import { MAX_KEY } from '../src/own.ts';
import { checkTargets } from '../src/promises.ts';
import { prometheusText } from '../src/render/prometheus.ts';
import { statusOf } from '../src/status.ts';
import { planFor } from '../src/survey.ts';
import { factsOf, type Said, templates } from './support/facts.ts';

const asks = { '/etc/sysctl.d/90-x.conf': 'net.netfilter.nf_conntrack_max = 500000\n' };
const early = { '/etc/modules-load.d/a.conf': 'nf_conntrack\n' };

const planOf = (facts: Facts) => planFor(facts, {}, { templates, version: '0' }).plan;

function nextMax(facts: Facts): Origin['boot'] | undefined {
  return origins(facts).find(({ name }) => name === 'max')?.boot;
}

function metricsOf(facts: Facts): string {
  const beside = { version: '0', now: new Date(0), changes: [], findings: [] };
  return prometheusText(statusOf(facts, beside));
}

/** What each of them says about the next boot and whether something is wrong. */
function said(facts: Facts) {
  const boot = nextMax(facts);
  const plan = planOf(facts);
  const promised = {
    targets: { max: 65536, buckets: 65536, values: {} },
    strategy: 'live',
    before: {},
    options: {},
    bootId: 'another',
  } as const;
  return {
    verdict: plan.sizing.verdict,
    refused: plan.refusals.map(({ code }) => code),
    planIsUnsure: plan.unknowns.some(({ what }) => what.startsWith('what the next boot gives: ')),
    planPromises:
      / the next boot keeps it/.test(plan.sizing.reasons.join()) ||
      plan.unchanged.some(({ item, why }) => item === MAX_KEY && /next boot: /.test(why)),
    status: boot === undefined ? 'none' : isKnown(boot) ? `${boot.value} ${boot.by}` : 'unknown',
    metric: /^ctfix_next_boot_entries_limit /m.test(metricsOf(facts)),
    verifyIsUnsure: checkTargets(facts, promised).unknown.some((text) => text.includes('_max after the next boot')),
    doctor: diagnose(facts).verdict,
  };
}

const UNSURE = { planIsUnsure: true, planPromises: false, status: 'unknown', metric: false, verifyIsUnsure: true };
const QUIET = { verdict: 'nothing', refused: [], doctor: 'well' };

describe('what is decided elsewhere is unknown to all of them', () => {
  test.each<[string, Said]>([
    ['a child namespace', { table: { namespace: 'child' } }],
    ['one in which files ask for more', { table: { namespace: 'child' }, files: { ...asks, ...early } }],
    ['a container', { table: { namespace: 'child', writable: false }, machine: { container: 'docker' } }],
    [
      'one that asks for more',
      { table: { namespace: 'child', writable: false }, machine: { container: 'docker' }, files: asks },
    ],
    ['one with the network of its host', { machine: { container: 'docker' }, files: asks }],
  ])('%s', (_, host) => {
    expect(said(factsOf(host))).toEqual({ ...QUIET, ...UNSURE });
  });

  test('what a file asks for there is told, and is not called lost', () => {
    const facts = factsOf({ table: { namespace: 'child' }, files: asks });
    const reason = 'it is decided outside this network namespace; /etc/sysctl.d/90-x.conf:1 asks for 500000';
    expect(nextMax(facts)).toEqual({ unknown: reason });
    expect(origins(facts).flatMap(({ lost }) => lost)).toEqual([]);
    expect(planOf(facts).unknowns.map(({ what }) => what)).toContain(`what the next boot gives: ${reason}`);
  });

  test('a full table is wrong there, too, and what has to be done is done on the host', () => {
    const facts = factsOf({ table: { namespace: 'child', count: 65_000 }, machine: { container: 'docker' } });
    expect(said(facts)).toMatchObject({ verdict: 'needed', refused: ['container'], doctor: 'found' });
    expect(JSON.stringify(diagnose(facts).findings)).toContain('on the host: ');
  });

  test('whatever a plan calls needed is wrong there', () => {
    const facts = factsOf({ table: { namespace: 'child', count: 44_000 } });
    expect(said(facts)).toMatchObject({ verdict: 'needed', doctor: 'found' });
  });
});

describe('what only the settings of kube-proxy tell, too', () => {
  const firewalls: Said['firewalls'] = [{ name: 'kube-proxy', state: 'active', takesAlong: [] }];
  test.each<[string, Said]>([
    ['more than it computes', { firewalls, table: { max: 200_000 } }],
    [
      'more than a file asks for',
      { firewalls, table: { max: 600_000, buckets: 262_144 }, files: { ...asks, ...early } },
    ],
  ])('%s', (_, host) => {
    const facts = factsOf(host);
    expect(said(facts)).toEqual({ ...QUIET, ...UNSURE });
    expect(diagnose(facts).unseen.map(({ what }) => what)).toEqual(['what the next boot gives']);
  });

  test('less than a file asks for is wrong, and is told once', () => {
    const facts = factsOf({ firewalls, table: { max: 400_000, buckets: 262_144 }, files: { ...asks, ...early } });
    const all = { ...QUIET, ...UNSURE, verdict: 'needed', doctor: 'found' };
    expect(said(facts)).toEqual(all);
    const { findings, unseen } = diagnose(facts);
    expect([findings.map(({ code }) => code), unseen]).toEqual([['kube-proxy'], []]);
  });

  test('a plan that changes something says what kube-proxy may do', () => {
    const facts = factsOf({ firewalls, table: { max: 2_000_000 } });
    expect(planOf(facts).sizing.verdict).toBe('needed');
    expect(planOf(facts).notes.join()).toContain('to keep 2,000,000, let kube-proxy leave max alone');
  });

  test('its own figure is known to all of them', () => {
    const facts = factsOf({ firewalls, table: { max: 131_072 } });
    expect(said(facts)).toMatchObject({ ...QUIET, planIsUnsure: false, status: '131072 kube-proxy', metric: true });
    expect(planOf(facts).sizing.reasons[0]).toContain('kube-proxy owns max, and the next boot keeps it');
  });
});

test('what this host decides itself is known to all of them', () => {
  expect(said(factsOf())).toEqual({
    ...QUIET,
    planIsUnsure: false,
    planPromises: true,
    status: '65536 kernel',
    metric: true,
    verifyIsUnsure: false,
  });
});
