import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CtfixError } from '../src/errors.ts';
import { freeze } from '../src/frozen.ts';
import { sha256 } from '../src/host/chance.ts';
import { drifted } from '../src/moved.ts';
import { json } from '../src/render/json.ts';
import { planMarkdown } from '../src/render/plan-markdown.ts';
import { savedReport } from '../src/render/plan-saved.ts';
import { planText } from '../src/render/plan-text.ts';
import { isPlanText, parseSaved } from '../src/saved.ts';
import { facts, plan } from './render/samples.ts';
import { COLOURED, leftControls } from './render/support.ts';
import { mutations } from './support/mutate.ts';

const saved = freeze(plan, facts, new Date('2026-11-24T05:33:10.000Z'), sha256);
const text = json(saved);

test('what was saved is what is read, byte order mark or not', () => {
  expect(parseSaved('p.json', text)).toEqual(JSON.parse(text));
  expect(parseSaved('p.json', `\ufeff${text}`)).toEqual(JSON.parse(text));
});

test.each<[string, RegExp]>([
  ['', /^p\.json:1:1: the text is not JSON/],
  [text.slice(0, 300), /^p\.json:\d+:\d+: the text is not JSON/],
  [text.replace('"ctfix":', '"ctfix"'), /^p\.json:3:11: /],
  ['[]', /^p\.json is no plan: it has no "schema"/],
  ['{"schema": 1}', /^p\.json is no plan/],
  ['{"schema": "ctfix.plan/v2"}', /^p\.json is of the kind ctfix\.plan\/v2; this ctfix reads ctfix\.plan\/v1$/],
  ['{"schema": "ctfix.facts/v1"}', /^p\.json is of the kind ctfix\.facts\/v1/],
  [text.replace('"max": 131072', '"max": "131072"'), /^p\.json: \/sizing\/targets\/max is a string, not an integer$/],
  [text.replace('"mode": 420', '"mode": 420.5'), /^p\.json: \/actions\/0\/mode is a number, not an integer$/],
  [json(plan), /^p\.json does not say what it was made from \(\/frozen is missing\)$/],
])('%# is a sentence with a place', (given, message) => {
  expect(() => parseSaved('p.json', given)).toThrow(message);
  expect(() => parseSaved('p.json', given)).toThrow(CtfixError);
});

test.each<[string, boolean]>([
  [text, true],
  ['{"schema": "ctfix.plan/v9"}', true],
  ['{"schema": "ctfix.facts/v1"}', false],
  ['not json', false],
  ['', false],
  ['null', false],
])('%# may be replaced by another plan: %s', (given, is) => expect(isPlanText(given)).toBe(is));

test('a spoilt plan is a sentence, or is shown, and a terminal obeys nothing in it', () => {
  fc.assert(
    fc.property(mutations(saved), (value) => {
      try {
        const read = parseSaved('p.json', json(value));
        const report = savedReport(read, [], drifted(read, facts));
        expect(leftControls(planText(report, COLOURED))).toEqual([]);
        expect(leftControls(planMarkdown(report))).toEqual([]);
      } catch (error) {
        if (!(error instanceof CtfixError)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
});
