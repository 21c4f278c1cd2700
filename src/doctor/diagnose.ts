/** All rules over the facts of a host, and their verdict in order. Pure. */
import type { Facts } from '../model.ts';
import { decidedOutside } from '../nextboot.ts';
import {
  brokenOption,
  builtinOption,
  deadLine,
  duplicates,
  hashsizeAlone,
  staleInitramfs,
  ufwOff,
  unreadConf,
  wrongKey,
} from './dead.ts';
import { cloudLimit, otherDatapath, unloadHangs } from './elsewhere.ts';
import { type Finding, type Rule, type Seen, type Severity, seenOf, type Unseen } from './finding.ts';
import { deadEntries, insertRaces, noLimit } from './flows.ts';
import { namespaceFull, tableFilling, tableFull } from './full.ts';
import { chainRefused, hashTooShort } from './hash.ts';
import { kubeProxy } from './kube-proxy.ts';
import { dropInLost, loweredSince, nextBootLoses } from './lost.ts';
import { anotherOwner, iptablesUnload, loadersDisagree } from './owners.ts';
import { promiseBroken } from './promises.ts';
import { unseenIn } from './unseen.ts';

export type Diagnosis = {
  /** `well`: nothing is wrong in what could be seen; notes may be there all the same */
  readonly verdict: 'well' | 'found';
  /** the one to begin with first */
  readonly findings: readonly Finding[];
  readonly unseen: readonly Unseen[];
};

/** What loses flows, in the order of what explains most. */
const LIVE: readonly Rule[] = [
  unloadHangs,
  tableFull,
  namespaceFull,
  hashTooShort,
  chainRefused,
  cloudLimit,
  tableFilling,
  deadEntries,
];

/** What will lose flows, and what does nothing. */
const CONFIGURED: readonly Rule[] = [
  brokenOption,
  dropInLost,
  anotherOwner,
  kubeProxy,
  loweredSince,
  nextBootLoses,
  iptablesUnload,
  wrongKey,
  deadLine,
  unreadConf,
  builtinOption,
  staleInitramfs,
  hashsizeAlone,
  loadersDisagree,
];

const MINOR: readonly Rule[] = [insertRaces, otherDatapath, noLimit];
const UNTIDY: readonly Rule[] = [duplicates, ufwOff];

const ORDER: readonly Severity[] = ['critical', 'warning', 'note'];

/** The verdict on a host; facts without `diagnosis` give less, and `unseen` does not tell what was not asked for. */
export function diagnose(facts: Facts): Diagnosis {
  const seen = seenOf(facts);
  // There the files that are seen decide nothing about max and buckets.
  const child = decidedOutside(facts) !== undefined;
  const rules = child ? [...LIVE, ...MINOR] : [...LIVE, ...CONFIGURED, ...MINOR, ...UNTIDY];
  const explained = rules.flatMap((rule) => rule(seen) ?? []);
  const broken = promiseBroken(seen, explained);
  const found = broken === undefined ? explained : [...explained, broken];
  // What waits for the next load is a note, and needs no other change.
  const waits = ['hash-too-short', 'lowered-since'];
  const told = found.some((each) => isWrong(each) || waits.includes(each.code));
  const all = (told ? found : [...asPlanned(seen), ...found]).map((each) => (child ? outside(each) : each));
  const findings = ORDER.flatMap((severity) => all.filter((finding) => finding.severity === severity));
  return { verdict: findings.some(isWrong) ? 'found' : 'well', findings, unseen: unseenIn(seen) };
}

/** What ctfix would do has to be done on the host then. */
function outside(finding: Finding): Finding {
  const remedies = finding.remedies.map((one) =>
    /^(sudo ctfix apply|ctfix plan)/.test(one.command ?? '') ? { ...one, say: `on the host: ${one.say}` } : one,
  );
  return { ...finding, remedies };
}

function isWrong({ severity }: Finding): boolean {
  return severity !== 'note';
}

/** A plan and a diagnosis never contradict each other: what a plan calls needed is wrong. */
function asPlanned({ sizing }: Seen): Finding[] {
  if (sizing.verdict !== 'needed') return [];
  const [what = 'the table needs a change'] = sizing.reasons;
  const remedies = [{ say: 'see the change', command: 'ctfix plan' }];
  return [{ code: 'change-needed', severity: 'warning', what, proof: sizing.reasons, remedies }];
}
