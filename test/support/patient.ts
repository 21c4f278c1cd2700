/** Facts with what only a diagnosis looks at, and the verdict on them. */
import { diagnose } from '../../src/doctor/diagnose.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import type { DiagnosisFacts, Facts } from '../../src/model.ts';
import { factsOf, type Said } from './facts.ts';

/** Looked at as root, and nothing found. */
const quiet: DiagnosisFacts = {
  strayKeys: [],
  unloads: [],
  sample: { unknown: 'not looked at in this test' },
  namespaces: [],
  cloud: { interfaces: [] },
  datapaths: [],
};

/** A host of factsOf, seen by a doctor. */
export function patient(said: Said = {}, looked: Partial<DiagnosisFacts> = {}): Facts {
  return { ...factsOf(said), root: true, diagnosis: { ...quiet, ...looked } };
}

/** Codes of everything that was found, in order, as `severity code`. */
export function found(facts: Facts): string[] {
  return diagnose(facts).findings.map(({ severity, code }) => `${severity} ${code}`);
}

/** The finding of a code; undefined when there is none. */
export function findingOf(facts: Facts, code: string): Finding | undefined {
  return diagnose(facts).findings.find((finding) => finding.code === code);
}

/** Everything that a finding says, to search in. */
export function wordsOf(finding: Finding | undefined): string {
  if (finding === undefined) return '';
  const { what, proof, remedies } = finding;
  return [what, ...proof, ...remedies.flatMap(({ say, command = '' }) => [say, command])].join('\n');
}
