/** Options and sizing: what was asked for and what should be. */
import type { Maybe } from './maybe.ts';

export type Strategy = 'live' | 'persist' | 'reload' | 'unload';

/** Options shared by plan, apply and verify. Absent means not given, never a default. */
export type PlanOptions = {
  readonly max?: number;
  readonly hashsize?: number;
  readonly precaution?: boolean;
  readonly ratio?: number;
  readonly peak?: number;
  readonly headroom?: number;
  /** a share of MemTotal (0 < share ≤ 1) or bytes */
  readonly memoryLimit?: { readonly share: number } | { readonly bytes: number };
  readonly allowShrink?: boolean;
  /** seconds by key below net.netfilter.nf_conntrack_: `tcp_timeout_established` → 86400 */
  readonly timeouts?: Readonly<Record<string, number>>;
  readonly strategy?: 'auto' | Strategy;
  readonly takeOver?: boolean;
  /** a reload without the guard, and without carrying flows over */
  readonly guard?: false;
  readonly carry?: false;
};

/** The values a change promises. `values`: other keys below net.netfilter.nf_conntrack_, e.g. timeouts. */
export type Targets = {
  readonly max: number;
  readonly buckets: number;
  readonly values: Readonly<Record<string, string>>;
};

export type Verdict = 'needed' | 'precaution' | 'requested' | 'nothing';

/** One number with its working, shown in every plan. */
export type Working = { readonly name: string; readonly value: number; readonly how: string };

export type MemoryBill = {
  /** bytes for one flow: slab object and extension */
  readonly perFlow: number;
  readonly perFlowHow: string;
  /** bytes for the bucket arrays */
  readonly hash: number;
  /** bytes when the table is full */
  readonly whenFull: number;
  /** share of MemTotal when full */
  readonly share: number;
  readonly limit: number;
  readonly overLimit: boolean;
};

/** A reason why nothing may be done (exit 3), with the exact thing to change. */
export type Refusal = {
  /** stable name for scripts and tests, kebab-case */
  readonly code: string;
  readonly what: string;
  readonly remedy: string;
  readonly file?: string;
  readonly line?: number;
};

export type Sizing = {
  readonly verdict: Verdict;
  /** why the verdict is what it is, most important first */
  readonly reasons: readonly string[];
  readonly present: { readonly max: Maybe<number>; readonly buckets: Maybe<number>; readonly count: Maybe<number> };
  readonly targets: Targets;
  readonly working: readonly Working[];
  readonly memory: MemoryBill;
  readonly refusals: readonly Refusal[];
  readonly notes: readonly string[];
};
