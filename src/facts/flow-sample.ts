/** The first flows of the table, counted: enough to see what fills it, cheap on a table of any size. Pure. */
import type { FlowSample } from '../model.ts';

export const FLOWS = '/proc/net/nf_conntrack';

/**
 * How much is read of the table: some hundred flows. Up to 6.15 every read of the file walks again from the first bucket
 * (commit 5e4d107abd79 ended that), so that the whole of a large table takes minutes; its beginning takes nothing. Flows
 * lie in the order of their hashes: the first ones are a fair choice.
 */
export const SAMPLE_BYTES = 131_072;
export const SAMPLE: readonly [string, ...string[]] = ['head', '-c', String(SAMPLE_BYTES), FLOWS];

const SILENT_S = 86_400;

/**
 * Counts the flows of a listing; a last line that was cut off is left out.
 * @param text the beginning of /proc/net/nf_conntrack: `ipv4 2 tcp 6 431999 ESTABLISHED src=… dport=53 … [UNREPLIED] …`;
 *   the seconds are missing for offloaded flows, the state for protocols without one
 * @param established seconds of tcp_timeout_established; undefined: unknown, and no flow counts as silent
 * Source: ct_seq_show in net/netfilter/nf_conntrack_standalone.c
 */
export function parseSample(text: string, established: number | undefined): FlowSample {
  const lines = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '');
  const kinds = new Map<string, number>();
  let [flows, unreplied, dns, silent] = [0, 0, 0, 0];
  for (const line of lines) {
    const [, protocol, left, state] =
      /^ipv[46]\s+\d+\s+(\S+)\s+\d+(?:\s+(\d+))?(?:\s+([A-Z][A-Z_0-9]+))?\s/.exec(line) ?? [];
    if (protocol === undefined) continue;
    flows += 1;
    const kind = state === undefined ? protocol : `${protocol} ${state}`;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    if (line.includes('[UNREPLIED]') && !isEnding(kind)) unreplied += 1;
    if (/ dport=(\d+)/.exec(line)?.[1] === '53') dns += 1;
    const idle = established === undefined || left === undefined ? 0 : established - Number(left);
    if (kind === 'tcp ESTABLISHED' && idle >= SILENT_S) silent += 1;
  }
  const whole = text.length < SAMPLE_BYTES && (text === '' || text.endsWith('\n'));
  return { flows, whole, kinds: Object.fromEntries(kinds), unreplied, dns, silent };
}

/** Whether flows of a kind have ended and only wait to be forgotten. */
export function isEnding(kind: string): boolean {
  return /^tcp (TIME_WAIT|CLOSE|CLOSE_WAIT|FIN_WAIT|LAST_ACK)$/.test(kind);
}

/** The same listing without addresses and ports, but for port 53; what was cut off stays cut off. */
export function thinSample(text: string): string {
  const cut = text.length < SAMPLE_BYTES ? text : text.replace(/\n$/, '');
  return cut
    .replace(/ dport=(?!53\b)\d+/g, ' dport=0')
    .replace(/ (?:src|dst|sport|srckey|dstkey|secctx|packets|bytes|mark|zone(?:-\w+)?|use|delta-time)=\S*/g, '');
}
