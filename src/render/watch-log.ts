/** A watched table for a log or a program: one line for each look. Pure. */
import { isKnown, known } from '../model.ts';
import { shareOf, type Watched } from '../watch.ts';
import { escapeJson, escapeLine } from './escape.ts';
import { duration, instant, plural } from './numbers.ts';

/** One look as `key=value` words, for a log: what is not known is left out. */
export function watchLine(state: Watched): string {
  const { now, growth, fresh, highest } = state;
  const time = now.time.toISOString();
  if (!now.loaded) return `${time} nf_conntrack is not loaded${eventWords(state)}\n`;
  const share = shareOf(now);
  const words: readonly (readonly [string, string | undefined])[] = [
    ['count', plain(known(now.count))],
    ['max', plain(known(now.max))],
    ['fill', share === undefined ? undefined : `${(share * 100).toFixed(1)}%`],
    ['growth', growth === undefined ? undefined : `${growth.toFixed(1)}/s`],
    ['new', isKnown(fresh) ? `${fresh.toFixed(1)}/s` : undefined],
    ...Object.entries(known(state.rates) ?? {}).map(([cause, second]) => [cause, `${second.toFixed(1)}/s`] as const),
    ['full', outlookWord(state)],
    ['highest', plain(highest?.count)],
  ];
  const told = words.flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]));
  return `${time} ${told.join(' ')}${eventWords(state)}\n`;
}

function plain(value: number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

function outlookWord({ outlook: what }: Watched): string | undefined {
  if (typeof what === 'object') return `in-${Math.round(what.seconds)}s`;
  return { full: 'now', 'no limit': 'never', 'not filling': 'not-filling', 'too early': undefined, unknown: undefined }[
    what
  ];
}

function eventWords(state: Watched): string {
  return happened(state)
    .map((text) => ` (${escapeLine(text)})`)
    .join('');
}

/** What happened at this very look. */
function happened({ events, now }: Watched): readonly string[] {
  return events.flatMap(({ time, text }) => (time === now.time ? [text] : []));
}

/**
 * One look as one JSON object in one line. What is not known is `{ "unknown": reason }`; what needs another look first
 * is left out.
 */
export function watchJson(state: Watched): string {
  const { now, growth, fresh, rates, totals, outlook, highest } = state;
  const record = {
    schema: 'ctfix.watch/v1',
    at: now.time,
    loaded: now.loaded,
    count: now.count,
    max: now.max,
    fill: shareOf(now),
    growthPerSecond: growth,
    newPerSecond: fresh,
    dropsPerSecond: rates,
    drops: totals,
    outlook: typeof outlook === 'object' ? 'filling' : outlook,
    ...(typeof outlook === 'object' ? { secondsToFull: Math.round(outlook.seconds), slope: outlook.slope } : {}),
    ...(highest === undefined ? {} : { highest: { count: highest.count, at: highest.time } }),
    events: happened(state),
  };
  return `${escapeJson(JSON.stringify(record))}\n`;
}

/** The last words: the highest value, last of all in the form that a plan takes. */
export function watchEnd({ highest, began, now }: Watched): string {
  const seconds = (now.at - began.at) / 1000;
  if (highest === undefined || highest.count === 0) return `no flow was seen in ${duration(seconds)}\n`;
  return `highest: ${plural(highest.count, 'flow')} at ${instant(highest.time)}, in ${duration(seconds)}\n${planPeak(highest.count)}`;
}

/** The command that sizes the table for it. */
export function planPeak(highest: number): string {
  return `ctfix plan --peak ${highest}\n`;
}
