/** A table of hosts for one rule of the doctor. */
import { expect, test } from 'vitest';
import type { DiagnosisFacts } from '../../src/model.ts';
import type { Said } from './facts.ts';
import { findingOf, patient, wordsOf } from './patient.ts';

/** `severity` of the finding, undefined: there is none; `says`: what must be in it. */
export type Row = [
  name: string,
  said: Said,
  looked: Partial<DiagnosisFacts>,
  severity: string | undefined,
  says?: RegExp,
];

export function checkRule(code: string, rows: readonly Row[]): void {
  test.each(rows)('%s', (_, said, looked, severity, says) => {
    const finding = findingOf(patient(said, looked), code);
    expect(finding?.severity).toBe(severity);
    if (says !== undefined) expect(wordsOf(finding)).toMatch(says);
  });
}
