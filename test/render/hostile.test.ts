/** Whatever strings a host, a file or a record holds: nothing that a terminal would obey leaves any renderer. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { History, Outcome, VerifyReport } from '../../src/apply/outcome.ts';
import { CtfixError, HostError } from '../../src/errors.ts';
import { freeze } from '../../src/frozen.ts';
import { sha256 } from '../../src/host/chance.ts';
import type { ChangeRecord } from '../../src/model.ts';
import { movedLines } from '../../src/moved.ts';
import { errorText } from '../../src/render/error.ts';
import { historyText } from '../../src/render/history.ts';
import { json } from '../../src/render/json.ts';
import { outcomeText, progressLine } from '../../src/render/outcome.ts';
import { planMarkdown } from '../../src/render/plan-markdown.ts';
import { savedReport, staleText } from '../../src/render/plan-saved.ts';
import { planChanges, planSummary, planText } from '../../src/render/plan-text.ts';
import { statusText } from '../../src/render/status.ts';
import { topText } from '../../src/render/top.ts';
import { verifyText } from '../../src/render/verify.ts';
import { statusOf } from '../../src/status.ts';
import { countFlow, KEYS, newCensus } from '../../src/top/census.ts';
import { listing } from '../../src/top/listing.ts';
import { topReport } from '../../src/top/report.ts';
import { factsOf } from '../support/facts.ts';
import { facts, plan, refused } from './samples.ts';
import { COLOURED, hostile, leftControls, PLAIN } from './support.ts';

/** What the types close: everything else that is a string can hold anything. */
const CLOSED =
  'do step kind line outcome exit verdict taken strategy state name tool do unit unitFiles module flows udev rules how by';

/** Every string replaced, but for those that tell one form from another. */
function spoilt<T>(value: T, next: () => string): T {
  const walk = (inner: unknown, key: string): unknown => {
    if (typeof inner === 'string') return CLOSED.split(' ').includes(key) ? inner : next();
    if (Array.isArray(inner)) return inner.map((one) => walk(one, key));
    if (typeof inner !== 'object' || inner === null || inner instanceof Date) return inner;
    return Object.fromEntries(Object.entries(inner).map(([name, one]) => [name, walk(one, name)]));
  };
  return walk(value, '') as T;
}

const change: ChangeRecord = {
  id: 'i',
  at: '2026-11-24T05:45:12Z',
  bootId: 'b',
  uptime: 1,
  outcome: 'stuck',
  strategy: 'live',
  options: {},
  targets: { max: 2, buckets: 2, values: { a: '1' } },
  before: {},
};
const values = { before: 'a\nb', after: undefined, now: 'c' };
const outcome: Outcome = {
  exit: 'stuck',
  id: 'i',
  lines: (['done', 'undone', 'already', 'kept', 'conflict', 'failed', 'refused', 'moved', 'todo', 'note'] as const).map(
    (kind) => ({ kind, item: 'i', text: 't', values }),
  ),
};
const verify: VerifyReport = {
  exit: 'pending',
  change,
  findings: [{ item: 'i', when: 'now', wanted: '1', saw: '2', text: 't' }],
  unknown: ['u'],
  waits: ['w'],
  notes: ['n'],
};
const history: History = {
  source: 'journals',
  changes: [change],
  journal: [
    { line: 'begin', schema: 'ctfix.journal/v1', id: 'i', at: 'a', uptime: 1, who: 'w', plan, live: { p: 'v' } },
    { line: 'intend', seq: 0, action: { do: 'write-file', path: '/p', mode: 1, why: 'w', before: 'b' } },
    { line: 'done', seq: 0, saw: 's' },
    { line: 'failed', seq: 0, why: 'w' },
    { line: 'undo', seq: 0, saw: 's' },
    { line: 'end', at: 'a', uptime: 1, outcome: 'stuck', why: 'w', kept: ['k'] },
    { line: 'confirm', at: 'a', uptime: 1, who: 'w' },
  ],
  pending: { id: 'i', secondsLeft: 3 },
};
const moved = [{ what: 'w', planned: 'p', now: 'n' }];
const saved = freeze(plan, facts, new Date('2026-11-24T05:33:10.000Z'), sha256);
const now = new Date('2026-11-24T05:33:10.000Z');

const census = newCensus(KEYS, []);
const flows = listing((flow) => countFlow(census, flow));
flows.feed(
  new TextEncoder().encode(
    'tcp 6 300 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 [ASSURED] use=1\nno flow\n',
  ),
);
flows.end();
const found = { origin: { kind: 'file', name: 'f' }, forms: flows.forms(), bad: flows.bad(), notes: ['n'] } as const;
const top = topReport(census, found, { by: KEYS, rows: 10 }, []);

/** Each renderer over what it is given, every string of it spoilt. */
const RENDERERS: Readonly<Record<string, (spoil: <T>(value: T) => T) => string>> = {
  planText: (spoil) => planText({ plan: spoil(plan), facts: spoil(facts), now }, COLOURED),
  planSummary: (spoil) => planSummary({ plan: spoil(refused), facts: spoil(facts), now }, PLAIN),
  planChanges: (spoil) => planChanges(spoil(plan), COLOURED),
  planMarkdown: (spoil) => planMarkdown({ plan: spoil(plan), facts: spoil(facts), now }),
  savedReport: (spoil) => {
    const report = savedReport(
      { ...spoil(saved), frozen: { ...spoil(saved.frozen), at: saved.frozen.at } },
      spoil(moved),
      spoil(moved),
    );
    return planText(report, PLAIN) + planMarkdown(report);
  },
  staleText: (spoil) => staleText({ moved: spoil(moved), drifted: spoil(moved) }, COLOURED),
  outcomeText: (spoil) =>
    outcomeText('apply', spoil(outcome), COLOURED) +
    outcomeText('rollback', { exit: 'stale', lines: movedLines(spoil(moved)) }, PLAIN),
  progressLine: (spoil) => progressLine(spoil('t'), COLOURED),
  historyText: (spoil) => historyText(spoil(history), COLOURED),
  verifyText: (spoil) => verifyText(spoil(verify), COLOURED),
  statusText: (spoil) =>
    statusText(spoil(statusOf(factsOf({}), { version: '0', now, changes: [change], findings: [] })), COLOURED),
  topText: (spoil) => topText({ ...spoil(top), origin: { kind: 'file', name: spoil('flows') } }, COLOURED),
  errorText: (spoil) =>
    [
      new CtfixError('refused', spoil('m'), { hint: spoil('h') }),
      new HostError(spoil('/p'), 'EIO', spoil('m')),
      new Error(spoil('m')),
      spoil('thrown'),
    ]
      .map((error) => errorText(error, spoil('about')).text)
      .join(''),
  json: (spoil) => json(spoil(outcome)),
};

test.each(Object.entries(RENDERERS))('%s', (_, render) => {
  fc.assert(
    fc.property(fc.array(hostile, { minLength: 5, maxLength: 40 }), (texts) => {
      let at = 0;
      const shown = render((value) => spoilt(value, () => texts[at++ % texts.length] ?? ''));
      expect(at).toBeGreaterThan(0);
      expect(leftControls(shown)).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

/** Renderers whose own tests do the same, by the file that does it. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  doctorText: 'test/doctor/laws.test.ts',
  prometheusText: 'test/render/prometheus.test.ts',
  watchLine: 'test/render/watch.test.ts',
};

test('no renderer of text is left out', () => {
  const root = join(import.meta.dirname, '../..');
  const names = readdirSync(join(root, 'src/render')).flatMap((file) => {
    const source = readFileSync(join(root, 'src/render', file), 'utf8');
    return [...source.matchAll(/^export function (\w+(?:Text|Markdown|Line|Summary|Changes))\(/gm)].map(
      (match) => match[1] ?? '',
    );
  });
  const own = ['escapeText', 'escapeLine'];
  const left = names.filter((name) => !(name in RENDERERS) && !own.includes(name));
  for (const name of left) {
    const text = readFileSync(join(root, ELSEWHERE[name] ?? 'package.json'), 'utf8');
    expect([name, text.includes('leftControls') && text.includes(name)]).toEqual([name, true]);
  }
});
