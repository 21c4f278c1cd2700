/** The status as Prometheus' text format, for the textfile collector: what node_exporter does not export. Pure. */
import { isKnown, known, type Maybe } from '../model.ts';
import type { Origin } from '../origin.ts';
import type { Status } from '../status.ts';
import { escapeLine } from './escape.ts';

type Sample = { readonly value: number; readonly labels?: Readonly<Record<string, string>> };

type Family = {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly samples: readonly Sample[];
};

/**
 * Metric families with HELP and TYPE, in base units, without timestamps; what is unknown or absent has no sample, and a
 * family without samples is left out. Source: prometheus.io/docs/instrumenting/exposition_formats.
 */
export function prometheusText(status: Status): string {
  return [...aboutTable(status), ...aboutValues(status), driftFamily(status), ...aboutChanges(status)]
    .map(familyText)
    .join('');
}

function familyText({ name, type, help, samples }: Family): string {
  if (samples.length === 0) return '';
  const rows = samples.map(({ value, labels }) => `${name}${labelText(labels)} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${rows.join('')}`;
}

function labelText(labels: Sample['labels']): string {
  if (labels === undefined) return '';
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${quoted(value)}"`);
  return `{${pairs.join(',')}}`;
}

/** Label values escape backslash, quote and line feed; what a terminal would obey is written out before. */
function quoted(text: string): string {
  return escapeLine(text).replace(/[\\"]/g, '\\$&');
}

function gauge(name: string, help: string, value: Maybe<number> | undefined): Family {
  const samples = value !== undefined && isKnown(value) ? [{ value }] : [];
  return { name: `ctfix_${name}`, type: 'gauge', help, samples };
}

function aboutTable({ ctfix, host, module, table, drops }: Status): Family[] {
  const live = table?.buckets;
  const info = { version: ctfix, kernel: host.kernel, module: module.state, netns: known(module.namespace) ?? '' };
  const longChains = drops === undefined ? undefined : known(drops)?.find(({ name }) => name === 'chaintoolong');
  return [
    { name: 'ctfix_info', type: 'gauge', help: 'The host as ctfix sees it.', samples: [{ value: 1, labels: info }] },
    gauge(
      'module_loaded',
      '1 where nf_conntrack is loaded or built in, 0 where it is not.',
      moduleLoaded(module.state),
    ),
    gauge('buckets', 'Buckets of the connection tracking hash.', live),
    gauge('chain_length_average', 'Entries in an average bucket: 2 * entries / buckets.', table?.chain),
    {
      name: 'ctfix_chaintoolong_total',
      type: 'counter',
      help: 'Flows not inserted because their bucket had too many entries.',
      samples: longChains === undefined ? [] : [{ value: longChains.total }],
    },
  ];
}

/** A module that is being unloaded is neither. */
function moduleLoaded(state: Status['module']['state']): number | undefined {
  return { loaded: 1, builtin: 1, absent: 0, unloading: undefined }[state];
}

function aboutValues({ origins, target }: Status): Family[] {
  const value = (name: string, pick: (origin: Origin) => Maybe<{ readonly value: string }> | undefined) => {
    const origin = origins.find((each) => each.name === name);
    const found = origin === undefined ? undefined : pick(origin);
    return found !== undefined && isKnown(found) ? Number(found.value) : undefined;
  };
  const asked = 'that the configuration asks for, whether or not anything applies it';
  const limit = 'nf_conntrack_max, 0 for no limit,';
  return [
    gauge(
      'configured_entries_limit',
      `${limit} ${asked}.`,
      value('max', (origin) => origin.asked),
    ),
    gauge(
      'configured_buckets',
      `Buckets ${asked}.`,
      value('buckets', (origin) => origin.asked),
    ),
    gauge(
      'next_boot_entries_limit',
      `${limit} after the next boot.`,
      value('max', (origin) => origin.boot),
    ),
    gauge(
      'next_boot_buckets',
      'Buckets after the next boot.',
      value('buckets', (origin) => origin.boot),
    ),
    gauge('target_entries_limit', `${limit} that the last change of ctfix promised.`, target?.max),
    gauge('target_buckets', 'Buckets that the last change of ctfix promised.', target?.buckets),
  ];
}

function driftFamily({ drift, target }: Status): Family {
  const sample = (between: string, value: number | undefined) =>
    value === undefined ? [] : [{ value, labels: { between } }];
  return {
    name: 'ctfix_drift_values',
    type: 'gauge',
    help: 'Values that are not the same in both; between configuration and next boot: lines without effect.',
    samples: [
      ...sample('now_and_next_boot', drift.nowAndBoot),
      ...sample('configuration_and_next_boot', drift.lost),
      ...sample('target_and_now', target === undefined ? undefined : drift.targetNow),
      ...sample('target_and_next_boot', target === undefined ? undefined : drift.targetBoot),
    ],
  };
}

function aboutChanges({ at, change, pending }: Status): Family[] {
  const made = change === undefined ? undefined : known(change);
  const left = pending === undefined ? undefined : known(pending.secondsLeft);
  const unfinished = made === undefined ? 0 : Number(made.outcome === 'unfinished' || made.outcome === 'stuck');
  const told = change === undefined || isKnown(change);
  return [
    gauge(
      'pending_confirm',
      '1 while a change waits for ctfix confirm.',
      told ? Number(pending !== undefined) : undefined,
    ),
    gauge(
      'pending_confirm_deadline_timestamp_seconds',
      'When the change that waits goes back by itself.',
      left === undefined ? undefined : Math.round(seconds(at) + left),
    ),
    gauge('change_unfinished', '1 while a change is neither complete nor taken back.', told ? unfinished : undefined),
    gauge(
      'last_change_timestamp_seconds',
      'When the last change of ctfix was made.',
      made === undefined || Number.isNaN(seconds(made.at)) ? undefined : seconds(made.at),
    ),
  ];
}

/** Seconds since 1970 of an ISO 8601 time; NaN where it is none. */
function seconds(iso: string): number {
  return Date.parse(iso) / 1000;
}
