import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { prometheusText } from '../../src/render/prometheus.ts';
import { type Beside, statusOf } from '../../src/status.ts';
import { APPLIED } from '../support/change-record.ts';
import { factsOf, type Said } from '../support/facts.ts';
import { anyHost } from '../support/hosts-any.ts';
import { hostile, leftControls, spoil } from './support.ts';

const beside: Beside = { version: '0.1.0', now: new Date('2026-11-24T06:00:00Z'), changes: [], findings: [] };
const metrics = (said: Said, more: Partial<Beside> = {}) =>
  prometheusText(statusOf(factsOf(said), { ...beside, ...more }));
const sample = (text: string, name: string) => new RegExp(`^ctfix_${name}(?:\\{[^}]*\\})? (.*)$`, 'm').exec(text)?.[1];
const change = { ...APPLIED, targets: { max: 131072, buckets: 65536, values: {} } } as const;

describe('samples', () => {
  test.each<[string, Said, string, string | undefined]>([
    ['chain', { table: { count: 32768 } }, 'chain_length_average', '1'],
    ['buckets', {}, 'buckets', '65536'],
    ['buckets that are unknown', { table: { buckets: { unknown: 'no' } } }, 'buckets', undefined],
    ['loaded', {}, 'module_loaded', '1'],
    ['absent', { module: { state: 'absent' } }, 'module_loaded', '0'],
    ['being unloaded', { module: { state: 'unloading' } }, 'module_loaded', undefined],
    ['an absent module has no buckets', { module: { state: 'absent' } }, 'buckets', undefined],
    ['a tree tells no kernel', { kind: 'sysroot' }, 'buckets', undefined],
    [
      'chaintoolong',
      { table: { counters: { drop: 0, chainlength: 7 }, countersLater: { drop: 0, chainlength: 7 } } },
      'chaintoolong_total',
      '7',
    ],
    [
      'a kernel without it',
      { table: { counters: { drop: 0 }, countersLater: { drop: 0 } } },
      'chaintoolong_total',
      undefined,
    ],
    [
      'configured',
      { files: { '/etc/sysctl.d/9.conf': 'net.netfilter.nf_conntrack_max=7\n' } },
      'configured_entries_limit',
      '7',
    ],
    [
      'next boot',
      { files: { '/etc/sysctl.d/9.conf': 'net.netfilter.nf_conntrack_max=7\n' } },
      'next_boot_entries_limit',
      '65536',
    ],
    ['nothing configured', {}, 'configured_entries_limit', undefined],
    ['the next boot of a child namespace', { table: { namespace: 'child' } }, 'next_boot_entries_limit', undefined],
    ['target', { lastChange: change }, 'target_entries_limit', '131072'],
    ['no target', {}, 'target_entries_limit', undefined],
  ])('%s', (_, said, name, value) => expect(sample(metrics(said), name)).toBe(value));

  test.each<[string, Partial<Beside>, string, string | undefined]>([
    ['nothing waits', {}, 'pending_confirm', '0'],
    ['nobody knows', { changes: { unknown: 'damaged' } }, 'pending_confirm', undefined],
    ['or whether one is unfinished', { changes: { unknown: 'damaged' } }, 'change_unfinished', undefined],
    [
      'one waits',
      { changes: [{ ...change, pendingConfirm: { until: 5100, bootId: change.bootId } }] },
      'pending_confirm',
      '1',
    ],
    [
      'until',
      { changes: [{ ...change, pendingConfirm: { until: 5100, bootId: change.bootId } }] },
      'pending_confirm_deadline_timestamp_seconds',
      '1795500100',
    ],
    ['unfinished', { changes: [{ ...change, outcome: 'unfinished' }] }, 'change_unfinished', '1'],
    ['stuck', { changes: [{ ...change, outcome: 'stuck' }] }, 'change_unfinished', '1'],
    ['when', { changes: [change] }, 'last_change_timestamp_seconds', '1795496400'],
    ['a time that is none', { changes: [{ ...change, at: 'noon' }] }, 'last_change_timestamp_seconds', undefined],
  ])('%s', (_, more, name, value) => expect(sample(metrics({}, more), name)).toBe(value));

  test('drift, between each two', () => {
    const files = { '/etc/sysctl.d/9.conf': 'net.netfilter.nf_conntrack_max=500000\n' };
    const text = metrics(
      { files, table: { max: 90000 }, lastChange: change },
      { findings: [{ when: 'now' }, { when: 'next-boot' }, { when: 'now' }] },
    );
    expect(text.match(/^ctfix_drift_values.*$/gm)).toEqual([
      'ctfix_drift_values{between="now_and_next_boot"} 1',
      'ctfix_drift_values{between="configuration_and_next_boot"} 1',
      'ctfix_drift_values{between="target_and_now"} 2',
      'ctfix_drift_values{between="target_and_next_boot"} 1',
    ]);
  });
});

const LABEL = String.raw`[a-z_]+="(?:[^"\\\n]|\\["\\n])*"`;
const SAMPLE = new RegExp(String.raw`^(ctfix_[a-z_]+)(?:\{${LABEL}(?:,${LABEL})*\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$`);

describe('laws', () => {
  test('every line is HELP, TYPE or a sample of the family above it; no family and no sample comes twice', () => {
    fc.assert(
      fc.property(anyHost, fc.infiniteStream(hostile), fc.boolean(), (facts, texts, changed) => {
        const changes = changed ? [change] : [];
        const spoilt = spoil(
          statusOf(facts, { ...beside, changes }),
          ['ctfix', 'kernel', 'unknown'],
          () => texts.next().value ?? '',
        );
        const text = prometheusText(spoilt);
        expect(leftControls(text)).toEqual([]);
        expect(text.endsWith('\n')).toBe(true);
        const families: string[] = [];
        const samples = new Set<string>();
        for (const line of text.split('\n').slice(0, -1)) {
          const help = /^# HELP (ctfix_[a-z_]+) [^\\]+$/.exec(line)?.[1];
          const type = /^# TYPE (ctfix_[a-z_]+) (gauge|counter)$/.exec(line)?.[1];
          if (help !== undefined) families.push(help);
          else if (type !== undefined) expect(type).toBe(families.at(-1));
          else {
            expect(SAMPLE.exec(line)?.[1]).toBe(families.at(-1));
            const key = line.slice(0, line.lastIndexOf(' '));
            expect(samples).not.toContain(key);
            samples.add(key);
          }
        }
        expect(new Set(families).size).toBe(families.length);
      }),
    );
  });
});
