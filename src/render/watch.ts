/** A watched table on a terminal: one screen. Pure. */
import { isKnown, known, type Maybe } from '../model.ts';
import { CAUSES, type Cause, shareOf, sliceSeconds, type Watched } from '../watch.ts';
import { escapeLine } from './escape.ts';
import { duration, grouped, instant, percent } from './numbers.ts';
import { alarmOf, type Paint, paint, type View } from './paint.ts';

/** What the reader of a screen needs beside the kernel's own name. */
const MEANING: Readonly<Record<Cause, string>> = {
  drop: 'packets: table full, two at once, no memory',
  early_drop: 'flows thrown out of a full table',
  insert_failed: 'packets: two at once, or chain too long',
  chaintoolong: 'packets: hash too short for these flows',
};

const RAMPS = { unicode: [...'▁▂▃▄▅▆▇█'], ascii: [...'_.-~=+*#'] } as const;
const LABEL = 14;

/**
 * The screen, line by line, none wider than `columns` and not more than `rows` of them.
 * @param hint how the reader ends it; undefined for the last screen, which stays
 */
export function watchScreen(
  state: Watched,
  size: { readonly columns: number; readonly rows: number },
  view: View,
  hint?: string,
): readonly string[] {
  const p = paint(view);
  const width = Math.max(10, Math.min(60, size.columns - LABEL - 1));
  const title = `ctfix status --watch ${state.interval}`;
  const lines = [
    p.bold(`${title.padEnd(LABEL + 26)}${instant(state.now.time)}`),
    '',
    ...tableLines(state, width, view, p),
    '',
    ...dropLines(state, p),
    ...state.events.flatMap(({ time, text }, at) => [
      ...(at === 0 ? [''] : []),
      `${instant(time)}  ${escapeLine(text)}`,
    ]),
    ...(hint === undefined ? [] : ['', p.dim(hint)]),
  ];
  return lines.slice(0, Math.max(1, size.rows)).map((line) => cut(line, size.columns));
}

function tableLines(state: Watched, width: number, view: View, p: Paint): string[] {
  const { now, growth, highest } = state;
  if (!now.loaded) return [row('flows', p.yellow('nf_conntrack is not loaded: nothing is tracked now'))];
  return [
    row('flows', flows(state, p)),
    ...bar(state, width, view, p),
    ...spark(state, width, view),
    row('highest', highest === undefined ? 'unknown' : `${grouped(highest.count)} at ${instant(highest.time)}`),
    row(
      'growth',
      growth === undefined ? 'two looks are needed' : `${signed(growth)} flows/s, new ones less ended ones`,
    ),
    row('new flows', isKnown(state.fresh) ? `${rate(state.fresh)}/s` : escapeLine(state.fresh.unknown)),
    row('time to full', outlook(state, p)),
  ];
}

function flows({ now: { count, max } }: Watched, p: Paint): string {
  const many = p.bold(numberOr(count));
  const share = shareOf({ count, max });
  if (known(max) === 0) return `${many}, no limit is set`;
  return share === undefined ? `${many} of ${numberOr(max)}` : `${many} of ${numberOr(max)}, ${tint(share, p)}`;
}

function numberOr(value: Maybe<number>): string {
  return isKnown(value) ? grouped(value) : `unknown (${escapeLine(value.unknown)})`;
}

function tint(share: number, p: Paint): string {
  const alarm = alarmOf(share);
  return alarm === undefined ? percent(share) : p[alarm](percent(share));
}

function bar(state: Watched, width: number, view: View, p: Paint): string[] {
  const share = shareOf(state.now);
  if (share === undefined) return [];
  const full = Math.min(width, Math.ceil(share * width));
  const [on, off] = view.unicode ? ['█', '░'] : ['#', '.'];
  const colour = p[alarmOf(share) ?? 'green'];
  return [row('', colour(on.repeat(full)) + off.repeat(width - full))];
}

/** The count in the last minutes, from its own lowest to its own highest value; gaps are times without a look. */
function spark({ slices, interval }: Watched, width: number, view: View): string[] {
  const last = slices.at(-1);
  if (last === undefined) return [];
  const first = Math.max(last.number - width + 1, slices[0]?.number ?? 0);
  const shown = slices.filter(({ number }) => number >= first);
  const span = (last.number - first + 1) * sliceSeconds(interval);
  let [low, high] = [Number.POSITIVE_INFINITY, 0];
  for (const slice of shown) {
    low = Math.min(low, slice.high);
    high = Math.max(high, slice.high);
  }
  const ramp = view.unicode ? RAMPS.unicode : RAMPS.ascii;
  const step = high === low ? 0 : (ramp.length - 1) / (high - low);
  let text = '';
  for (const slice of shown) {
    text = text.padEnd(slice.number - first) + (ramp[Math.round((slice.high - low) * step)] ?? ' ');
  }
  return [row(`last ${duration(span)}`, text), row('', `from ${grouped(low)} to ${grouped(high)}`)];
}

function outlook({ outlook: what, now }: Watched, p: Paint): string {
  if (typeof what === 'object') {
    const left = what.seconds < 3600 ? p.red : p.yellow;
    return `${left(duration(what.seconds))}, at ${signed(what.slope)} flows/s of late`;
  }
  if (what === 'full') return p.red('full now');
  if (what === 'too early') return 'a few looks are needed';
  return what === 'unknown' && !isKnown(now.count) ? 'unknown' : what;
}

function dropLines({ rates, totals, began }: Watched, p: Paint): string[] {
  if (!isKnown(rates) && CAUSES.every((cause) => totals[cause] === undefined)) {
    return [row('drops', escapeLine(rates.unknown))];
  }
  const now = known(rates) ?? {};
  const lines = CAUSES.filter((cause) => totals[cause] !== undefined).map((cause) => {
    const [second, total] = [now[cause], totals[cause] ?? 0];
    const cells = `${(second === undefined ? '?' : `${rate(second)}/s`).padStart(9)}${grouped(total).padStart(11)}`;
    return row(cause, `${second !== undefined && second > 0 ? p.red(cells) : cells}  ${MEANING[cause]}`);
  });
  return [row('drops', `${'now'.padStart(9)}${'in all'.padStart(11)}  since ${instant(began.time)}`), ...lines];
}

/** `0`, `0.4`, `12`, `1,234`: small ones with a digit that counts. */
function rate(value: number): string {
  return value === 0 || Math.abs(value) >= 10 ? grouped(Math.round(value)) : value.toFixed(1);
}

function signed(value: number): string {
  return value > 0 ? `+${rate(value)}` : value < 0 ? `-${rate(-value)}` : '0';
}

function row(label: string, text: string): string {
  return `${label.padEnd(LABEL - 1)} ${text}`;
}

/** The first `columns` characters; colours take none, and end with the line. */
function cut(line: string, columns: number): string {
  if (line.length <= columns || line.replace(/\x1b\[[0-9;]*m/g, '').length <= columns) return line;
  let left = columns;
  return line.replace(/(\x1b\[[0-9;]*m)|[^\x1b]/gu, (found, colour: string | undefined) => {
    if (colour !== undefined) return found;
    left -= 1;
    return left >= 0 ? found : '';
  });
}
