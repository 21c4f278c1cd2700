/** How many flows of a listing would be gone with a shorter timeout. Pure. */
import type { Flow } from './flow.ts';

/**
 * A TCP connection whose last packet waits for an answer, or is sent again and again, runs on a shorter timeout than its
 * state has: both are 300 s unless set (tcp_timeouts in nf_conntrack_proto_tcp.c). With so little left nobody can tell
 * whether it was idle for days or has just spoken.
 */
const UNANSWERED_S = 300;

/** A timeout by its key below net.netfilter.nf_conntrack_: what it is, and what it could be; in seconds. */
export type Question = { readonly key: string; readonly seconds: number; readonly now: number };

export type Answer = Question & {
  /** flows that run on this timeout, and say how many seconds they have left */
  readonly flows: number;
  /** idle for `seconds` or longer */
  readonly freed: number;
  /** less than the time in which an unanswered connection goes anyway: idle for long, or not; they go by themselves */
  readonly unsure: number;
  /** more left than `now`: something else has set their timeout, or `now` is not what was set */
  readonly beyond: number;
};

export type Asked = { readonly question: Question; flows: number; freed: number; unsure: number; beyond: number };

export function ask(question: Question): Asked {
  return { question, flows: 0, freed: 0, unsure: 0, beyond: 0 };
}

/** Counts a flow that runs on the timeout of the question. idle time = set timeout − what is left of it. */
export function askFlow(asked: Asked, { left, protocol }: Flow): void {
  if (left < 0) return;
  const { now, seconds } = asked.question;
  asked.flows += 1;
  if (left > now) asked.beyond += 1;
  else if (now - left < seconds) return;
  else if (protocol === 6 && left < UNANSWERED_S && now > UNANSWERED_S) asked.unsure += 1;
  else asked.freed += 1;
}

export function answer({ question, ...counts }: Asked): Answer {
  return { ...question, ...counts };
}
